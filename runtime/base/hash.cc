// XXH3 behind hash.h; the header-only form, so that no other library is linked.
#include "runtime/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/str_format.h"

namespace hydra {
namespace {

Hash128 FromXxh(XXH128_hash_t hash) { return {.high = hash.high64, .low = hash.low64}; }

std::optional<uint64_t> ParseHex64(absl::string_view digits) {
  uint64_t value = 0;
  for (char c : digits) {
    unsigned digit;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

}  // namespace

std::string Hash128::ToHex() const { return absl::StrFormat("%016x%016x", high, low); }

std::optional<Hash128> Hash128::FromHex(absl::string_view hex) {
  if (hex.size() != 32) return std::nullopt;
  const std::optional<uint64_t> high = ParseHex64(hex.substr(0, 16));
  const std::optional<uint64_t> low = ParseHex64(hex.substr(16));
  if (!high || !low) return std::nullopt;
  return Hash128{.high = *high, .low = *low};
}

Hash128 HashBytes(absl::Span<const uint8_t> bytes) {
  return FromXxh(XXH3_128bits(bytes.data(), bytes.size()));
}

Hash128 HashString(absl::string_view text) {
  return FromXxh(XXH3_128bits(text.data(), text.size()));
}

uint64_t Hash64(absl::string_view text) { return XXH3_64bits(text.data(), text.size()); }

struct Hasher::State {
  XXH3_state_t xxh;
};

Hasher::Hasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->xxh); }
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::Update(absl::Span<const uint8_t> bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
  return *this;
}

Hasher& Hasher::AddField(absl::string_view field) {
  AddField(static_cast<uint64_t>(field.size()));
  return Update({reinterpret_cast<const uint8_t*>(field.data()), field.size()});
}

Hasher& Hasher::AddField(uint64_t value) {
  uint8_t little_endian[8];
  for (int i = 0; i < 8; ++i) little_endian[i] = static_cast<uint8_t>(value >> (8 * i));
  return Update(little_endian);
}

Hash128 Hasher::Digest() const { return FromXxh(XXH3_128bits_digest(&state_->xxh)); }

}  // namespace hydra
