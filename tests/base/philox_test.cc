// Philox: the Random123 vectors, independence of order, moments, bounds.
#include "runtime/base/philox.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/hash.h"

namespace hydra {
namespace {

TEST(PhiloxTest, Random123KnownAnswers) {
  // philox4x32, 10 rounds, from kat_vectors of the Random123 distribution.
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, CounterLayout) {
  const Philox stream(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3);
  EXPECT_EQ(stream.Block(0x243f6a88),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(stream.Bits(uint64_t{0x243f6a88} * 4 + 2), 0x5001e420u);
}

TEST(PhiloxTest, FillDoesNotDependOnHowItIsSplit) {
  const Philox stream(7, Hash64("init:w"), 3);
  std::vector<float> whole(1001);
  stream.FillNormal(0, 1.0f, 0.02f, absl::MakeSpan(whole));
  for (size_t cut : {1, 2, 3, 4, 5, 500}) {
    std::vector<float> split(whole.size());
    stream.FillNormal(0, 1.0f, 0.02f, absl::MakeSpan(split).first(cut));
    stream.FillNormal(cut, 1.0f, 0.02f, absl::MakeSpan(split).subspan(cut));
    EXPECT_EQ(whole, split) << cut;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(whole[i], 1.0f + 0.02f * stream.Normal(i)) << i;
  }
}

TEST(PhiloxTest, SeedStreamAndStepAllMatter) {
  const uint32_t base = Philox(1, 2, 3).Bits(0);
  EXPECT_NE(base, Philox(2, 2, 3).Bits(0));
  EXPECT_NE(base, Philox(uint64_t{1} << 32 | 1, 2, 3).Bits(0));
  EXPECT_NE(base, Philox(1, 3, 3).Bits(0));
  EXPECT_NE(base, Philox(1, uint64_t{1} << 32 | 2, 3).Bits(0));
  EXPECT_NE(base, Philox(1, 2, 4).Bits(0));
}

TEST(PhiloxTest, NormalMoments) {
  const Philox stream(11, Hash64("moments"));
  constexpr int kCount = 200000;
  double sum = 0, squares = 0, fourth = 0, neighbours = 0, previous = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = stream.Normal(i);
    ASSERT_LT(std::abs(x), 6.8);
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    neighbours += x * previous;
    previous = x;
  }
  // Five standard errors of each estimate.
  EXPECT_NEAR(sum / kCount, 0.0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1.0, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth / kCount, 3.0, 5 * std::sqrt(96.0 / kCount));
  EXPECT_NEAR(neighbours / kCount, 0.0, 5 / std::sqrt(kCount));
}

TEST(PhiloxTest, UniformRangeAndMean) {
  const Philox stream(12, Hash64("uniform"));
  std::vector<float> values(100000);
  stream.FillUniform(0, -2.0f, 4.0f, absl::MakeSpan(values));
  double sum = 0;
  for (float value : values) {
    ASSERT_GE(value, -2.0f);
    ASSERT_LT(value, 4.0f);
    sum += value;
  }
  EXPECT_NEAR(sum / values.size(), 1.0, 5 * 6.0 / std::sqrt(12.0 * values.size()));
}

TEST(PhiloxTest, BelowIsTheHighWordOfTheProduct) {
  const Philox stream(13, Hash64("below"));
  for (uint64_t bound :
       {uint64_t{1}, uint64_t{10}, uint64_t{1} << 33, uint64_t{0x123456789abcdef}, ~uint64_t{0}}) {
    for (uint64_t i = 0; i < 1000; ++i) {
      const uint64_t bits = uint64_t{stream.Bits(2 * i + 1)} << 32 | stream.Bits(2 * i);
      __extension__ using Wide = unsigned __int128;
      ASSERT_EQ(stream.Below(i, bound), static_cast<uint64_t>(Wide{bound} * bits >> 64));
      ASSERT_LT(stream.Below(i, bound), bound);
    }
  }
}

}  // namespace
}  // namespace hydra
