// XXH3 hashes: published values, streaming, hexadecimal form.
#include "runtime/base/hash.h"

#include <utility>

#include "gtest/gtest.h"

namespace hydra {
namespace {

absl::Span<const uint8_t> Bytes(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(HashTest, KnownAnswers) {
  // The empty input and "abc" as `xxhsum -H2` prints them.
  EXPECT_EQ(HashString("").ToHex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(HashString("abc").ToHex(), "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2u);
}

TEST(HashTest, StreamingEqualsOneShot) {
  const std::string text(10000, 'x');
  for (size_t cut : {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{9999}}) {
    Hasher hasher;
    hasher.Update(Bytes(text.substr(0, cut))).Update(Bytes(text.substr(cut)));
    EXPECT_EQ(hasher.Digest(), HashString(text)) << cut;
  }
}

TEST(HashTest, FieldsAreUnambiguous) {
  Hasher a, b;
  a.AddField("ab").AddField("c");
  b.AddField("a").AddField("bc");
  EXPECT_NE(a.Digest(), b.Digest());
  Hasher moved = std::move(a);
  EXPECT_EQ(moved.Digest(), Hasher().AddField("ab").AddField("c").Digest());
}

TEST(HashTest, HexRoundTrip) {
  const Hash128 hash{.high = 0x0123456789abcdefu, .low = 0x00000000000000ffu};
  EXPECT_EQ(hash.ToHex(), "0123456789abcdef00000000000000ff");
  EXPECT_EQ(Hash128::FromHex(hash.ToHex()), hash);
  EXPECT_EQ(Hash128::FromHex("0123456789ABCDEF00000000000000FF"), hash);
  EXPECT_FALSE(Hash128::FromHex("").has_value());
  EXPECT_FALSE(Hash128::FromHex("0123456789abcdef00000000000000f").has_value());
  EXPECT_FALSE(Hash128::FromHex("0123456789abcdef00000000000000fg").has_value());
}

}  // namespace
}  // namespace hydra
