// A data directory: train.tokens, validation.tokens and data.json, made by `hydra-run data text`.
#ifndef HYDRA_RUNTIME_DATA_DATASET_H_
#define HYDRA_RUNTIME_DATA_DATASET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/data/token_file.h"

namespace hydra::data {

// An opened data directory. Immutable; thread-safe.
class Dataset {
 public:
  // Opens data.json and the token files, and checks that these are the ones it describes, by what
  // their headers say; their ids are not looked at (TokenFile::Verify). kInput for
  // what is missing or damaged.
  static absl::StatusOr<Dataset> Open(const std::string& directory);

  const std::string& tokenizer() const { return tokenizer_; }
  int64_t vocab_size() const { return train_.vocab_size(); }
  const TokenFile& train() const { return train_; }
  // nullptr if nothing was held out.
  const TokenFile* validation() const { return validation_ ? &*validation_ : nullptr; }
  // Names the contents: equal for equal tokens, wherever the directory lies.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  Dataset(std::string tokenizer, TokenFile train, std::optional<TokenFile> validation);

  std::string tokenizer_;
  TokenFile train_;
  std::optional<TokenFile> validation_;
  std::string fingerprint_;
};

struct TextOptions {
  std::vector<std::string> files;  // joined in this order
  std::string out;                 // made; appears whole or not at all
  bool force = false;              // replaces a data directory that is there
  std::string tokenizer = "byte";
  double validation_fraction = 0.05;  // the last tokens; in [0, 1)
};

struct TextSummary {
  uint64_t bytes = 0;
  uint64_t train_tokens = 0;
  uint64_t validation_tokens = 0;
  std::string fingerprint;
};

// Tokenizes text files into a data directory. The same text gives the same bytes. kUsage for
// options and for an `out` that would be overwritten, kInput for missing files and text that is too
// short.
absl::StatusOr<TextSummary> PrepareText(const TextOptions& options);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_DATASET_H_
