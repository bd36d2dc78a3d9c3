// F32 to the short float types and back: every number of theirs, and the rounding between them.
#include "runtime/train/weights_conversion.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace hydra::train {
namespace {

absl::Span<uint8_t> BytesOf(std::vector<uint16_t>& values) {
  return {reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(uint16_t)};
}

uint16_t Rounded(float value, DType type) {
  std::vector<uint16_t> bits(1);
  ConvertFromFloat({value}, type, BytesOf(bits));
  return bits[0];
}

TEST(WeightsConversion, EveryNumberComesBack) {
  for (const DType type : {DType::kF16, DType::kBF16}) {
    std::vector<uint16_t> all(1 << 16), again(1 << 16);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
    std::vector<float> values(all.size());
    EXPECT_EQ(ConvertToFloat(type, BytesOf(all), absl::MakeSpan(values)), std::nullopt);
    EXPECT_EQ(ConvertFromFloat(values, type, BytesOf(again)), std::nullopt);
    for (size_t i = 0; i < all.size(); ++i) {
      if (std::isnan(values[i])) {
        // Still a NaN, of the same sign.
        EXPECT_EQ(again[i] >> 15, all[i] >> 15) << i;
        EXPECT_GT(again[i] & 0x7fff, type == DType::kF16 ? 0x7c00 : 0x7f80) << i;
      } else {
        EXPECT_EQ(again[i], all[i]);
      }
    }
  }
}

// Between two neighbours: below the middle to the lower one, above it to the upper one, at it to
// the even one.
TEST(WeightsConversion, RoundsToNearestEven) {
  for (const DType type : {DType::kF16, DType::kBF16}) {
    const uint16_t largest = type == DType::kF16 ? 0x7bff : 0x7f7f;
    for (uint16_t low = 0; low < largest; ++low) {
      std::vector<uint16_t> bits = {low, static_cast<uint16_t>(low + 1)};
      std::vector<float> ends(2);
      ASSERT_EQ(ConvertToFloat(type, BytesOf(bits), absl::MakeSpan(ends)), std::nullopt);
      const float middle =
          static_cast<float>((static_cast<double>(ends[0]) + static_cast<double>(ends[1])) / 2);
      ASSERT_EQ(Rounded(middle, type), low % 2 == 0 ? bits[0] : bits[1]) << low;
      ASSERT_EQ(Rounded(std::nextafter(middle, 0.0f), type), bits[0]) << low;
      ASSERT_EQ(Rounded(std::nextafter(middle, ends[1]), type), bits[1]) << low;
      ASSERT_EQ(Rounded(-middle, type), Rounded(middle, type) | 0x8000) << low;
    }
  }
}

TEST(WeightsConversion, NamesWhatIsTooLarge) {
  std::vector<uint16_t> bits(3);
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(ConvertFromFloat({1, 65519, infinity}, DType::kF16, BytesOf(bits)), std::nullopt);
  EXPECT_EQ(bits[1], 0x7bff);
  EXPECT_EQ(bits[2], 0x7c00);
  EXPECT_EQ(ConvertFromFloat({1, -65520, 2}, DType::kF16, BytesOf(bits)), 1u);
  EXPECT_EQ(ConvertFromFloat({1, 65520, 3e38f}, DType::kBF16, BytesOf(bits)), std::nullopt);
  EXPECT_EQ(
      ConvertFromFloat({std::numeric_limits<float>::max()}, DType::kBF16, BytesOf(bits).first(2)),
      0u);
}

}  // namespace
}  // namespace hydra::train
