// Content hashes (XXH3): 128 bits for files, kernels and cache keys, 64 bits for stream ids.
// They detect damage and name content; they are not a defence against a forger.
// Values do not depend on the machine and may be stored.
#ifndef HYDRA_RUNTIME_BASE_HASH_H_
#define HYDRA_RUNTIME_BASE_HASH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace hydra {

// An XXH3-128 value. ToHex() is the canonical (big-endian) form that `xxhsum -H2` prints.
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  std::string ToHex() const;
  // Reads exactly 32 hexadecimal digits; anything else gives nothing.
  static std::optional<Hash128> FromHex(absl::string_view hex);

  friend bool operator==(const Hash128&, const Hash128&) = default;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

Hash128 HashBytes(absl::Span<const uint8_t> bytes);
Hash128 HashString(absl::string_view text);

// XXH3-64 of a text; names a random stream (philox.h) or spreads keys.
uint64_t Hash64(absl::string_view text);

// Hashes a sequence of pieces. Not thread-safe; movable.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  // Adds raw bytes: Update(a); Update(b) equals Update(a followed by b).
  Hasher& Update(absl::Span<const uint8_t> bytes);

  // Adds one field with its length before it, so that ("ab","c") and ("a","bc") differ.
  Hasher& AddField(absl::string_view field);
  Hasher& AddField(uint64_t value);

  // The hash of everything added so far; more may be added afterwards.
  Hash128 Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_HASH_H_
