// Selecting, ordering and grouping rows: ties, empty classes, counts, and promises that are broken.
#include <limits>

#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class RoutingPrimitiveTest : public InterpreterTest {};
HYDRA_BOTH_PRECISIONS(RoutingPrimitiveTest);

TEST_P(RoutingPrimitiveTest, TopKTakesTheLowerPositionOfATie) {
  TensorValue score = floats({3, 4}, {1, 3, 3, 3, -0.0, 0, -1, 0, kNan, -5, kNan, -7});
  NamedTensors results =
      runOp("hydra.top_k %0 {k = 2 : i64}", {score}, {"tensor<3x2xi32>", "tensor<3x4xi32>"});
  expectNear(results["result0"], ints({3, 2}, {1, 2, 0, 1, 1, 3}), 0);
  expectNear(results["result1"], ints({3, 4}, {0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1}), 0);
}

TEST_P(RoutingPrimitiveTest, TopKByValueDescends) {
  TensorValue score = floats({2, 4}, {1, 2, 4, 2, 0, 0, 0, 0});
  NamedTensors results = runOp("hydra.top_k %0 {k = 3 : i64, by_value}", {score},
                               {"tensor<2x3xi32>", "tensor<2x4xi32>"});
  expectNear(results["result0"], ints({2, 3}, {2, 1, 3, 0, 1, 2}), 0);
  expectNear(results["result1"], ints({2, 4}, {0, 1, 1, 1, 1, 1, 1, 0}), 0);
}

TEST_P(RoutingPrimitiveTest, CountingSortIsStableAndKnowsEmptyClasses) {
  TensorValue key = ints({6}, {3, 0, 9, 0, -2, 3});
  NamedTensors results = runOp("hydra.counting_sort %0 {classes = 4 : i64}", {key},
                               {"tensor<6xi32>", "tensor<5xi32>"});
  expectNear(results["result0"], ints({6}, {1, 3, 4, 0, 2, 5}), 0);
  expectNear(results["result1"], ints({5}, {0, 3, 3, 3, 6}), 0);
}

TEST_P(RoutingPrimitiveTest, CountingSortStopsAtTheCount) {
  TensorValue key = ints({4}, {1, 0, 0, kNan});
  NamedTensors results =
      runOp("hydra.counting_sort %0, %1 {classes = 2 : i64}", {key, TensorValue::scalarInt(2)},
            {"tensor<4xi32>", "tensor<3xi32>"});
  expectNear(results["result0"], ints({4}, {1, 0, kNan, kNan}), 0);
  expectNear(results["result1"], ints({3}, {0, 1, 2}), 0);
}

TEST_P(RoutingPrimitiveTest, NonzeroCompactsInOrder) {
  TensorValue mask = ints({2, 3}, {0, 1, 1, 0, 0, -2});
  NamedTensors results =
      runOp("hydra.nonzero %0 {capacity = 4 : i64}", {mask}, {"tensor<4xi32>", "tensor<i32>"});
  expectNear(results["result0"], ints({4}, {1, 2, 5, kNan}), 0);
  expectNear(results["result1"], TensorValue::scalarInt(3), 0);
  results =
      runOp("hydra.nonzero %0 {capacity = 2 : i64}", {mask}, {"tensor<2xi32>", "tensor<i32>"});
  expectNear(results["result0"], ints({2}, {1, 2}), 0);
  expectNear(results["result1"], TensorValue::scalarInt(2), 0);
}

TEST_P(RoutingPrimitiveTest, PrefixRankCountsWhatCameBefore) {
  TensorValue score = floats({2, 4}, {1, 3, 1, 2, kNan, 5, -0.0, 0});
  expectNear(runOp("hydra.prefix_rank %0, %0", {score}, {"tensor<2x4xi32>"})["result0"],
             ints({2, 4}, {1, 1, 3, 2, 1, 1, 2, 3}), 0);
  // Two new tokens of each sequence against the scores of its prefix, themselves included.
  TensorValue keys = floats({2, 5}, {9, 1, 2, 0, 0, 4, 4, 4, 7, 1}),
              fresh = floats({2, 2}, {2, 1, 4, 7});
  expectNear(runOp("hydra.prefix_rank %0, %1, %2", {fresh, keys, ints({2}, {2, 3})},
                   {"tensor<2x2xi32>"})["result0"],
             ints({2, 2}, {2, 4, 4, 2}), 0);
}

TEST_P(RoutingPrimitiveTest, MergeRowsKeepsTheBaseBeyondTheCount) {
  TensorValue base = floats({3, 2}, {1, 2, 3, 4, 5, 6}),
              x = floats({3, 2}, {10, 20, 30, 40, kNan, kNan});
  expectNear(runOp("hydra.merge_rows %0, %1, %2", {base, x, TensorValue::scalarInt(2)},
                   {"tensor<3x2xf32>"})["result0"],
             floats({3, 2}, {10, 20, 30, 40, 5, 6}), 0);
  expectNear(runOp("hydra.merge_rows %0, %1, %2 {accumulate}", {base, x, TensorValue::scalarInt(1)},
                   {"tensor<3x2xf32>"})["result0"],
             floats({3, 2}, {11, 22, 3, 4, 5, 6}), 0);
}

TEST_P(RoutingPrimitiveTest, GroupedMatmulUsesTheWeightOfItsGroup) {
  TensorValue x = floats({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), offsets = ints({4}, {0, 1, 1, 3});
  TensorValue a = floats({1, 2}, {1, 1}), b = floats({1, 2}, {9, 9}), c = floats({1, 2}, {1, -1});
  // Row 3 belongs to no group.
  expectNear(runOp("hydra.grouped_matmul %0, %1, %2, %3, %4 {transpose_b}", {x, offsets, a, b, c},
                   {"tensor<4x1xf32>"})["result0"],
             floats({4, 1}, {3, -1, -1, kNan}), 0);
  TensorValue dy = floats({4, 1}, {1, 2, 3, kNan});
  expectNear(runOp("hydra.grouped_matmul %0, %1, %2, %3, %4", {dy, offsets, a, b, c},
                   {"tensor<4x2xf32>"})["result0"],
             floats({4, 2}, {1, 1, 2, -2, 3, -3, kNan, kNan}), 0);
  expectNear(runOp("hydra.grouped_weight_grad %0, %1, %2 {group = 2 : i64}", {dy, x, offsets},
                   {"tensor<1x2xf32>"})["result0"],
             floats({1, 2}, {21, 26}), 0);
  expectNear(runOp("hydra.grouped_weight_grad %0, %1, %2, %3 {group = 1 : i64}",
                   {dy, x, offsets, b}, {"tensor<1x2xf32>"})["result0"],
             b, 0);
}

TEST_P(RoutingPrimitiveTest, ABrokenPromiseOfUniqueIndicesIsNamed) {
  for (const char* op :
       {"hydra.gather_rows %x, %i {unique} : (tensor<2x1xf32>, tensor<2xi32>) -> tensor<2x1xf32>",
        "hydra.scatter_rows %x, %i {size = 2 : i64, scale = 1.0 : f64, unique} : "
        "(tensor<2x1xf32>, tensor<2xi32>) -> tensor<2x1xf32>"}) {
    NamedTensors inputs = {{"arg0", floats({2, 1}, {1, 2})}, {"arg1", ints({2}, {1, 1})}};
    auto outputs = tryRun(std::string("func.func @f(%x: tensor<2x1xf32>, %i: tensor<2xi32>) -> "
                                      "tensor<2x1xf32> {\n  %y = ") +
                              op + "\n  return %y : tensor<2x1xf32>\n}",
                          inputs, {precision(), false});
    EXPECT_TRUE(failed(outputs));
    EXPECT_NE(diagnostics.find("index 1 occurs twice"), std::string::npos) << diagnostics;
    diagnostics.clear();
  }
}

TEST_P(RoutingPrimitiveTest, OffsetsThatDescendAreRefused) {
  NamedTensors inputs = {{"arg0", floats({2, 1}, {1, 2})},
                         {"arg1", ints({3}, {0, 2, 1})},
                         {"arg2", floats({1, 1}, {1})}};
  auto outputs = tryRun(
      "func.func @f(%x: tensor<2x1xf32>, %o: tensor<3xi32>, %w: tensor<1x1xf32>) -> "
      "tensor<2x1xf32> {\n  %y = hydra.grouped_matmul %x, %o, %w, %w : (tensor<2x1xf32>, "
      "tensor<3xi32>, tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<2x1xf32>\n  return %y : "
      "tensor<2x1xf32>\n}",
      inputs, {precision(), false});
  EXPECT_TRUE(failed(outputs));
  EXPECT_NE(diagnostics.find("found 2 and 1 for group 1"), std::string::npos) << diagnostics;
}

}  // namespace
