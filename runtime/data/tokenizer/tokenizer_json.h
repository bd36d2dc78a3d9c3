// tokenizer.json, Hugging Face's format, as far as byte-level BPE goes; what else a file asks for
// is refused by name.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_TOKENIZER_JSON_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_TOKENIZER_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer/bpe_model.h"

namespace hydra::data {

// A token that is found in the text before it is cut into words.
struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;
  bool normalized = false;  // found only where no token without this is
};

struct BpeFile {
  BpeTable table;
  std::string split_pattern;  // of words
  std::vector<AddedToken> added;
  int64_t vocab_size = 0;  // one more than the largest id
};

// kInput with line, key and what was expected. `source` names the text in messages.
absl::StatusOr<BpeFile> ParseTokenizerJson(absl::string_view text, absl::string_view source);

// A file of that kind: GPT-2's words, no normalization. Equal tables give equal bytes.
std::string TokenizerJsonText(const BpeTable& table, const std::vector<AddedToken>& added);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_TOKENIZER_JSON_H_
