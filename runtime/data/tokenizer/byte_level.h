// The alphabet of byte-level tokenizers: each byte as one printable character (GPT-2's table), in
// which vocabularies and merges are written.
#ifndef HYDRA_RUNTIME_DATA_TOKENIZER_BYTE_LEVEL_H_
#define HYDRA_RUNTIME_DATA_TOKENIZER_BYTE_LEVEL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace hydra::data {

// The character of a byte: itself where it is printable and no space, else 256, 257, ... in order.
uint32_t CharacterOfByte(uint8_t byte);

// Bytes written in the alphabet, as UTF-8.
std::string ToByteLevel(absl::string_view bytes);

// The bytes that `text` stands for; `text` itself if it has characters outside the alphabet.
std::string FromByteLevel(absl::string_view text);

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_TOKENIZER_BYTE_LEVEL_H_
