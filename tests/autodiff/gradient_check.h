// Derivatives against central differences in float64.
#ifndef HYDRA_TESTS_AUTODIFF_GRADIENT_CHECK_H
#define HYDRA_TESTS_AUTODIFF_GRADIENT_CHECK_H

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "compiler/interpreter/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

namespace mlir::hydra {

// A function `@f` to differentiate, and where its arguments come from.
struct GradientCase {
  std::string name;
  // Text of the function, with `attributes {hydra.vjp}`. Scalar i32 arguments are row counts.
  std::string source;
  // Float arguments are drawn from here, either sign if `low` is negative.
  double low = -1.5;
  double high = 1.5;
  // i32 tensors are drawn from -1 .. indexExtent, one beyond the valid range at both ends.
  int64_t indexExtent = 4;
  // Every row count to try; a case without row counts runs once per seed. A second row count of a
  // function is half of the first.
  std::vector<int32_t> rows = {0};
};

// Names the case in GoogleTest's messages.
void PrintTo(const GradientCase& gradientCase, std::ostream* stream);

// The cases of every area; together they hold every op that has a derivative.
std::vector<GradientCase> elementwiseCases();
std::vector<GradientCase> broadcastCases();
std::vector<GradientCase> matmulCases();
std::vector<GradientCase> rowCases();
std::vector<GradientCase> sequenceCases();
std::vector<GradientCase> moveCases();
std::vector<GradientCase> routingCases();
std::vector<GradientCase> compositeCases();
std::vector<GradientCase> allCases();

// A context with the hydra dialect, its derivatives and its interpretation.
class DerivativeContext {
 public:
  DerivativeContext();

  // Null (and a test failure) if the text does not parse or a pass fails.
  OwningOpRef<ModuleOp> parse(const std::string& source);
  OwningOpRef<ModuleOp> differentiate(const std::string& source, bool probeGradients = false);
  // Empty (and a test failure) if it fails.
  NamedTensors run(func::FuncOp function, const NamedTensors& inputs,
                   Precision precision = Precision::float64, bool probes = false);

  MLIRContext& get() { return context; }

 private:
  MLIRContext context;
};

// Differentiates the case's function and compares its gradients with central differences, for one
// seed and one row count. Rows that the function leaves unspecified get no cotangent but NaN, so
// that their influence would show.
void checkGradients(const GradientCase& gradientCase, uint32_t seed, int32_t rows);

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_AUTODIFF_GRADIENT_CHECK_H
