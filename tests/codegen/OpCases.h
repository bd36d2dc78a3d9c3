// The primitives and shapes that the kernels are compared with the interpreter on.
#ifndef HYDRA_TESTS_CODEGEN_OPCASES_H
#define HYDRA_TESTS_CODEGEN_OPCASES_H

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace mlir::hydra::testing {

struct OpCase {
  std::string name;
  // One func.func named "f".
  std::string text;
  // Ranges of the i32 arguments, in order.
  std::vector<std::pair<int32_t, int32_t>> integers;
  // The i32 arguments of more than one element hold no number twice; their ranges are large enough.
  bool distinct = false;
  // Range of the float arguments.
  float low = -2, high = 2;
  // Floats are multiples of 0.5 with zeros of both signs, infinities and NaN among them.
  bool ties = false;
  // |computed - expected| <= tolerance * max(1, |expected|).
  double tolerance = 2e-6;
  // Value of the last argument, a `rows` operand: rows of the float arguments beyond it hold NaN.
  std::optional<int32_t> rows;
  // bf16 operands: only levels that multiply them, each with bits of its own.
  bool half = false;
  // Elements that the interpreter leaves NaN are not compared.
  bool unspecified = false;
  // The pair of result and operand that share memory in a second run; -1: none.
  int inPlaceResult = -1, inPlaceOperand = -1;
  // Computes inputs that depend on others (lse of attention and cross-entropy) before the run.
  enum class Prepare { none, attention, crossEntropy } prepare = Prepare::none;
};

// What GoogleTest prints for a case.
void PrintTo(const OpCase& item, std::ostream* stream);

std::vector<OpCase> elementwiseCases();
std::vector<OpCase> rowCases();
std::vector<OpCase> sequenceCases();
std::vector<OpCase> moveCases();
std::vector<OpCase> selectionCases();
std::vector<OpCase> attentionCases();
std::vector<OpCase> lossCases();
std::vector<OpCase> samplingCases();
// Regions of several primitives, and row programs written by hand.
std::vector<OpCase> fusedCases();
std::vector<OpCase> allOpCases();
// Of all of them, row programs of every shape: flat, rows, segments, windows, gathered rows, column
// sums, regions.
std::vector<OpCase> rowProgramCases();

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_OPCASES_H
