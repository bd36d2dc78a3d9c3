// interpretFunction: bindings, results, probes, fusions, rounding, diagnostics.
#include "gmock/gmock.h"
#include "tests/interpreter/interpreter_fixture.h"

using namespace mlir;
using namespace mlir::hydra;
using ::testing::HasSubstr;

namespace {

class FunctionTest : public InterpreterTest {};
HYDRA_BOTH_PRECISIONS(FunctionTest);

constexpr StringLiteral kBound = R"(
func.func @f(%x: tensor<2xf32> {hydra.binding = #hydra.binding<input "x">},
             %w: tensor<2xf32> {hydra.binding = #hydra.binding<parameter "layers.0.w">},
             %n: tensor<i32> {hydra.binding = #hydra.binding<input "count">})
    -> (tensor<2xf32> {hydra.binding = #hydra.binding<parameter "layers.0.w">}, tensor<2xf32>) {
  %0 = hydra.binary <add> %w, %x {hydra.probe = "sum"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = hydra.unary <neg> %0 {hydra.probe = "negated"} : (tensor<2xf32>) -> tensor<2xf32>
  return %0, %1 : tensor<2xf32>, tensor<2xf32>
})";

TEST_P(FunctionTest, BindingsNameArgumentsAndResults) {
  NamedTensors inputs = {{"input/x", floats({2}, {1, 2})},
                         {"parameter/layers.0.w", floats({2}, {10, 20})},
                         {"input/count", TensorValue::scalarInt(2)}};
  auto outputs = tryRun(kBound, inputs, {precision(), /*probes=*/true});
  ASSERT_TRUE(succeeded(outputs)) << diagnostics;
  ASSERT_EQ(outputs->size(), 4u);
  expectNear(outputs->at("parameter/layers.0.w"), floats({2}, {11, 22}), 0);
  expectNear(outputs->at("result1"), floats({2}, {-11, -22}), 0);
  expectNear(outputs->at("probe/sum"), floats({2}, {11, 22}), 0);
  expectNear(outputs->at("probe/negated"), floats({2}, {-11, -22}), 0);
  outputs = tryRun(kBound, inputs, {precision(), /*probes=*/false});
  ASSERT_TRUE(succeeded(outputs));
  EXPECT_EQ(outputs->size(), 2u);
}

TEST_P(FunctionTest, MissingInputIsNamedWithItsType) {
  EXPECT_TRUE(failed(tryRun(kBound, {{"input/x", floats({2}, {1, 2})}}, {})));
  EXPECT_THAT(diagnostics, HasSubstr("expected an input \"parameter/layers.0.w\" of type 2xf32"));
}

TEST_P(FunctionTest, MisshapedAndMistypedInputsAreRefused) {
  NamedTensors inputs = {{"input/x", floats({3}, {1, 2, 3})},
                         {"parameter/layers.0.w", floats({2}, {10, 20})},
                         {"input/count", TensorValue::scalarInt(2)}};
  EXPECT_TRUE(failed(tryRun(kBound, inputs, {})));
  EXPECT_THAT(diagnostics, HasSubstr("expected input \"input/x\" of type 2xf32, found 3xf32"));
  inputs["input/x"] = floats({2}, {1, 2});
  inputs["input/count"] = TensorValue::scalar(2);
  EXPECT_TRUE(failed(tryRun(kBound, inputs, {})));
  EXPECT_THAT(diagnostics, HasSubstr("expected input \"input/count\" of type i32, found f32"));
}

TEST_P(FunctionTest, FusionInterpretsItsBody) {
  auto outputs = run(R"(
func.func @f(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0:2 = hydra.fusion <rows> "test" (%x, %y) : (tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    %1 = hydra.binary <mul> %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    %2 = hydra.binary <add> %1, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    hydra.yield %2, %a : tensor<2xf32>, tensor<2xf32>
  }
  %3 = hydra.binary <sub> %0#0, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %3, %0#1 : tensor<2xf32>, tensor<2xf32>
})",
                     {floats({2}, {3, 4}), floats({2}, {5, 6})});
  expectNear(outputs["result0"], floats({2}, {15, 24}), 0);
  expectNear(outputs["result1"], floats({2}, {3, 4}), 0);
}

TEST_P(FunctionTest, Float32RoundsEveryResultAndFloat64None) {
  auto outputs = runOp("hydra.binary <add> %0, %1", {floats({1}, {1}), floats({1}, {1e-9})},
                       {"tensor<1xf32>"});
  EXPECT_EQ(outputs["result0"][0], precision() == Precision::float32 ? 1.0 : 1.0 + 1e-9);
}

TEST_P(FunctionTest, Bfloat16RoundsToNearestEven) {
  auto outputs =
      runOp("hydra.cast %0 {element_type = bf16}",
            {floats({4}, {1.00390625, 1.01171875, -3.14159274, INFINITY})}, {"tensor<4xbf16>"});
  if (precision() == Precision::float32)
    expectNear(outputs["result0"], floats({4}, {1.0, 1.015625, -3.140625, INFINITY}), 0);
  else
    expectNear(outputs["result0"], floats({4}, {1.00390625, 1.01171875, -3.14159274, INFINITY}), 0);
}

TEST_P(FunctionTest, OpWithoutInterpretationIsALocatedError) {
  EXPECT_TRUE(failed(tryRun(R"(
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = func.call @g(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @g(tensor<2xf32>) -> tensor<2xf32>)",
                            {{"arg0", floats({2}, {1, 2})}}, {})));
  EXPECT_THAT(diagnostics, HasSubstr("'func.call' op cannot be interpreted"));
}

TEST_P(FunctionTest, DeclarationIsRefused) {
  EXPECT_TRUE(failed(tryRun("func.func private @g(tensor<2xf32>)", {}, {})));
  EXPECT_THAT(diagnostics, HasSubstr("expected a body of one block"));
}

}  // namespace
