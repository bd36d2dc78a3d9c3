// Derivatives that differences cannot show: where a function has a kink, and where a gradient is
// defined to be zero.
#include <cmath>

#include "gtest/gtest.h"
#include "tests/autodiff/gradient_check.h"

namespace mlir::hydra {
namespace {

using Values = std::vector<double>;

// Gradients of a function of tensor<4xf32> arguments for a cotangent of ones, in float64.
std::vector<Values> gradientsAt(const std::string& body, const std::vector<Values>& arguments) {
  std::string parameters;
  NamedTensors inputs;
  for (const Values& values : arguments) {
    std::string name = "arg" + std::to_string(inputs.size());
    parameters += (parameters.empty() ? "%" : ", %") + name + ": tensor<4xf32>";
    inputs[name] = TensorValue(ElementKind::f32, {4}, values);
  }
  DerivativeContext context;
  auto module = context.differentiate("func.func @f(" + parameters +
                                      ") -> tensor<4xf32> attributes {hydra.vjp} {\n" + body +
                                      "  return %y : tensor<4xf32>\n}\n");
  std::vector<Values> gradients;
  if (!module) return gradients;
  inputs["input/cotangent.result0"] = TensorValue(ElementKind::f32, {4}, 1.0);
  NamedTensors results = context.run(*module->getOps<func::FuncOp>().begin(), inputs);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const TensorValue& gradient = results.at("output/gradient.arg" + std::to_string(i));
    gradients.emplace_back(gradient.elements().begin(), gradient.elements().end());
  }
  return gradients;
}

constexpr char kType[] = " : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n";
constexpr char kUnaryType[] = " : (tensor<4xf32>) -> tensor<4xf32>\n";

TEST(DerivativeDefinition, ATieOfMaxOrMinBelongsToTheFirstOperand) {
  for (const char* kind : {"max", "min"}) {
    auto gradients =
        gradientsAt(std::string("  %y = hydra.binary <") + kind + "> %arg0, %arg1" + kType,
                    {{1, 2, 3, 4}, {1, 2, 3, 4}});
    EXPECT_EQ(gradients[0], (Values{1, 1, 1, 1})) << kind;
    EXPECT_EQ(gradients[1], (Values{0, 0, 0, 0})) << kind;
  }
}

// model.md 10: a value at a bound still has its gradient.
TEST(DerivativeDefinition, AClampPassesTheGradientAtItsBounds) {
  auto gradients = gradientsAt(std::string("  %lo = hydra.constant dense<-1.0> : tensor<4xf32>\n"
                                           "  %hi = hydra.constant dense<1.0> : tensor<4xf32>\n"
                                           "  %c = hydra.binary <max> %arg0, %lo") +
                                   kType + "  %y = hydra.binary <min> %c, %hi" + kType,
                               {{-1, 1, -2, 2}});
  EXPECT_EQ(gradients[0], (Values{1, 1, 0, 0}));
}

TEST(DerivativeDefinition, TheMaximumSharesItsGradientAmongEquals) {
  auto gradients = gradientsAt(
      "  %m = hydra.reduce <max> <last> %arg0 : (tensor<4xf32>) -> tensor<1xf32>\n"
      "  %y = hydra.broadcast %m {shape = array<i64: 4>} : (tensor<1xf32>) -> "
      "tensor<4xf32>\n",
      {{3, 1, 3, 2}});
  EXPECT_EQ(gradients[0], (Values{2, 0, 2, 0}));
}

TEST(DerivativeDefinition, StopHidesAPath) {
  auto gradients = gradientsAt(std::string("  %s = hydra.stop %arg0") + kUnaryType +
                                   "  %y = hydra.binary <mul> %arg0, %s" + kType,
                               {{1, 2, 3, 4}});
  EXPECT_EQ(gradients[0], (Values{1, 2, 3, 4}));  // not 2 x
}

// The straight-through estimate: a rounded value forward, the gradient of the unrounded one.
TEST(DerivativeDefinition, StraightThrough) {
  auto gradients =
      gradientsAt(std::string("  %r = hydra.unary <round> %arg0") + kUnaryType +
                      "  %d = hydra.binary <sub> %r, %arg0" + kType + "  %s = hydra.stop %d" +
                      kUnaryType + "  %y = hydra.binary <add> %arg0, %s" + kType,
                  {{0.2, 0.7, 1.5, -0.4}});
  EXPECT_EQ(gradients[0], (Values{1, 1, 1, 1}));
}

TEST(DerivativeDefinition, RoundHasAZeroDerivative) {
  auto gradients = gradientsAt(std::string("  %y = hydra.unary <round> %arg0") + kUnaryType,
                               {{0.5, 0.7, 1.5, -0.4}});
  EXPECT_EQ(gradients[0], (Values{0, 0, 0, 0}));
}

TEST(DerivativeDefinition, SelectIgnoresWhatItDoesNotChoose) {
  double nan = std::nan("");
  auto gradients = gradientsAt(
      "  %y = hydra.select %arg0, %arg1, %arg2 : (tensor<4xf32>, "
      "tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n",
      {{1, 0, 2, 0}, {1, nan, 3, nan}, {nan, 2, nan, 4}});
  EXPECT_EQ(gradients[0], (Values{0, 0, 0, 0}));
  EXPECT_EQ(gradients[1], (Values{1, 0, 1, 0}));
  EXPECT_EQ(gradients[2], (Values{0, 1, 0, 1}));
}

}  // namespace
}  // namespace mlir::hydra
