// What the SentencePiece library takes on trust in a model file, checked before it sees it: pieces
// that its tries cannot hold, and tables of normalization that would lead it out of bounds.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_CHECK_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_CHECK_H_

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"

namespace hydra::data {

// kInput with what is wrong and the byte where its message begins.
absl::Status CheckSentencePieceModel(absl::string_view model, absl::string_view name);

// A precompiled normalization table: a double-array trie from text to offsets into a block of
// zero-terminated replacements. `where` begins messages.
absl::Status CheckCharacterMap(absl::string_view map, absl::string_view where);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_SENTENCEPIECE_CHECK_H_
