// Row moves, the cross-entropy and the optimizer: clamped indices, duplicates, ignored targets,
// absent gradients.
#include <limits>

#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class MoveLossTest : public InterpreterTest {};
HYDRA_BOTH_PRECISIONS(MoveLossTest);

TEST_P(MoveLossTest, EmbeddingClampsAndScales) {
  TensorValue table = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  TensorValue tokens = ints({2, 2}, {-7, 1, 2, 99});
  expectNear(runOp("hydra.embedding %0, %1 {scale = 2.0 : f64}", {table, tokens},
                   {"tensor<2x2x2xf32>"})["result0"],
             floats({2, 2, 2}, {2, 4, 6, 8, 10, 12, 10, 12}), 0);
  expectNear(runOp("hydra.embedding %0, %1, %2 {scale = 2.0 : f64}",
                   {table, tokens, TensorValue::scalarInt(1)}, {"tensor<2x2x2xf32>"})["result0"],
             floats({2, 2, 2}, {2, 4, kNan, kNan, kNan, kNan, kNan, kNan}), 0);
}

TEST_P(MoveLossTest, GatherRowsStopsAtTheCount) {
  TensorValue x = floats({3, 2}, {1, 2, 3, 4, 5, 6}), index = ints({4}, {2, 0, -1, 5});
  expectNear(runOp("hydra.gather_rows %0, %1", {x, index}, {"tensor<4x2xf32>"})["result0"],
             floats({4, 2}, {5, 6, 1, 2, 1, 2, 5, 6}), 0);
  expectNear(runOp("hydra.gather_rows %0, %1, %2", {x, index, TensorValue::scalarInt(2)},
                   {"tensor<4x2xf32>"})["result0"],
             floats({4, 2}, {5, 6, 1, 2, kNan, kNan, kNan, kNan}), 0);
}

TEST_P(MoveLossTest, UnspecifiedIndexPoisonsWhatItTouches) {
  TensorValue x = floats({2, 1}, {1, 2}), index = ints({2}, {1, kNan});
  expectNear(runOp("hydra.gather_rows %0, %1", {x, index}, {"tensor<2x1xf32>"})["result0"],
             floats({2, 1}, {2, kNan}), 0);
  expectNear(runOp("hydra.scatter_rows %0, %1 {size = 2 : i64, scale = 1.0 : f64}", {x, index},
                   {"tensor<2x1xf32>"})["result0"],
             floats({2, 1}, {kNan, kNan}), 0);
}

TEST_P(MoveLossTest, ScatterRowsAddsDuplicates) {
  TensorValue x = floats({2, 2, 1}, {1, 2, 3, 4}), index = ints({2, 2}, {1, 1, 9, -4});
  expectNear(runOp("hydra.scatter_rows %0, %1 {size = 3 : i64, scale = 0.5 : f64}", {x, index},
                   {"tensor<3x1xf32>"})["result0"],
             floats({3, 1}, {2, 1.5, 1.5}), 0);
  expectNear(
      runOp("hydra.scatter_rows %0, %1 accumulate %2 rows %3 {size = 3 : i64, scale = 0.5 : f64}",
            {x, index, floats({3, 1}, {10, 20, 30}), TensorValue::scalarInt(3)},
            {"tensor<3x1xf32>"})["result0"],
      floats({3, 1}, {10, 21.5, 31.5}), 0);
}

TEST_P(MoveLossTest, CacheUpdateWritesFromThePosition) {
  TensorValue cache = floats({2, 4, 1}, {0, 0, 0, 0, 0, 0, 0, 0}),
              x = floats({2, 3, 1}, {1, 2, 3, 4, 5, 6});
  auto update = [&](std::vector<double> position, std::vector<double> count) {
    return runOp("hydra.cache_update %0, %1, %2, %3",
                 {cache, x, ints({2}, std::move(position)), ints({2}, std::move(count))},
                 {"tensor<2x4x1xf32>"})["result0"];
  };
  // Each sequence has its own position and count; 0 is idle.
  expectNear(update({1, 0}, {2, 1}), floats({2, 4, 1}, {0, 1, 2, 0, 4, 0, 0, 0}), 0);
  expectNear(update({2, 3}, {3, 0}), floats({2, 4, 1}, {0, 0, 1, 2, 0, 0, 0, 0}), 0);
  expectNear(update({0, 0}, {0, 0}), cache, 0);
  expectNear(update({4, 9}, {3, 3}), cache, 0);
}

TEST_P(MoveLossTest, CrossEntropyIgnoresAndClampsTargets) {
  TensorValue logits = floats({1, 4, 3}, {0, 0, 0, 1000, 0, 0, 1, 2, 3, 5, 5, 5});
  TensorValue targets = ints({1, 4}, {1, 0, 77, -100});
  auto outputs = runOp("hydra.cross_entropy %0, %1", {logits, targets},
                       {"tensor<f32>", "tensor<1x4xf32>", "tensor<1x4xf32>"});
  double last = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
  expectNear(outputs["result0"], TensorValue::scalar((std::log(3.0) + 0 + last - 3) / 3),
             tolerance());
  expectNear(outputs["result1"], floats({1, 4}, {std::log(3.0), 0, last - 3, 0}), tolerance());
  expectNear(outputs["result2"], floats({1, 4}, {std::log(3.0), 1000, last, 5 + std::log(3.0)}),
             tolerance());
}

TEST_P(MoveLossTest, CrossEntropyWithoutValidTargetIsZero) {
  TensorValue logits = floats({2, 2}, {1, 2, 3, 4}), targets = ints({2}, {-100, -100});
  auto outputs = runOp("hydra.cross_entropy %0, %1", {logits, targets},
                       {"tensor<f32>", "tensor<2xf32>", "tensor<2xf32>"});
  expectNear(outputs["result0"], TensorValue::scalar(0), 0);
  expectNear(runOp("hydra.cross_entropy_grad %0, %1, %2, %3",
                   {TensorValue::scalar(1), logits, targets, outputs["result2"]},
                   {"tensor<2x2xf32>"})["result0"],
             floats({2, 2}, {0, 0, 0, 0}), 0);
}

TEST_P(MoveLossTest, CrossEntropyGradientIsTheDerivative) {
  if (precision() == Precision::float32) return;  // finite differences need float64
  TensorValue logits = randomTensor({4, 5}, 1), targets = ints({4}, {0, -100, 9, 2});
  auto run = [&](const TensorValue& x) {
    return runOp("hydra.cross_entropy %0, %1", {x, targets},
                 {"tensor<f32>", "tensor<4xf32>", "tensor<4xf32>"});
  };
  auto gradient = runOp("hydra.cross_entropy_grad %0, %1, %2, %3",
                        // Three targets are valid.
                        {TensorValue::scalar(1.5 / 3), logits, targets, run(logits)["result2"]},
                        {"tensor<4x5xf32>"})["result0"];
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < logits.size(); ++i) {
    TensorValue up = logits, down = logits;
    up[i] += kStep;
    down[i] -= kStep;
    double difference = run(up)["result0"][0] - run(down)["result0"][0];
    EXPECT_NEAR(gradient[i], 1.5 * difference / (2 * kStep), 1e-8) << "element " << i;
  }
}

TEST_P(MoveLossTest, GlobalNormCoversAllOperands) {
  expectNear(runOp("hydra.global_norm %0, %1", {floats({2}, {3, 0}), floats({1, 1}, {-4})},
                   {"tensor<f32>"})["result0"],
             TensorValue::scalar(5), tolerance());
}

TEST_P(MoveLossTest, AdamWStepAndSkip) {
  const char* op =
      "hydra.adamw %0, %1, %2, %3, %4, %5, %6, %7, %8 {index = 1 : i64, lr_factor = 0.5 : f64, "
      "decay_factor = 2.0 : f64, "
      "beta1 = 0.9 : f64, beta2 = 0.95 : f64, eps = 1.0e-8 : f64}";
  TensorValue p = floats({1}, {2}), g = floats({1}, {3}), m = floats({1}, {0.5}),
              v = floats({1}, {0.25});
  TensorValue steps = ints({2}, {100, 3});
  auto outputs = runOp(op,
                       {p, g, m, v, steps, ints({2}, {0, 1}), TensorValue::scalar(0.5),
                        TensorValue::scalar(0.125), TensorValue::scalar(0.25)},
                       {"tensor<1xf32>", "tensor<1xf32>", "tensor<1xf32>", "tensor<1xf32>"});
  double gradient = 1.5, rate = 0.0625, m1 = 0.9 * 0.5 + 0.1 * gradient,
         v1 = 0.95 * 0.25 + 0.05 * gradient * gradient;
  double expected =
      2 * (1 - rate * 0.25 * 2) -
      rate * (m1 / (1 - 0.9 * 0.9 * 0.9)) / (std::sqrt(v1 / (1 - 0.95 * 0.95 * 0.95)) + 1e-8);
  expectNear(outputs["result0"], floats({1}, {expected}), tolerance());
  expectNear(outputs["result1"], floats({1}, {m1}), tolerance());
  expectNear(outputs["result2"], floats({1}, {v1}), tolerance());
  expectNear(outputs["result3"], floats({1}, {0}), 0);
  // Absent: nothing moves, but the gradient buffer is cleared all the same.
  outputs = runOp(op,
                  {p, g, m, v, steps, ints({2}, {1, 0}), TensorValue::scalar(0.5),
                   TensorValue::scalar(0.125), TensorValue::scalar(0.25)},
                  {"tensor<1xf32>", "tensor<1xf32>", "tensor<1xf32>", "tensor<1xf32>"});
  expectNear(outputs["result0"], p, 0);
  expectNear(outputs["result1"], m, 0);
  expectNear(outputs["result2"], v, 0);
  expectNear(outputs["result3"], floats({1}, {0}), 0);
}

}  // namespace
