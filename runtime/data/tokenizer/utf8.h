// UTF-8 as tokenizers need it: how much of a text is well-formed.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_UTF8_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace hydra::data {

// One character, well-formed by the Unicode standard (no overlong forms, no surrogates).
struct Utf8Character {
  size_t bytes = 0;    // 0: what the text begins with is none
  uint32_t value = 0;  // its code point
  bool cut = false;    // none, but more bytes could make it one
};

// The first character of a text that is not empty.
Utf8Character FirstCharacter(absl::string_view text);

// Bytes of the longest beginning that is well-formed.
size_t WellFormedPrefix(absl::string_view text);

// Adds a code point, which is one of Unicode's and no surrogate.
void AppendCharacter(uint32_t value, std::string& text);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_UTF8_H_
