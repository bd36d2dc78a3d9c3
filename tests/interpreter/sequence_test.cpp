// Window ops and attention against naive formulas.
#include <limits>

#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class SequenceTest : public InterpreterTest {};
HYDRA_BOTH_PRECISIONS(SequenceTest);

TEST_P(SequenceTest, ShiftDelaysTheUpperChannels) {
  TensorValue x = floats({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  expectNear(
      runOp("hydra.shift %0 {from_channel = 1 : i64}", {x}, {"tensor<2x2x3xf32>"})["result0"],
      floats({2, 2, 3}, {1, 0, 0, 4, 2, 3, 7, 0, 0, 10, 8, 9}), 0);
  expectNear(runOp("hydra.shift %0 history %1 {from_channel = 1 : i64}",
                   {x, floats({2, 1, 2}, {20, 30, 40, 50})}, {"tensor<2x2x3xf32>"})["result0"],
             floats({2, 2, 3}, {1, 20, 30, 4, 2, 3, 7, 40, 50, 10, 8, 9}), 0);
  expectNear(runOp("hydra.shift %0 {from_channel = 1 : i64, reverse}", {x},
                   {"tensor<2x2x3xf32>"})["result0"],
             floats({2, 2, 3}, {1, 5, 6, 4, 0, 0, 7, 11, 12, 10, 0, 0}), 0);
  expectNear(
      runOp("hydra.shift %0 {from_channel = 3 : i64}", {x}, {"tensor<2x2x3xf32>"})["result0"], x,
      0);
}

// The definition of model.md 3, with the values before the sequence in `history` or zero.
TensorValue naiveConv(const TensorValue& x, const TensorValue& filter, const TensorValue* history) {
  int64_t batch = x.shape()[0], length = x.shape()[1], width = filter.shape()[2];
  int64_t perGroup = filter.shape()[1], outputs = filter.shape()[0];
  int64_t perGroupOut = outputs / (x.columns() / perGroup);
  TensorValue y(ElementKind::f32, {batch, length, outputs});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < length; ++t)
      for (int64_t o = 0; o < outputs; ++o)
        for (int64_t m = 0; m < width; ++m)
          for (int64_t a = 0; a < perGroup; ++a) {
            int64_t from = t - (width - 1) + m, channel = o / perGroupOut * perGroup + a;
            double value = 0;
            if (from >= 0)
              value = x.row(b * length + from)[channel];
            else if (history)
              value = history->row(b * (width - 1) + from + width - 1)[channel];
            y.row(b * length + t)[o] += filter[(o * perGroup + a) * width + m] * value;
          }
  return y;
}

TEST_P(SequenceTest, CausalConvDenseGroupedAndWithHistory) {
  TensorValue x = randomTensor({2, 5, 6}, 1), dense = randomTensor({4, 6, 3}, 2);
  TensorValue grouped = randomTensor({4, 3, 3}, 3), history = randomTensor({2, 2, 6}, 4);
  expectNear(runOp("hydra.causal_conv %0, %1", {x, dense}, {"tensor<2x5x4xf32>"})["result0"],
             naiveConv(x, dense, nullptr), tolerance());
  expectNear(runOp("hydra.causal_conv %0, %1", {x, grouped}, {"tensor<2x5x4xf32>"})["result0"],
             naiveConv(x, grouped, nullptr), tolerance());
  expectNear(runOp("hydra.causal_conv %0, %1 history %2", {x, grouped, history},
                   {"tensor<2x5x4xf32>"})["result0"],
             naiveConv(x, grouped, &history), tolerance());
  // A sequence shorter than the filter.
  TensorValue one = randomTensor({2, 1, 6}, 5);
  expectNear(runOp("hydra.causal_conv %0, %1 history %2", {one, dense, history},
                   {"tensor<2x1x4xf32>"})["result0"],
             naiveConv(one, dense, &history), tolerance());
}

TEST_P(SequenceTest, ConvolutionIsUnfoldTimesFilter) {
  TensorValue x = randomTensor({2, 4, 3}, 6), filter = randomTensor({5, 3, 3}, 7),
              history = randomTensor({2, 2, 3}, 8);
  auto windows =
      runOp("hydra.unfold %0 history %1 {width = 3 : i64}", {x, history}, {"tensor<2x4x9xf32>"});
  TensorValue matrix = filter;
  matrix.reshape({5, 9});
  expectNear(runOp("hydra.matmul %0, %1 {transpose_b}", {windows["result0"], matrix},
                   {"tensor<2x4x5xf32>"})["result0"],
             naiveConv(x, filter, &history), tolerance());
}

TEST_P(SequenceTest, FoldIsTheAdjointOfUnfold) {
  TensorValue x = randomTensor({2, 4, 3}, 9), y = randomTensor({2, 4, 6}, 10);
  auto unfolded = runOp("hydra.unfold %0 {width = 2 : i64}", {x}, {"tensor<2x4x6xf32>"});
  auto folded = runOp("hydra.fold %0 {width = 2 : i64}", {y}, {"tensor<2x4x3xf32>"});
  double left = 0, right = 0;
  for (int64_t i = 0; i < y.size(); ++i) left += unfolded["result0"][i] * y[i];
  for (int64_t i = 0; i < x.size(); ++i) right += folded["result0"][i] * x[i];
  EXPECT_NEAR(left, right, 10 * tolerance());
  // One written-out element: x[0, 1, 2] appears in the windows of t = 1 (tap 1) and t = 2 (tap 0).
  EXPECT_NEAR(folded["result0"][5], y.row(1)[2 * 2 + 1] + y.row(2)[2 * 2], tolerance());
}

TEST_P(SequenceTest, WindowTailKeepsTheLastRows) {
  TensorValue history = floats({1, 2, 1}, {1, 2}), x = floats({1, 3, 1}, {3, 4, 5});
  const std::vector<std::vector<double>> expected = {{1, 2}, {2, 3}, {3, 4}, {4, 5}};
  for (int count : {0, 1, 2, 3})
    expectNear(runOp("hydra.window_tail %0, %1, %2, %3",
                     {history, x, ints({1}, {7}), ints({1}, {static_cast<double>(count)})},
                     {"tensor<1x2x1xf32>"})["result0"],
               floats({1, 2, 1}, expected[count]), 0);
}

// What a state holds from the sequence before is not seen; an idle sequence keeps its state.
TEST_P(SequenceTest, HistoryIsZeroWhereASequenceBegins) {
  double stale = std::numeric_limits<double>::quiet_NaN();
  TensorValue history = floats({3, 2, 1}, {stale, stale, 1, 2, 3, 4});
  TensorValue x = floats({3, 2, 1}, {5, 6, 7, 8, 9, 10});
  TensorValue position = ints({3}, {0, 1, 0}), count = ints({3}, {1, 1, 0});
  expectNear(runOp("hydra.window_tail %0, %1, %2, %3", {history, x, position, count},
                   {"tensor<3x2x1xf32>"})["result0"],
             floats({3, 2, 1}, {0, 5, 2, 7, 3, 4}), 0);
  expectNear(runOp("hydra.unfold %0 history %1 position %2 {width = 3 : i64}",
                   {x, history, position}, {"tensor<3x2x3xf32>"})["result0"],
             floats({3, 2, 3}, {0, 0, 5, 0, 5, 6, 1, 2, 7, 2, 7, 8, 0, 0, 9, 0, 9, 10}), 0);
  TensorValue filter = floats({1, 1, 3}, {100, 10, 1});
  expectNear(runOp("hydra.causal_conv %0, %1 history %2 position %3",
                   {x, filter, history, position}, {"tensor<3x2x1xf32>"})["result0"],
             floats({3, 2, 1}, {5, 56, 127, 278, 9, 100}), 0);
  TensorValue last = floats({3, 1, 1}, {stale, 2, 4});
  expectNear(runOp("hydra.shift %0 history %1 position %2 {from_channel = 0 : i64}",
                   {x, last, position}, {"tensor<3x2x1xf32>"})["result0"],
             floats({3, 2, 1}, {0, 5, 2, 7, 0, 9}), 0);
}

struct Attention {
  TensorValue y, lse;
};

Attention naiveAttention(const TensorValue& q, const TensorValue& k, const TensorValue& v,
                         int64_t heads, int64_t kvHeads, double scale, int64_t position) {
  int64_t batch = q.shape()[0], queries = q.shape()[1], keys = k.shape()[1],
          width = q.columns() / heads;
  Attention result{TensorValue(ElementKind::f32, q.shape()),
                   TensorValue(ElementKind::f32, {batch, queries, heads})};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t t = 0; t < queries; ++t) {
        int64_t kvHead = h / (heads / kvHeads);
        std::vector<double> weights;
        double sum = 0;
        for (int64_t u = 0; u < keys && u <= position + t; ++u) {
          double score = 0;
          for (int64_t c = 0; c < width; ++c)
            score +=
                q.row(b * queries + t)[h * width + c] * k.row(b * keys + u)[kvHead * width + c];
          weights.push_back(std::exp(scale * score));
          sum += weights.back();
        }
        result.lse.row(b * queries + t)[h] = std::log(sum);
        for (size_t u = 0; u < weights.size(); ++u)
          for (int64_t c = 0; c < width; ++c)
            result.y.row(b * queries + t)[h * width + c] +=
                weights[u] / sum * v.row(b * keys + u)[kvHead * width + c];
      }
  return result;
}

TEST_P(SequenceTest, AttentionGroupedHeads) {
  // Longer than one block of queries.
  TensorValue q = randomTensor({2, 70, 8}, 11), k = randomTensor({2, 70, 4}, 12),
              v = randomTensor({2, 70, 4}, 13);
  auto outputs =
      runOp("hydra.attention %0, %1, %2 {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.7 : f64}",
            {q, k, v}, {"tensor<2x70x8xf32>", "tensor<2x70x4xf32>"});
  Attention expected = naiveAttention(q, k, v, 4, 2, 0.7, 0);
  expectNear(outputs["result0"], expected.y, tolerance());
  expectNear(outputs["result1"], expected.lse, tolerance());
}

TEST_P(SequenceTest, AttentionPositionLimitsTheKeys) {
  TensorValue q = randomTensor({1, 3, 4}, 14), k = randomTensor({1, 7, 4}, 15),
              v = randomTensor({1, 7, 4}, 16);
  auto absent =
      runOp("hydra.attention %0, %1, %2 {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64}",
            {q, k, v}, {"tensor<1x3x4xf32>", "tensor<1x3x2xf32>"});
  expectNear(absent["result0"], naiveAttention(q, k, v, 2, 2, 1.0, 4).y, tolerance());
  // What lies beyond the position may be anything, as in a cache that is not full yet.
  for (int position : {0, 2, 4}) {
    TensorValue keys = k, values = v;
    for (int64_t u = position + 3; u < 7; ++u)
      for (int64_t c = 0; c < 4; ++c)
        keys.row(u)[c] = values.row(u)[c] = std::numeric_limits<double>::quiet_NaN();
    auto outputs = runOp(
        "hydra.attention %0, %1, %2 position %3 {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 "
        ": f64}",
        {q, keys, values, ints({1}, {static_cast<double>(position)})},
        {"tensor<1x3x4xf32>", "tensor<1x3x2xf32>"});
    Attention expected = naiveAttention(q, k, v, 2, 2, 1.0, position);
    expectNear(outputs["result0"], expected.y, tolerance());
    expectNear(outputs["result1"], expected.lse, tolerance());
  }
}

TEST_P(SequenceTest, AttentionOfSequencesOfTheirOwnLength) {
  TensorValue q = randomTensor({2, 3, 4}, 24), k = randomTensor({2, 7, 4}, 25),
              v = randomTensor({2, 7, 4}, 26);
  // A row that is not valid may hold anything, and is left unspecified.
  for (int64_t c = 0; c < 4; ++c) q.row(5)[c] = std::numeric_limits<double>::quiet_NaN();
  auto outputs = runOp(
      "hydra.attention %0, %1, %2 position %3 count %4 {heads = 2 : i64, "
      "kv_heads = 2 : i64, scale = 1.0 : f64}",
      {q, k, v, ints({2}, {4, 1}), ints({2}, {3, 2})}, {"tensor<2x3x4xf32>", "tensor<2x3x2xf32>"});
  Attention late = naiveAttention(q, k, v, 2, 2, 1.0, 4),
            early = naiveAttention(q, k, v, 2, 2, 1.0, 1);
  const TensorValue& y = outputs["result0"];
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t c = 0; c < 4; ++c)
      EXPECT_NEAR(y.row(row)[c], (row < 3 ? late : early).y.row(row)[c], tolerance());
  EXPECT_TRUE(std::isnan(y.row(5)[0]));
}

TEST_P(SequenceTest, AttentionQueriesDoNotSeeLaterKeysOfTheirBlock) {
  TensorValue q = randomTensor({1, 3, 4}, 21), k = randomTensor({1, 3, 4}, 22),
              v = randomTensor({1, 3, 4}, 23);
  Attention expected = naiveAttention(q, k, v, 2, 2, 1.0, 0);
  for (int64_t c = 0; c < 4; ++c) {
    k.row(2)[c] = v.row(2)[c] = std::numeric_limits<double>::quiet_NaN();
    expected.y.row(2)[c] = std::numeric_limits<double>::quiet_NaN();
  }
  auto outputs =
      runOp("hydra.attention %0, %1, %2 {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64}",
            {q, k, v}, {"tensor<1x3x4xf32>", "tensor<1x3x2xf32>"});
  expectNear(outputs["result0"], expected.y, tolerance());
}

TEST_P(SequenceTest, AttentionSurvivesLargeScores) {
  TensorValue q = floats({1, 2, 2}, {300, 0, 0, 300}), k = floats({1, 2, 2}, {300, 0, 0, 300}),
              v = floats({1, 2, 2}, {1, 2, 3, 4});
  auto outputs =
      runOp("hydra.attention %0, %1, %2 {heads = 1 : i64, kv_heads = 1 : i64, scale = 1.0 : f64}",
            {q, k, v}, {"tensor<1x2x2xf32>", "tensor<1x2x1xf32>"});
  expectNear(outputs["result0"], v, 0);
  expectNear(outputs["result1"], floats({1, 2, 1}, {90000, 90000}), 0);
}

TEST_P(SequenceTest, AttentionGradientIsTheDerivative) {
  if (precision() == Precision::float32) return;  // finite differences need float64
  const char* forward =
      "hydra.attention %0, %1, %2 {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.7 : f64}";
  TensorValue operands[3] = {randomTensor({2, 5, 8}, 17), randomTensor({2, 5, 4}, 18),
                             randomTensor({2, 5, 4}, 19)};
  TensorValue dy = randomTensor({2, 5, 8}, 20);
  auto y = runOp(forward, {operands[0], operands[1], operands[2]},
                 {"tensor<2x5x8xf32>", "tensor<2x5x4xf32>"});
  auto gradients = runOp(
      "hydra.attention_grad %0, %1, %2, %3, %4, %5 {heads = 4 : i64, kv_heads = 2 : i64, scale = "
      "0.7 : f64}",
      {dy, operands[0], operands[1], operands[2], y["result0"], y["result1"]},
      {"tensor<2x5x8xf32>", "tensor<2x5x4xf32>", "tensor<2x5x4xf32>"});
  constexpr double kStep = 1e-6;
  for (int operand : {0, 1, 2}) {
    const TensorValue& gradient = gradients["result" + std::to_string(operand)];
    for (int64_t i = 0; i < gradient.size(); ++i) {
      double sums[2] = {0, 0};
      for (int side : {0, 1}) {
        TensorValue moved[3] = {operands[0], operands[1], operands[2]};
        moved[operand][i] += side ? kStep : -kStep;
        TensorValue value = naiveAttention(moved[0], moved[1], moved[2], 4, 2, 0.7, 0).y;
        for (int64_t j = 0; j < dy.size(); ++j) sums[side] += dy[j] * value[j];
      }
      EXPECT_NEAR(gradient[i], (sums[1] - sums[0]) / (2 * kStep), 1e-7)
          << "operand " << operand << ", element " << i;
    }
  }
}

}  // namespace
