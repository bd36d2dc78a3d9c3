// Parses functions and runs them through the interpreter.
#ifndef HYDRA_TESTS_INTERPRETER_INTERPRETER_FIXTURE_H
#define HYDRA_TESTS_INTERPRETER_INTERPRETER_FIXTURE_H

#include <cmath>
#include <initializer_list>
#include <random>

#include "compiler/interpreter/Interpreter.h"
#include "gtest/gtest.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

namespace mlir::hydra {

// Runs the body once per precision mode; `tolerance()` is what results may differ from a float64
// reference.
class InterpreterTest : public ::testing::TestWithParam<Precision> {
 protected:
  InterpreterTest() : context(makeRegistry()) {
    context.loadAllAvailableDialects();
    handler = context.getDiagEngine().registerHandler([this](Diagnostic& diagnostic) {
      diagnostics += diagnostic.str() + "\n";
      return success();
    });
  }
  ~InterpreterTest() override { context.getDiagEngine().eraseHandler(handler); }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registry.insert<HydraDialect, func::FuncDialect>();
    registerInterpreterExternalModels(registry);
    return registry;
  }

  // Interprets the one function in `source`; the module is kept until the next call.
  FailureOr<NamedTensors> tryRun(StringRef source, const NamedTensors& inputs,
                                 InterpretOptions options) {
    module = parseSourceString<ModuleOp>(source, ParserConfig(&context));
    if (!module) {
      ADD_FAILURE() << "does not parse:\n" << diagnostics;
      return failure();
    }
    return interpretFunction(*module->getOps<func::FuncOp>().begin(), inputs, options);
  }

  // Inputs are "arg0", "arg1", ... in order; expects success.
  NamedTensors run(StringRef source, std::initializer_list<TensorValue> arguments) {
    NamedTensors inputs;
    for (const TensorValue& argument : arguments)
      inputs["arg" + std::to_string(inputs.size())] = argument;
    auto outputs = tryRun(source, inputs, {precision(), false});
    EXPECT_TRUE(succeeded(outputs)) << diagnostics;
    return succeeded(outputs) ? *outputs : NamedTensors();
  }

  // Runs `op` as the whole function body: operands %0, %1, ... of the given types, one result or
  // more.
  NamedTensors runOp(StringRef op, std::initializer_list<TensorValue> arguments,
                     std::initializer_list<StringRef> resultTypes) {
    std::string types, results, names;
    std::string parameters;
    int64_t index = 0;
    for (const TensorValue& argument : arguments) {
      std::string type = "tensor<" + argument.describeType() + ">";
      parameters += (index ? ", %" : "%") + std::to_string(index) + ": " + type;
      types += (index ? ", " : "") + type;
      ++index;
    }
    index = 0;
    for (StringRef type : resultTypes) {
      results += (index ? ", " : "") + type.str();
      names += (index ? ", %r#" : "%r#") + std::to_string(index);
      ++index;
    }
    std::string source = "func.func @f(" + parameters + ") -> (" + results +
                         ") {\n  %r:" + std::to_string(index) + " = " + op.str() + " : (" + types +
                         ") -> (" + results + ")\n  return " + names + " : " + results + "\n}";
    return run(source, arguments);
  }

  Precision precision() const { return GetParam(); }
  double tolerance() const { return precision() == Precision::float64 ? 1e-12 : 3e-6; }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string diagnostics;

 private:
  DiagnosticEngine::HandlerID handler;
};

// Standard normal values that float32 holds exactly, the same for one seed everywhere.
inline TensorValue randomTensor(ArrayRef<int64_t> shape, uint32_t seed) {
  TensorValue tensor(ElementKind::f32, shape);
  std::mt19937 generator(seed);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    // The sum of twelve uniform values less six: near enough, and free of library differences.
    double sum = -6.0;
    for (int k = 0; k < 12; ++k) sum += generator() / 4294967296.0;
    tensor[i] = static_cast<float>(sum);
  }
  return tensor;
}

inline TensorValue floats(ArrayRef<int64_t> shape, std::vector<double> values) {
  return TensorValue(ElementKind::f32, shape, std::move(values));
}
inline TensorValue ints(ArrayRef<int64_t> shape, std::vector<double> values) {
  return TensorValue(ElementKind::i32, shape, std::move(values));
}

// Same shape; every element within `tolerance` of the expected one, relative where that is larger
// than 1. An expected NaN asks for NaN.
inline void expectNear(const TensorValue& actual, const TensorValue& expected, double tolerance) {
  ASSERT_EQ(actual.shape().vec(), expected.shape().vec());
  for (int64_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(actual[i])) << "element " << i << " is " << actual[i];
      continue;
    }
    double bound = tolerance * std::max(1.0, std::fabs(expected[i]));
    EXPECT_TRUE(std::fabs(actual[i] - expected[i]) <= bound || actual[i] == expected[i])
        << "element " << i << ": expected " << expected[i] << ", found " << actual[i];
  }
}

}  // namespace mlir::hydra

// Instantiates a fixture derived from InterpreterTest for both precision modes.
#define HYDRA_BOTH_PRECISIONS(fixture)                                                     \
  INSTANTIATE_TEST_SUITE_P(                                                                \
      Both, fixture,                                                                       \
      ::testing::Values(mlir::hydra::Precision::float32, mlir::hydra::Precision::float64), \
      [](const auto& info) {                                                               \
        return info.param == mlir::hydra::Precision::float32 ? "float32" : "float64";      \
      })

#endif  // HYDRA_TESTS_INTERPRETER_INTERPRETER_FIXTURE_H
