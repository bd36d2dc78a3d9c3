#include "runtime/data/tokenizer/byte_level.h"

#include <array>

#include "runtime/data/tokenizer/utf8.h"

namespace hydra::data {
namespace {

constexpr uint32_t kCharacters = 324;  // 188 bytes are themselves, 68 follow from 256

constexpr bool IsItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<uint16_t, 256> character{};
  std::array<int16_t, kCharacters> byte{};

  constexpr Tables() {
    byte.fill(-1);
    uint32_t next = 256;
    for (uint32_t b = 0; b < 256; ++b) {
      const uint32_t c = IsItself(b) ? b : next++;
      character[b] = static_cast<uint16_t>(c);
      byte[c] = static_cast<int16_t>(b);
    }
  }
};
constexpr Tables kTables;

}  // namespace

uint32_t CharacterOfByte(uint8_t byte) { return kTables.character[byte]; }

std::string ToByteLevel(absl::string_view bytes) {
  std::string text;
  for (const char c : bytes) AppendCharacter(CharacterOfByte(static_cast<uint8_t>(c)), text);
  return text;
}

std::string FromByteLevel(absl::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character c = FirstCharacter(text.substr(at));
    if (c.bytes == 0 || c.value >= kCharacters || kTables.byte[c.value] < 0) {
      return std::string(text);
    }
    bytes.push_back(static_cast<char>(kTables.byte[c.value]));
    at += c.bytes;
  }
  return bytes;
}

}  // namespace hydra::data
