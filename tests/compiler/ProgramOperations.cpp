#include "tests/compiler/ProgramOperations.h"

#include <cstdio>

namespace mlir::hydra::testing {

std::string integerAttribute(const std::string& name, int64_t value) {
  return name + " = " + std::to_string(value) + " : i64";
}

std::string floatAttribute(const std::string& name, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), " = %.6e : f64", value);
  return name + text;
}

std::string arrayAttribute(const std::string& name, const Shape& values) {
  std::string text;
  for (int64_t value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return name + " = array<i64: " + text + ">";
}

const std::vector<ProgramOperations::Member>& ProgramOperations::all() {
  using P = ProgramOperations;
  // Twice what a model is made of.
  static const std::vector<Member> members = {&P::unary,
                                              &P::unary,
                                              &P::positiveUnary,
                                              &P::jump,
                                              &P::binary,
                                              &P::binary,
                                              &P::divide,
                                              &P::integers,
                                              &P::select,
                                              &P::cast,
                                              &P::broadcast,
                                              &P::reduce,
                                              &P::reshape,
                                              &P::split,
                                              &P::concat,
                                              &P::sliceRows,
                                              &P::concatRows,
                                              &P::stop,
                                              &P::matmul,
                                              &P::matmul,
                                              &P::groupedMatmul,
                                              &P::weightProduct,
                                              &P::rmsNorm,
                                              &P::l2Norm,
                                              &P::swiglu,
                                              &P::headMix,
                                              &P::embedding,
                                              &P::gatherRows,
                                              &P::scatterRows,
                                              &P::rope,
                                              &P::shift,
                                              &P::causalConv,
                                              &P::unfold,
                                              &P::fold,
                                              &P::attention,
                                              &P::attention,
                                              &P::attentionWithPosition,
                                              &P::crossEntropy,
                                              &P::decodingState,
                                              &P::optimizerStep};
  return members;
}

const std::vector<ProgramOperations::Member>& ProgramOperations::ofChains() {
  using P = ProgramOperations;
  static const std::vector<Member> members = {
      &P::unary,     &P::unary,   &P::unary,   &P::positiveUnary, &P::binary,  &P::binary,
      &P::binary,    &P::binary,  &P::divide,  &P::select,        &P::rmsNorm, &P::rmsNorm,
      &P::l2Norm,    &P::swiglu,  &P::headMix, &P::reduce,        &P::split,   &P::concat,
      &P::embedding, &P::reshape, &P::matmul};
  return members;
}

ProgramOperations::ProgramOperations(ProgramText& programText, ProgramKind kind)
    : text(programText), rowsProgram(programText.chance(0.6)) {
  if (kind == ProgramKind::chains) {
    widths = {text.oneOf<int64_t>({6, 16, 24, 40, 66, 130})};
    int64_t positions = text.oneOf<int64_t>({7, 33, 64, 129});
    leading = {{text.oneOf<int64_t>({1, 2}), positions}};
    return;
  }
  const std::vector<int64_t> all = {1, 2, 3, 5, 6, 8, 12, 15, 16, 17, 24, 31, 32, 33, 40, 66};
  for (int i = 0; i < 4; ++i) widths.push_back(text.oneOf(all));
  int64_t batch = text.oneOf<int64_t>({1, 1, 2, 3});
  int64_t positions = text.oneOf<int64_t>({1, 2, 3, 7, 8, 9, 16, 17, 33, 64, 65, 70});
  leading = {
      {batch, positions}, {batch * positions}, {text.oneOf<int64_t>({1, 5, 21, 64, 65, 129})}};
}

Shape ProgramOperations::anyShape() {
  Shape shape = text.chance(0.6) ? leading[0] : text.oneOf(leading);
  shape.push_back(width());
  return shape;
}

int ProgramOperations::any() {
  if (text.chance(0.1)) return text.argument(anyShape());
  auto found = text.pick([](const GeneratedValue& v) { return !v.integer; });
  return found ? *found : text.argument(anyShape());
}

int ProgramOperations::ranked() {
  if (text.chance(0.1)) return text.argument(anyShape());
  auto found = text.pick([](const GeneratedValue& v) { return !v.integer && v.shape.size() >= 2; });
  return found ? *found : text.argument(anyShape());
}

int ProgramOperations::full(const Shape& shape) {
  auto found = text.pick(
      [&](const GeneratedValue& v) { return !v.integer && v.rows < 0 && v.shape == shape; });
  return found && text.chance(0.8) ? *found : text.argument(shape);
}

int ProgramOperations::sequence() {
  auto found = text.pick(
      [](const GeneratedValue& v) { return !v.integer && v.rows < 0 && v.shape.size() == 3; });
  if (found && text.chance(0.85)) return *found;
  Shape shape = leading[0];
  shape.push_back(width());
  return text.argument(shape);
}

int ProgramOperations::rowsFor(int x) {
  if (at(x).rows >= 0) return at(x).rows;
  if (!rowsProgram || at(x).shape.size() < 2 || !text.chance(0.45)) return -1;
  return text.rowCount(static_cast<int>(text.below(2)));
}

int ProgramOperations::partner(int x, int rows) {
  Shape shape = at(x).shape;
  auto found = text.pick([&](const GeneratedValue& v) {
    return !v.integer && v.shape == shape && (v.rows < 0 || v.rows == rows);
  });
  return found && text.chance(0.9) ? *found : text.argument(shape);
}

std::vector<int> ProgramOperations::with(std::vector<int> operands, int rows) {
  if (rows >= 0) operands.push_back(rows);
  return operands;
}

int ProgramOperations::tame(int x) {
  if (at(x).bound < 20) return x;
  int factor = text.constant(1.5 / at(x).bound);
  int rows = at(x).rows;
  return text.emitOne("binary <mul>", with({x, factor}, rows), "", at(x).shape,
                      {.bound = 1.5, .rows = rows});
}

int ProgramOperations::varied() {
  auto found = text.pick(
      [](const GeneratedValue& v) { return !v.integer && !v.uniform && v.shape.size() >= 2; });
  if (found && text.chance(0.9)) return tame(*found);
  Shape shape = leading[0];
  shape.push_back(1 + width());
  return text.argument(shape);
}

int ProgramOperations::positive() {
  auto found = text.pick([](const GeneratedValue& v) { return !v.integer && v.lowest >= 0.25; });
  if (found && text.chance(0.6)) return *found;
  if (text.chance(0.3)) return text.argument(anyShape(), 0.3, 1.8);
  int x = tame(any());
  int rows = rowsFor(x);
  int square = text.emitOne("unary <square>", with({x}, rows), "", at(x).shape,
                            {.bound = at(x).bound * at(x).bound, .rows = rows});
  int half = text.constant(0.5);
  return text.emitOne("binary <add>", with({square, half}, rows), "", at(x).shape,
                      {.bound = at(square).bound + 0.5, .lowest = 0.5, .rows = rows});
}

}  // namespace mlir::hydra::testing
