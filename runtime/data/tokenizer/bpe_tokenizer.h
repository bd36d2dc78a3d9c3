// Byte-level BPE: added tokens are found, the text between them is cut into words, and the bytes of
// each word are merged into tokens. The ids are those of Hugging Face's tokenizers for the same
// tokenizer.json, with add_special_tokens=False. Bytes that are no UTF-8 are tokens of one byte.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_BPE_TOKENIZER_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_BPE_TOKENIZER_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"

namespace hydra::data {

// Of the contents of a tokenizer.json. Errors are those of ParseTokenizerJson.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeBpeTokenizer(std::string contents,
                                                            absl::string_view source);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_BPE_TOKENIZER_H_
