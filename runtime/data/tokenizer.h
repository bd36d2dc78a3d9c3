// Text to token ids and back.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"

namespace hydra::data {

// Immutable and thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // What `--tokenizer` calls it, e.g. "byte".
  virtual absl::string_view name() const = 0;
  // Ids are 0 .. vocab_size() - 1.
  virtual int64_t vocab_size() const = 0;
  virtual absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text) const = 0;
  // The bytes of the tokens; a multi-byte character may be split over tokens. kInvalidArgument
  // names the first id outside the vocabulary.
  virtual absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const = 0;
};

// The tokenizer of that name. kInvalidArgument lists the known ones.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizer(absl::string_view name);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_H_
