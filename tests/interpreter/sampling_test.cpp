// The definition of hydra.sample: distribution, limits, penalty, purity, damaged logits.
#include <cmath>
#include <limits>
#include <map>

#include "tests/interpreter/interpreter_fixture.h"

namespace mlir::hydra {
namespace {

struct Settings {
  double temperature = 1;
  int topK = 0;
  double topP = 1, repeatPenalty = 1;
  int vocabulary = 1 << 20;
  uint64_t seed = 0;
  uint32_t sequence = 0;
  std::vector<double> history = {-1};
};

class SamplingTest : public InterpreterTest {
 protected:
  // The token that follows `position` tokens, of draws [first, first + count), one per row.
  std::vector<int> draw(const std::vector<double>& logits, const Settings& settings, int64_t count,
                        int64_t first = 0) {
    auto ids = static_cast<int64_t>(logits.size());
    auto places = static_cast<int64_t>(settings.history.size());
    TensorValue scores(ElementKind::f32, {count, ids}),
        history(ElementKind::i32, {count, places, 1}), position(ElementKind::i32, {count}),
        ones(ElementKind::i32, {count}, 1), seed(ElementKind::i32, {count, 2}),
        sequence(ElementKind::i32, {count}, settings.sequence);
    for (int64_t row = 0; row < count; ++row) {
      std::copy(logits.begin(), logits.end(), scores.row(row));
      std::copy(settings.history.begin(), settings.history.end(), history.data() + row * places);
      position[row] = static_cast<double>(first + row);
      seed[2 * row] = static_cast<int32_t>(settings.seed);
      seed[2 * row + 1] = static_cast<int32_t>(settings.seed >> 32);
    }
    auto outputs = runOp(
        "hydra.sample %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10",
        {scores, history, position, ones, seed, sequence, TensorValue::scalar(settings.temperature),
         TensorValue::scalarInt(settings.topK), TensorValue::scalar(settings.topP),
         TensorValue::scalar(settings.repeatPenalty), TensorValue::scalarInt(settings.vocabulary)},
        {"tensor<" + std::to_string(count) + "xi32>"});
    std::vector<int> tokens;
    for (double token : outputs["result0"].elements()) tokens.push_back(static_cast<int>(token));
    return tokens;
  }
  int one(const std::vector<double>& logits, const Settings& settings = {}) {
    return draw(logits, settings, 1)[0];
  }
  std::map<int, double> shares(const std::vector<double>& logits, const Settings& settings) {
    constexpr int64_t kDraws = 20000;
    std::map<int, double> result;
    for (int token : draw(logits, settings, kDraws)) result[token] += 1.0 / kDraws;
    return result;
  }
};

TEST_P(SamplingTest, ZeroTemperatureTakesTheFirstMaximum) {
  EXPECT_EQ(one({0.5, 2, 2, -1}, {.temperature = 0}), 1);
  EXPECT_EQ(one({-0.0, 0.0}, {.temperature = 0}), 0);
  EXPECT_EQ(one({1, 2, 3}, {.temperature = 0, .vocabulary = 2}), 1);
}

TEST_P(SamplingTest, FollowsTheDistribution) {
  auto found = shares({std::log(0.2), std::log(0.5), std::log(0.3)}, {.seed = 5});
  EXPECT_NEAR(found[0], 0.2, 0.015);
  EXPECT_NEAR(found[1], 0.5, 0.015);
  EXPECT_NEAR(found[2], 0.3, 0.015);
}

TEST_P(SamplingTest, TemperatureSharpens) {
  // At temperature 0.5 the odds 3:1 become 9:1.
  auto found = shares({std::log(0.75), std::log(0.25)}, {.temperature = 0.5, .seed = 1});
  EXPECT_NEAR(found[0], 0.9, 0.01);
}

TEST_P(SamplingTest, TopKKeepsTheMostLikely) {
  auto found = shares({1, 4, 2, 3}, {.topK = 2});
  EXPECT_EQ(found.size(), 2u);
  EXPECT_NEAR(found[1], std::exp(4) / (std::exp(3) + std::exp(4)), 0.015);
  EXPECT_TRUE(found.count(3));
  // Of equal ones the lower ids.
  found = shares({1, 4, 4, 4}, {.topK = 2});
  EXPECT_EQ(found.size(), 2u);
  EXPECT_TRUE(found.count(1) && found.count(2));
}

TEST_P(SamplingTest, TopPKeepsTheSmallestSet) {
  std::vector<double> logits = {std::log(0.5), std::log(0.3), std::log(0.2)};
  EXPECT_EQ(shares(logits, {.topP = 0.4}).size(), 1u);
  EXPECT_EQ(shares(logits, {.topP = 0.6}).size(), 2u);
  EXPECT_EQ(shares(logits, {.topP = 0.9}).size(), 3u);
  // Of what top-k leaves: 0.5 of 0.8 is more than 0.6.
  EXPECT_EQ(shares(logits, {.topK = 2, .topP = 0.6}).size(), 1u);
}

TEST_P(SamplingTest, RepeatedTokensAreLessLikelyOnce) {
  Settings settings{.temperature = 0, .repeatPenalty = 2, .history = {0, 0, 0}};
  EXPECT_EQ(draw({4, 1.9}, settings, 1, 2)[0], 0);
  EXPECT_EQ(draw({4, 2.1}, settings, 1, 2)[0], 1);
  EXPECT_EQ(draw({-1, -1.9}, settings, 1, 2)[0], 1);
  // Only what the sequence has so far: behind it, the history holds anything.
  settings.history = {1, 0, 0};
  EXPECT_EQ(one({4, 2.1}, settings), 0);
}

TEST_P(SamplingTest, IsAPureFunctionOfSeedSequenceAndPosition) {
  std::vector<double> logits(64, 0.0);
  auto base = draw(logits, {.seed = 3}, 50), later = draw(logits, {.seed = 3}, 50, 1);
  EXPECT_EQ(draw(logits, {.seed = 3}, 50), base);
  auto different = [&](const std::vector<int>& other) {
    int count = 0;
    for (size_t i = 0; i < base.size(); ++i) count += base[i] != other[i];
    return count;
  };
  EXPECT_GT(different(later), 40);
  // The row plays no part.
  EXPECT_TRUE(std::equal(later.begin(), later.end() - 1, base.begin() + 1));
  EXPECT_GT(different(draw(logits, {.seed = 4}, 50)), 40);
  EXPECT_GT(different(draw(logits, {.seed = 3 + (uint64_t{1} << 32)}, 50)), 40);
  EXPECT_GT(different(draw(logits, {.seed = 3, .sequence = 1}, 50)), 40);
}

TEST_P(SamplingTest, DamagedLogitsGiveNoToken) {
  double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(one({0, std::nan("")}), -1);
  EXPECT_EQ(one({0, infinity}), -1);
  EXPECT_EQ(one({-infinity, -infinity}), -1);
  EXPECT_EQ(one({-infinity, 0}), 1);
  // Ids that may not be chosen are not looked at.
  EXPECT_EQ(one({0, std::nan("")}, {.vocabulary = 1}), 0);
}

INSTANTIATE_TEST_SUITE_P(Precisions, SamplingTest,
                         ::testing::Values(Precision::float32, Precision::float64));

}  // namespace
}  // namespace mlir::hydra
