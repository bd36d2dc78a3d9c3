// A data directory, made by `hydra-run data text` or `data jsonl`: shards train.tokens,
// train-00001.tokens, ..., the same of validation, the tokenizer's file, and data.json, which says
// what each shard holds, where it comes from, and its hash.
#ifndef HYDRA_RUNTIME_DATA_DATASET_H_
#define HYDRA_RUNTIME_DATA_DATASET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/data/source_map.h"
#include "runtime/data/token_shards.h"

namespace hydra::data {

inline constexpr char kDataFormat[] = "hydra-data-2";
inline constexpr char kDataDescription[] = "data.json";

// An opened data directory. Immutable; thread-safe.
class Dataset {
 public:
  // Opens data.json and the token files, and checks that these are the ones it describes, by what
  // their headers say; their ids are not looked at (TokenFile::Verify). kInput for
  // what is missing or damaged.
  static absl::StatusOr<Dataset> Open(const std::string& directory);

  // Its name, and the bytes of its file, which lies in the directory; none for "byte".
  const std::string& tokenizer() const { return tokenizer_; }
  const std::string& tokenizer_contents() const { return tokenizer_contents_; }
  int64_t vocab_size() const { return train_.vocab_size(); }
  const TokenShards& train() const { return train_; }
  // nullptr if nothing was held out.
  const TokenShards* validation() const { return validation_ ? &*validation_ : nullptr; }
  // The texts that the ids come from, by name; none in directories of version 1, which do not say.
  const std::vector<std::string>& sources() const { return sources_; }
  // Which of them each id of train() and of validation() is of; empty without sources().
  const SourceMap& train_sources() const { return train_sources_; }
  const SourceMap& validation_sources() const { return validation_sources_; }
  // Names the contents: equal for equal tokens, wherever the directory lies.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  Dataset(std::string tokenizer, std::string tokenizer_contents, TokenShards train,
          std::optional<TokenShards> validation);

  std::string tokenizer_;
  std::string tokenizer_contents_;
  TokenShards train_;
  std::optional<TokenShards> validation_;
  std::vector<std::string> sources_;
  SourceMap train_sources_, validation_sources_;
  std::string fingerprint_;
};

enum class TextFormat {
  kText,   // a file is one text
  kJsonl,  // a line is a JSON object with a document
};

struct TextOptions {
  TextFormat format = TextFormat::kText;
  std::vector<std::string> files;             // in this order; "-": standard input
  std::string out;                            // made; appears whole or not at all
  bool force = false;                         // replaces a data directory that is there
  std::string tokenizer = "byte";             // or the path of its file
  std::string field = "text";                 // of a document
  double validation_fraction = 0.05;          // the last tokens; in [0, 1)
  uint64_t shard_tokens = uint64_t{1} << 26;  // of a file; at least 1
};

struct TextSummary {
  uint64_t bytes = 0;
  uint64_t documents = 0;  // files, or lines of JSON
  uint64_t train_tokens = 0;
  uint64_t validation_tokens = 0;
  std::string fingerprint;
};

// Tokenizes texts into a data directory, in bounded memory whatever their size. Each text is
// tokenized by itself; documents of JSON end with the tokenizer's document_end. The same texts give
// the same bytes. kUsage for options and for an `out` that would be overwritten, kInput for missing
// files and text that is too short.
absl::StatusOr<TextSummary> PrepareText(const TextOptions& options);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_DATASET_H_
