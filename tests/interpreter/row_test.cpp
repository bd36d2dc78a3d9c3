// Matrix products and row ops against naive formulas; derivatives against finite differences; row
// counts.
#include <functional>
#include <limits>

#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class RowTest : public InterpreterTest {
 protected:
  // Expects d(sum of dy * f(x)) / dx, by central differences of the forward op, to be `gradient`.
  // Checked in float64 only, where the differences mean something.
  void expectDerivative(const TensorValue& gradient, const TensorValue& x, const TensorValue& dy,
                        const std::function<TensorValue(const TensorValue&)>& forward) {
    if (precision() == Precision::float32) return;
    constexpr double kStep = 1e-6;
    ASSERT_EQ(gradient.size(), x.size());
    for (int64_t i = 0; i < x.size(); ++i) {
      double sums[2] = {0, 0};
      for (int side : {0, 1}) {
        TensorValue moved = x;
        moved[i] += side ? kStep : -kStep;
        TensorValue y = forward(moved);
        for (int64_t j = 0; j < y.size(); ++j) sums[side] += dy[j] * y[j];
      }
      EXPECT_NEAR(gradient[i], (sums[1] - sums[0]) / (2 * kStep), 1e-7) << "element " << i;
    }
  }
};
HYDRA_BOTH_PRECISIONS(RowTest);

TEST_P(RowTest, MatmulForms) {
  TensorValue x = randomTensor({2, 3, 5}, 1), w = randomTensor({4, 5}, 2),
              dy = randomTensor({2, 3, 4}, 3);
  TensorValue y(ElementKind::f32, {2, 3, 4}), dx(ElementKind::f32, {2, 3, 5}),
      dw(ElementKind::f32, {4, 5});
  for (int64_t r = 0; r < 6; ++r)
    for (int64_t o = 0; o < 4; ++o)
      for (int64_t i = 0; i < 5; ++i) {
        y.row(r)[o] += x.row(r)[i] * w.row(o)[i];
        dx.row(r)[i] += dy.row(r)[o] * w.row(o)[i];
        dw.row(o)[i] += dy.row(r)[o] * x.row(r)[i];
      }
  expectNear(runOp("hydra.matmul %0, %1 {transpose_b}", {x, w}, {"tensor<2x3x4xf32>"})["result0"],
             y, tolerance());
  expectNear(runOp("hydra.matmul %0, %1", {dy, w}, {"tensor<2x3x5xf32>"})["result0"], dx,
             tolerance());
  expectNear(runOp("hydra.matmul %0, %1 {transpose_a}", {dy, x}, {"tensor<4x5xf32>"})["result0"],
             dw, tolerance());
}

TEST_P(RowTest, MatmulGroups) {
  // Two groups of 3 inputs and 2 outputs.
  TensorValue x = randomTensor({4, 6}, 4), w = randomTensor({4, 3}, 5),
              dy = randomTensor({4, 4}, 6);
  TensorValue y(ElementKind::f32, {4, 4}), dx(ElementKind::f32, {4, 6}),
      dw(ElementKind::f32, {4, 3});
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t g = 0; g < 2; ++g)
      for (int64_t o = 2 * g; o < 2 * g + 2; ++o)
        for (int64_t i = 0; i < 3; ++i) {
          y.row(r)[o] += x.row(r)[3 * g + i] * w.row(o)[i];
          dx.row(r)[3 * g + i] += dy.row(r)[o] * w.row(o)[i];
          dw.row(o)[i] += dy.row(r)[o] * x.row(r)[3 * g + i];
        }
  expectNear(runOp("hydra.matmul %0, %1 {transpose_b, groups = 2 : i64}", {x, w},
                   {"tensor<4x4xf32>"})["result0"],
             y, tolerance());
  expectNear(
      runOp("hydra.matmul %0, %1 {groups = 2 : i64}", {dy, w}, {"tensor<4x6xf32>"})["result0"], dx,
      tolerance());
  expectNear(runOp("hydra.matmul %0, %1 {transpose_a, groups = 2 : i64}", {dy, x},
                   {"tensor<4x3xf32>"})["result0"],
             dw, tolerance());
}

TEST_P(RowTest, MatmulRowsAndAccumulator) {
  TensorValue x = floats({3, 2}, {1, 2, 3, 4, kNan, kNan}), w = floats({2, 2}, {1, 1, 2, 0});
  TensorValue accumulator = floats({3, 2}, {10, 10, 10, 10, 10, 10});
  auto y = runOp("hydra.matmul %0, %1 accumulate %2 rows %3 {transpose_b}",
                 {x, w, accumulator, TensorValue::scalarInt(2)}, {"tensor<3x2xf32>"});
  expectNear(y["result0"], floats({3, 2}, {13, 12, 17, 16, kNan, kNan}), 0);
  // The weight gradient stops at the row count: nothing of the third row shows.
  for (int rows : {0, 1, 2}) {
    TensorValue expected = floats({2, 2}, {0, 0, 0, 0});
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < 2; ++j) expected.row(i)[j] += x.row(r)[i] * x.row(r)[j];
    auto dw = runOp("hydra.matmul %0, %1 rows %2 {transpose_a}",
                    {x, x, TensorValue::scalarInt(rows)}, {"tensor<2x2xf32>"});
    expectNear(dw["result0"], expected, 0);
  }
}

TEST_P(RowTest, RmsNormAndItsGradients) {
  TensorValue x = randomTensor({3, 4}, 7), w = randomTensor({4}, 8), dy = randomTensor({3, 4}, 9);
  auto forward = [&](const TensorValue& in, const TensorValue& weight) {
    return runOp("hydra.rms_norm %0, %1 {eps = 1.0e-2 : f64}", {in, weight},
                 {"tensor<3x4xf32>"})["result0"];
  };
  TensorValue expected = x;
  for (int64_t r = 0; r < 3; ++r) {
    double mean = 0;
    for (int64_t j = 0; j < 4; ++j) mean += x.row(r)[j] * x.row(r)[j] / 4;
    for (int64_t j = 0; j < 4; ++j)
      expected.row(r)[j] = x.row(r)[j] / std::sqrt(mean + 1e-2) * w[j];
  }
  expectNear(forward(x, w), expected, tolerance());
  auto dx =
      runOp("hydra.rms_norm_grad %0, %1, %2 {eps = 1.0e-2 : f64}", {dy, x, w}, {"tensor<3x4xf32>"});
  expectDerivative(dx["result0"], x, dy, [&](const TensorValue& in) { return forward(in, w); });
  auto dw =
      runOp("hydra.rms_norm_weight_grad %0, %1 {eps = 1.0e-2 : f64}", {dy, x}, {"tensor<4xf32>"});
  expectDerivative(dw["result0"], w, dy, [&](const TensorValue& in) { return forward(x, in); });
}

TEST_P(RowTest, RowsBoundNormsAndTheirWeightGradient) {
  TensorValue x = floats({3, 2}, {3, 4, 6, 8, kNan, kNan}), one = floats({2}, {1, 1});
  for (int rows : {0, 1, 2}) {
    SCOPED_TRACE(rows);
    TensorValue count = TensorValue::scalarInt(rows);
    TensorValue l2(ElementKind::f32, {3, 2}, kNan), weight = floats({2}, {0, 0});
    for (int64_t r = 0; r < rows; ++r) {
      l2.row(r)[0] = 0.6, l2.row(r)[1] = 0.8;
      double rms = std::sqrt((x.row(r)[0] * x.row(r)[0] + x.row(r)[1] * x.row(r)[1]) / 2 + 1e-6);
      for (int64_t j = 0; j < 2; ++j) weight[j] += x.row(r)[j] * x.row(r)[j] / rms;
    }
    expectNear(runOp("hydra.l2_norm %0, %1 {heads = 1 : i64, eps = 1.0e-12 : f64}", {x, count},
                     {"tensor<3x2xf32>"})["result0"],
               l2, tolerance());
    expectNear(runOp("hydra.rms_norm_weight_grad %0, %1, %2 {eps = 1.0e-6 : f64}", {x, x, count},
                     {"tensor<2xf32>"})["result0"],
               weight, tolerance());
  }
}

TEST_P(RowTest, L2NormPerHead) {
  TensorValue x = floats({1, 4}, {3, 4, 0, 0});
  expectNear(runOp("hydra.l2_norm %0 {heads = 2 : i64, eps = 1.0e-12 : f64}", {x},
                   {"tensor<1x4xf32>"})["result0"],
             floats({1, 4}, {0.6, 0.8, 0, 0}), tolerance());
  TensorValue in = randomTensor({3, 6}, 10), dy = randomTensor({3, 6}, 11);
  auto forward = [&](const TensorValue& value) {
    return runOp("hydra.l2_norm %0 {heads = 2 : i64, eps = 1.0e-12 : f64}", {value},
                 {"tensor<3x6xf32>"})["result0"];
  };
  auto dx = runOp("hydra.l2_norm_grad %0, %1 {heads = 2 : i64, eps = 1.0e-12 : f64}", {dy, in},
                  {"tensor<3x6xf32>"});
  expectDerivative(dx["result0"], in, dy, forward);
  // Below eps the op divides by a constant.
  auto tiny = runOp("hydra.l2_norm_grad %0, %1 {heads = 1 : i64, eps = 0.5 : f64}",
                    {floats({1, 2}, {1, -3}), floats({1, 2}, {0.125, 0.25})}, {"tensor<1x2xf32>"});
  expectNear(tiny["result0"], floats({1, 2}, {2, -6}), tolerance());
}

TEST_P(RowTest, SwigluAndItsGradient) {
  TensorValue x = floats({1, 4}, {1, -2, 3, 5});
  expectNear(runOp("hydra.swiglu %0", {x}, {"tensor<1x2xf32>"})["result0"],
             floats({1, 2}, {3 * 0.7310585786300049, 5 * -0.2384058440442351}), tolerance());
  TensorValue in = randomTensor({2, 6}, 12), dy = randomTensor({2, 3}, 13);
  auto dx = runOp("hydra.swiglu_grad %0, %1", {dy, in}, {"tensor<2x6xf32>"});
  expectDerivative(dx["result0"], in, dy, [&](const TensorValue& value) {
    return runOp("hydra.swiglu %0", {value}, {"tensor<2x3xf32>"})["result0"];
  });
  auto bounded = runOp("hydra.swiglu_grad %0, %1, %2", {dy, in, TensorValue::scalarInt(1)},
                       {"tensor<2x6xf32>"});
  EXPECT_FALSE(std::isnan(bounded["result0"][5]));
  EXPECT_TRUE(std::isnan(bounded["result0"][6]));
}

TEST_P(RowTest, HeadMixGivesTheScaledMean) {
  TensorValue x = floats({1, 6}, {1, 2, 3, 4, 5, 6});
  expectNear(
      runOp("hydra.head_mix %0 {from_heads = 3 : i64, to_heads = 2 : i64, scale = 0.5 : f64}", {x},
            {"tensor<1x4xf32>"})["result0"],
      floats({1, 4}, {1.5, 2, 1.5, 2}), tolerance());
  // The documented adjoint: <dy, mix(x)> = <adjoint(dy), x>.
  TensorValue in = randomTensor({2, 6}, 14), dy = randomTensor({2, 4}, 15);
  auto dx = runOp(
      "hydra.head_mix %0 {from_heads = 2 : i64, to_heads = 3 : i64, scale = 0.33333333333333331 : "
      "f64}",
      {dy}, {"tensor<2x6xf32>"});
  expectDerivative(dx["result0"], in, dy, [&](const TensorValue& value) {
    return runOp("hydra.head_mix %0 {from_heads = 3 : i64, to_heads = 2 : i64, scale = 0.5 : f64}",
                 {value}, {"tensor<2x4xf32>"})["result0"];
  });
}

TEST_P(RowTest, RopeRotatesNeighbouringPairs) {
  // Quarter turns: row t of the table turns by t * 90 degrees.
  TensorValue table = floats({3, 2}, {1, 0, 0, 1, -1, 0});
  TensorValue x = floats({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  expectNear(runOp("hydra.rope %0, %1", {x, table}, {"tensor<1x2x4xf32>"})["result0"],
             floats({1, 2, 4}, {1, 2, 3, 4, -6, 5, -8, 7}), 0);
  expectNear(runOp("hydra.rope %0, %1 {inverse}", {x, table}, {"tensor<1x2x4xf32>"})["result0"],
             floats({1, 2, 4}, {1, 2, 3, 4, 6, -5, 8, -7}), 0);
  // From position 1 on, and clamped to the last row of the table.
  expectNear(
      runOp("hydra.rope %0, %1, %2", {x, table, ints({1}, {1})}, {"tensor<1x2x4xf32>"})["result0"],
      floats({1, 2, 4}, {-2, 1, -4, 3, -5, -6, -7, -8}), 0);
  expectNear(
      runOp("hydra.rope %0, %1, %2", {x, table, ints({1}, {9})}, {"tensor<1x2x4xf32>"})["result0"],
      floats({1, 2, 4}, {-1, -2, -3, -4, -5, -6, -7, -8}), 0);
}

}  // namespace
