#include "tests/autodiff/gradient_check.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/autodiff/Derivatives.h"
#include "passes/autodiff/Passes.h"

namespace mlir::hydra {
namespace {

// Central differences of float64 functions are good to about 1e-9 here.
constexpr double kStep = 1e-5;
constexpr double kTolerance = 2e-7;

DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registry.insert<HydraDialect, func::FuncDialect>();
  registerDerivativeExternalModels(registry);
  registerInterpreterExternalModels(registry);
  return registry;
}

double uniform(std::mt19937& generator, double low, double high) {
  return low + (high - low) * (generator() / 4294967296.0);
}

TensorValue randomArgument(const GradientCase& gradientCase, RankedTensorType type, int32_t rows,
                           std::mt19937& generator) {
  TensorValue tensor = TensorValue::zeros(type);
  if (tensor.kind() != ElementKind::i32) {
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor[i] = uniform(generator, gradientCase.low, gradientCase.high);
  } else if (tensor.rank() == 0) {
    tensor[0] = rows;
  } else {
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor[i] = std::floor(uniform(generator, -1, gradientCase.indexExtent + 1));
  }
  return tensor;
}

bool isFloat(const TensorValue& tensor) { return tensor.kind() != ElementKind::i32; }

// Sum over all results of cotangent * result, where the result is specified.
double weightedSum(const NamedTensors& results, const NamedTensors& cotangents) {
  double sum = 0;
  for (const auto& [name, cotangent] : cotangents) {
    const TensorValue& result = results.at(name);
    for (int64_t i = 0; i < result.size(); ++i)
      if (!std::isnan(result[i])) sum += cotangent[i] * result[i];
  }
  return sum;
}

}  // namespace

void PrintTo(const GradientCase& gradientCase, std::ostream* stream) {
  *stream << gradientCase.name;
}

DerivativeContext::DerivativeContext() : context(makeRegistry()) {
  context.loadAllAvailableDialects();
}

OwningOpRef<ModuleOp> DerivativeContext::parse(const std::string& source) {
  auto module = parseSourceString<ModuleOp>(source, ParserConfig(&context));
  if (!module) ADD_FAILURE() << "does not parse:\n" << source;
  return module;
}

OwningOpRef<ModuleOp> DerivativeContext::differentiate(const std::string& source,
                                                       bool probeGradients) {
  OwningOpRef<ModuleOp> module = parse(source);
  if (!module) return module;
  PassManager manager(&context);
  HydraDifferentiateOptions options;
  options.probeGradients = probeGradients;
  manager.addPass(createHydraDifferentiate(options));
  if (failed(manager.run(*module))) {
    ADD_FAILURE() << "cannot be differentiated:\n" << source;
    return nullptr;
  }
  return module;
}

NamedTensors DerivativeContext::run(func::FuncOp function, const NamedTensors& inputs,
                                    Precision precision, bool probes) {
  InterpretOptions options;
  options.precision = precision;
  options.probes = probes;
  FailureOr<NamedTensors> results = interpretFunction(function, inputs, options);
  if (failed(results)) {
    ADD_FAILURE() << "cannot be interpreted: " << function.getSymName().str();
    return {};
  }
  return *results;
}

void checkGradients(const GradientCase& gradientCase, uint32_t seed, int32_t rows) {
  DerivativeContext context;
  OwningOpRef<ModuleOp> forward = context.parse(gradientCase.source);
  OwningOpRef<ModuleOp> backward = context.differentiate(gradientCase.source);
  ASSERT_TRUE(forward && backward);
  auto function = *forward->getOps<func::FuncOp>().begin();
  auto derivative = *backward->getOps<func::FuncOp>().begin();

  std::mt19937 generator(seed);
  NamedTensors inputs;
  int32_t count = rows;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensorType = cast<RankedTensorType>(type);
    inputs[argumentKey(function, index)] =
        randomArgument(gradientCase, tensorType, count, generator);
    if (tensorType.getRank() == 0 && tensorType.getElementType().isInteger(32)) count /= 2;
  }
  NamedTensors results = context.run(function, inputs);

  NamedTensors cotangents, backwardInputs = inputs;
  for (const auto& [name, result] : results) {
    if (!isFloat(result)) continue;
    TensorValue cotangent = result;
    for (int64_t i = 0; i < result.size(); ++i)
      cotangent[i] = std::isnan(result[i]) ? NAN : uniform(generator, -1, 1);
    cotangents[name] = cotangent;
    backwardInputs["input/cotangent." + name] = cotangent;
  }
  NamedTensors gradients = context.run(derivative, backwardInputs);
  ASSERT_FALSE(gradients.empty());
  for (const auto& [name, result] : results)
    for (int64_t i = 0; i < result.size(); ++i)
      EXPECT_TRUE(gradients.at(name)[i] == result[i] || std::isnan(result[i]))
          << "the derivative changed result " << name << " at " << i;

  for (const auto& [name, input] : inputs) {
    if (!isFloat(input)) continue;
    ASSERT_TRUE(gradients.count("output/gradient." + name)) << "no gradient of " << name;
    const TensorValue& gradient = gradients.at("output/gradient." + name);
    ASSERT_EQ(gradient.shape().vec(), input.shape().vec());
    // All elements of small tensors, every few of larger ones.
    int64_t stride = std::max<int64_t>(1, input.size() / 48);
    for (int64_t i = 0; i < input.size(); i += stride) {
      NamedTensors moved = inputs;
      moved[name][i] = input[i] + kStep;
      double above = weightedSum(context.run(function, moved), cotangents);
      moved[name][i] = input[i] - kStep;
      double below = weightedSum(context.run(function, moved), cotangents);
      double expected = (above - below) / (2 * kStep);
      EXPECT_NEAR(gradient[i], expected, kTolerance * std::max(1.0, std::fabs(expected)))
          << "gradient of " << name << " at " << i;
    }
  }
}

std::vector<GradientCase> allCases() {
  std::vector<GradientCase> all;
  for (const auto& cases : {elementwiseCases(), broadcastCases(), matmulCases(), rowCases(),
                            sequenceCases(), moveCases(), routingCases(), compositeCases()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

}  // namespace mlir::hydra
