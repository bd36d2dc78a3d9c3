// One function per kind of operation: chooses operands, or makes arguments for it. Private to the
// generator.
#ifndef HYDRA_TESTS_COMPILER_PROGRAMOPERATIONS_H
#define HYDRA_TESTS_COMPILER_PROGRAMOPERATIONS_H

#include <vector>

#include "tests/compiler/ProgramText.h"

namespace mlir::hydra::testing {

class ProgramOperations {
 public:
  using Member = void (ProgramOperations::*)();

  ProgramOperations(ProgramText& text, ProgramKind kind);

  // All kinds. Each appends at least one operation.
  static const std::vector<Member>& all();
  // Those of ProgramKind::chains.
  static const std::vector<Member>& ofChains();

 private:
  // ElementwiseOperations.cpp
  void unary();
  void positiveUnary();
  void jump();
  void binary();
  void divide();
  void integers();
  void select();
  void cast();
  void broadcast();
  void reduce();
  void reshape();
  void split();
  void concat();
  void sliceRows();
  void concatRows();
  void stop();

  // RowOperations.cpp
  void matmul();
  void groupedMatmul();
  void weightProduct();
  void rmsNorm();
  void l2Norm();
  void swiglu();
  void headMix();
  void embedding();
  void gatherRows();
  void scatterRows();

  // SequenceOperations.cpp
  void rope();
  void shift();
  void causalConv();
  void unfold();
  void fold();
  void attention();
  void attentionWithPosition();
  void crossEntropy();
  void decodingState();
  void optimizerStep();

  // Shapes of this program.
  int64_t width() { return text.oneOf(widths); }
  Shape anyShape();
  // Some float value, or a new argument.
  int any();
  // ... with at least one axis.
  int ranked();
  // ... with exactly this shape and every row defined.
  int full(const Shape& shape);
  void addHistory(std::vector<int>& operands, const Shape& shape);
  std::string behind(const std::vector<int>& operands, size_t plain);
  // ... with three axes and every row defined.
  int sequence();
  int weight(const Shape& shape) { return text.argument(shape, -0.7, 0.7); }
  // Index of a row count argument for operations on `x`: that of x if it has one, sometimes a new
  // one if it has at least one axis, -1 otherwise.
  int rowsFor(int x);
  // A value of x's shape that is defined wherever x is under `rows`.
  int partner(int x, int rows);
  // Brings large values back to about 1.
  int tame(int x);
  // A value for a norm: rows of more than one element that are not all equal.
  int varied();
  // A value bounded below.
  int positive();
  // operands, and the row count behind them if there is one.
  static std::vector<int> with(std::vector<int> operands, int rows);

  const GeneratedValue& at(int index) const { return text.value(index); }

  ProgramText& text;
  std::vector<int64_t> widths;
  std::vector<Shape> leading;
  bool rowsProgram;
};

// "{heads = 3 : i64}" and the like.
std::string integerAttribute(const std::string& name, int64_t value);
std::string floatAttribute(const std::string& name, double value);
std::string arrayAttribute(const std::string& name, const Shape& values);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_COMPILER_PROGRAMOPERATIONS_H
