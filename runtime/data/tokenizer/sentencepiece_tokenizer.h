// SentencePiece models, run by their own library: ids and text are the library's.
//
// A model encodes one line at a time, its line break included, as spm_encode does; whether a line
// break has a token is the model's affair.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_TOKENIZER_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_TOKENIZER_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"

namespace hydra::data {

// Of the contents of a .model file. kInput for what is none.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeSentencePieceTokenizer(std::string contents,
                                                                      absl::string_view source);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_TOKENIZER_H_
