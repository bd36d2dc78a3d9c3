// Accuracy of the vector functions against double precision, in units in the last place.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/base/cpu_detection.h"
#include "tests/codegen/KernelHarness.h"

using namespace mlir::hydra;
using namespace mlir::hydra::testing;

namespace {

double ulps(float computed, double exact) {
  float rounded = static_cast<float>(exact);
  if (std::isnan(exact)) return std::isnan(computed) ? 0 : INFINITY;
  if (computed == rounded) return 0;
  if (std::isinf(computed) || std::isinf(rounded)) return INFINITY;
  double spacing = std::nextafter(std::fabs(rounded), INFINITY) - std::fabs(rounded);
  return std::fabs(static_cast<double>(computed) - exact) /
         std::max(spacing, static_cast<double>(std::numeric_limits<float>::min()) * 1.2e-7);
}

struct Function {
  const char* kind;
  double low, high;
  double (*exact)(double);
  double limit;  // ulps
};

class UnaryAccuracy : public ::testing::TestWithParam<Function> {};

TEST_P(UnaryAccuracy, StaysWithinItsLimit) {
  const Function& function = GetParam();
  constexpr int kCount = 200003;
  std::vector<float> inputs;
  for (int i = 0; i < kCount; ++i)
    inputs.push_back(
        static_cast<float>(function.low + (function.high - function.low) * i / (kCount - 1)));
  std::string type = "tensor<" + std::to_string(kCount) + "xf32>";
  for (const std::string& level : ::hydra::RunnableLevels(::hydra::HostCpu())) {
    KernelHarness harness("func.func @f(%x: " + type + ") -> " + type + " { %r = hydra.unary <" +
                          function.kind + "> %x : (" + type + ") -> " + type +
                          " return %r : " + type + " }");
    ASSERT_TRUE(harness.compile(level)) << harness.messages();
    std::vector<float> results = harness.run({Words::floats(inputs)})[0].asFloats();
    double worst = 0;
    float where = 0;
    for (int i = 0; i < kCount; ++i) {
      double error = ulps(results[i], function.exact(inputs[i]));
      if (error > worst) {
        worst = error;
        where = inputs[i];
      }
    }
    RecordProperty(std::string("max_ulp_") + level, std::to_string(worst));
    std::printf("%s on %s: %.2f ulp at %g\n", function.kind, level.c_str(), worst, where);
    EXPECT_LE(worst, function.limit) << function.kind << " at " << where;
  }
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
// Rounding of the argument of its sigmoid, 6.7 at -3, counts as often.
double gelu(double x) {
  return x * sigmoid(2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x));
}
INSTANTIATE_TEST_SUITE_P(
    Functions, UnaryAccuracy,
    ::testing::Values(Function{"exp", -86, 88, [](double x) { return std::exp(x); }, 2},
                      Function{"log", 1e-3, 4, [](double x) { return std::log(x); }, 4},
                      Function{"log", 1, 1e6, [](double x) { return std::log(x); }, 4},
                      Function{"tanh", -10, 10, [](double x) { return std::tanh(x); }, 8},
                      Function{"sigmoid", -30, 30, sigmoid, 4},
                      Function{"silu", -30, 30, [](double x) { return x * sigmoid(x); }, 5},
                      Function{"gelu", -3, 8, gelu, 18},
                      Function{"sqrt", 0, 100, [](double x) { return std::sqrt(x); }, 0.5},
                      Function{"rsqrt", 1e-3, 100, [](double x) { return 1 / std::sqrt(x); }, 1.5},
                      Function{"reciprocal", 1e-3, 100, [](double x) { return 1 / x; }, 0.5},
                      Function{"round", -9, 9, [](double x) { return std::nearbyint(x); }, 0}));

TEST(UnaryAccuracy, SpecialValuesOfExp) {
  KernelHarness harness(
      "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { %r = hydra.unary <exp> "
      "%x : (tensor<4xf32>) -> tensor<4xf32> return %r : tensor<4xf32> }");
  ASSERT_TRUE(harness.compile("x86-64-v3")) << harness.messages();
  std::vector<float> results =
      harness.run({Words::floats({-INFINITY, INFINITY, NAN, 0.0f})})[0].asFloats();
  EXPECT_EQ(results[0], 0.0f);
  EXPECT_EQ(results[1], INFINITY);
  EXPECT_TRUE(std::isnan(results[2]));
  EXPECT_EQ(results[3], 1.0f);
}

TEST(RmsNorm, AgreesWithItsFormula) {
  constexpr int kRows = 19, kColumns = 33;
  KernelHarness harness(
      "func.func @f(%x: tensor<19x33xf32>, %w: tensor<33xf32>) -> tensor<19x33xf32> { %r = "
      "hydra.rms_norm %x, %w {eps = 1.0e-6 : f64} : (tensor<19x33xf32>, tensor<33xf32>) -> "
      "tensor<19x33xf32> return %r : tensor<19x33xf32> }");
  ASSERT_TRUE(harness.compile("x86-64-v3")) << harness.messages();
  std::vector<float> x, weight;
  for (int i = 0; i < kRows * kColumns; ++i) x.push_back(static_cast<float>(std::sin(0.37 * i)));
  for (int i = 0; i < kColumns; ++i) weight.push_back(1 + 0.01f * static_cast<float>(i));
  std::vector<float> results = harness.run({Words::floats(x), Words::floats(weight)})[0].asFloats();
  for (int row = 0; row < kRows; ++row) {
    double sum = 0;
    for (int c = 0; c < kColumns; ++c)
      sum += static_cast<double>(x[row * kColumns + c]) * x[row * kColumns + c];
    double r = 1 / std::sqrt(sum / kColumns + 1e-6);
    for (int c = 0; c < kColumns; ++c)
      EXPECT_NEAR(results[row * kColumns + c], x[row * kColumns + c] * r * weight[c], 3e-7 * 4);
  }
}

}  // namespace
