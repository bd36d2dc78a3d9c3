// Sampling: distribution, limits, purity, damaged logits.
#include "runtime/generate/sampling.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/status.h"

namespace hydra::generate {
namespace {

int32_t Sample(const std::vector<float>& logits, const SamplingOptions& options,
               uint64_t position) {
  absl::StatusOr<int32_t> token = SampleToken(logits, options, 0, position);
  EXPECT_TRUE(token.ok()) << token.status();
  return token.value_or(-1);
}

std::map<int32_t, int> Histogram(const std::vector<float>& logits, const SamplingOptions& options,
                                 int draws) {
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[Sample(logits, options, i)];
  return counts;
}

TEST(Sampling, ZeroTemperatureTakesTheFirstMaximum) {
  EXPECT_EQ(Sample({0.5f, 2.0f, 2.0f, -1.0f}, {.temperature = 0}, 7), 1);
}

TEST(Sampling, FollowsTheDistribution) {
  // Probabilities 0.5, 0.3, 0.2.
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  const int draws = 20000;
  const auto counts = Histogram(logits, {.seed = 5}, draws);
  EXPECT_NEAR(counts.at(0) / double(draws), 0.2, 0.015);
  EXPECT_NEAR(counts.at(1) / double(draws), 0.5, 0.015);
  EXPECT_NEAR(counts.at(2) / double(draws), 0.3, 0.015);
}

TEST(Sampling, TemperatureSharpens) {
  // At temperature 0.5 the odds 3:1 become 9:1.
  const int draws = 20000;
  const auto counts =
      Histogram({std::log(0.75f), std::log(0.25f)}, {.temperature = 0.5, .seed = 1}, draws);
  EXPECT_NEAR(counts.at(0) / double(draws), 0.9, 0.01);
}

TEST(Sampling, TopKKeepsTheMostLikely) {
  const auto counts = Histogram({1, 4, 2, 3}, {.top_k = 2}, 2000);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_TRUE(counts.contains(1));
  EXPECT_TRUE(counts.contains(3));
}

TEST(Sampling, TopPKeepsTheSmallestSet) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  EXPECT_EQ(Histogram(logits, {.top_p = 0.4}, 2000).size(), 1u);
  EXPECT_EQ(Histogram(logits, {.top_p = 0.6}, 2000).size(), 2u);
  EXPECT_EQ(Histogram(logits, {.top_p = 0.9}, 2000).size(), 3u);
}

TEST(Sampling, IsAPureFunctionOfSeedRowAndPosition) {
  const std::vector<float> logits(64, 0.0f);
  int different_positions = 0, different_seeds = 0, different_rows = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    const int32_t token = Sample(logits, {.seed = 3}, i);
    EXPECT_EQ(token, Sample(logits, {.seed = 3}, i));
    different_positions += token != Sample(logits, {.seed = 3}, i + 1);
    different_seeds += token != Sample(logits, {.seed = 4}, i);
    different_rows += token != SampleToken(logits, {.seed = 3}, 1, i).value_or(-1);
  }
  EXPECT_GT(different_positions, 40);
  EXPECT_GT(different_seeds, 40);
  EXPECT_GT(different_rows, 40);
}

TEST(Sampling, RefusesDamagedLogitsAndOptions) {
  const std::vector<float> nan = {0, std::nanf("")};
  EXPECT_EQ(KindOf(SampleToken(nan, {}, 0, 0).status()), ErrorKind::kNumerical);
  const std::vector<float> none(2, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(KindOf(SampleToken(none, {}, 0, 0).status()), ErrorKind::kNumerical);
  for (const SamplingOptions& bad :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.top_k = -1},
        SamplingOptions{.top_p = 0}, SamplingOptions{.top_p = 1.5}}) {
    EXPECT_EQ(KindOf(CheckSamplingOptions(bad)), ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace hydra::generate
