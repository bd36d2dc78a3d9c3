// The state of a program that is being generated. Private to the generator.
#ifndef HYDRA_TESTS_COMPILER_PROGRAMTEXT_H
#define HYDRA_TESTS_COMPILER_PROGRAMTEXT_H

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/compiler/ProgramGenerator.h"

namespace mlir::hydra::testing {

using Shape = std::vector<int64_t>;

int64_t product(const Shape& shape);
// Extents of all axes but the last, multiplied.
int64_t rowsOf(const Shape& shape);
// `shape` with another last extent.
Shape withLast(Shape shape, int64_t extent);

// An SSA value and what the generator knows about its contents.
struct GeneratedValue {
  std::string name;
  Shape shape;
  bool integer = false;
  // The argument that counts the defined rows; -1: all are defined.
  int rows = -1;
  // About the largest magnitude.
  double bound = 1;
  // A certain lower bound, if positive; 0: unknown.
  double lowest = 0;
  // Without rounding errors: the same bits in every implementation.
  bool exact = false;
  // Not to be used by other operations (may be infinite).
  bool final = false;
  // The elements of a row are likely to be equal, so that the gradient of a norm is nearly zero and
  // consists of rounding errors.
  bool uniform = false;
  int uses = 0;
};

// Facts about a result beside its shape.
struct ResultFacts {
  double bound = 1;
  double lowest = 0;
  bool exact = false;
  int rows = -1;
  bool integer = false;
  bool final = false;
};

// Appends operations to the text of a function. Indices of values stay valid.
class ProgramText {
 public:
  explicit ProgramText(uint64_t seed) : generator(seed) {}

  // 0 .. count - 1.
  int64_t below(int64_t count) { return static_cast<int64_t>(generator() % count); }
  bool chance(double probability) { return generator() % 1000000 < probability * 1000000; }
  template <typename T>
  T oneOf(std::vector<T> choices) {
    return choices[below(static_cast<int64_t>(choices.size()))];
  }

  const GeneratedValue& value(int index) const { return values[index]; }
  int operations() const { return operationCount; }

  int argument(Shape shape, double low = -1, double high = 1);
  int integerArgument(Shape shape, int64_t low, int64_t high);
  // The row count argument `which`, created at the first use.
  int rowCount(int which);
  int constant(double number);

  // A random value that satisfies the predicate, recent ones rather than old ones.
  std::optional<int> pick(const std::function<bool(const GeneratedValue&)>& predicate);

  // `hydra.OP operands attributes`; commas between the operands unless `written` says how they are
  // printed. Returns the results. `rowsWord` puts the row count behind the word `rows`.
  std::vector<int> emit(const std::string& op, const std::vector<int>& operands,
                        const std::string& attributes, const std::vector<Shape>& shapes,
                        const std::vector<ResultFacts>& facts, const std::string& written = "");
  int emitOne(const std::string& op, const std::vector<int>& operands,
              const std::string& attributes, const Shape& shape, const ResultFacts& facts,
              const std::string& written = "");

  // What is printed for an operand.
  std::string name(int index) const { return values[index].name; }
  // Index of the argument that value `index` is.
  int argumentIndex(int index) const;

  // Notes that `rows` counts up to this many.
  void noteRows(const Shape& shape);

  // Returns everything unused, and a few values that are used.
  GeneratedProgram finish();

 private:
  std::string typeOf(const GeneratedValue& value) const;
  int add(GeneratedValue value);

  std::mt19937_64 generator;
  std::vector<GeneratedValue> values;
  std::vector<int> argumentValues;
  std::vector<int> rowCounts;
  GeneratedProgram program;
  std::string body;
  int operationCount = 0;
};

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_COMPILER_PROGRAMTEXT_H
