// Matrix products, operations on single rows, and operations that move rows.
#include <algorithm>
#include <cmath>

#include "tests/compiler/ProgramOperations.h"

namespace mlir::hydra::testing {

namespace {

double productBound(const GeneratedValue& a, const GeneratedValue& b, int64_t terms) {
  return a.bound * b.bound * std::sqrt(static_cast<double>(terms)) * 1.5;
}

std::string wordsOf(const ProgramText& text, int a, int b, int accumulator, int rows) {
  std::string words = text.name(a) + ", " + text.name(b);
  if (accumulator >= 0) words += " accumulate " + text.name(accumulator);
  if (rows >= 0) words += " rows " + text.name(rows);
  return words;
}

}  // namespace

void ProgramOperations::matmul() {
  int a = tame(ranked());
  int rows = rowsFor(a);
  int64_t k = at(a).shape.back(), n = width();
  bool transposed = text.chance(0.7);
  int b = weight(transposed ? Shape{n, k} : Shape{k, n});
  Shape shape = withLast(at(a).shape, n);
  int accumulator = -1;
  if (text.chance(0.25)) {
    auto found = text.pick([&](const GeneratedValue& v) {
      return !v.integer && v.shape == shape && (v.rows < 0 || v.rows == rows);
    });
    accumulator = found ? *found : text.argument(shape);
  }
  std::vector<int> operands = {a, b};
  if (accumulator >= 0) operands.push_back(accumulator);
  double bound = productBound(at(a), at(b), k) + (accumulator < 0 ? 0 : at(accumulator).bound);
  text.emitOne("matmul", with(operands, rows), transposed ? "{transpose_b}" : "", shape,
               {.bound = bound, .rows = rows}, wordsOf(text, a, b, accumulator, rows));
}

void ProgramOperations::groupedMatmul() {
  int64_t groups = text.oneOf<int64_t>({2, 3, 4});
  auto found = text.pick([&](const GeneratedValue& v) {
    return !v.integer && v.shape.size() >= 2 && v.shape.back() % groups == 0;
  });
  int a = found ? *found : text.argument({leading[0][0], leading[0][1], groups * 5});
  a = tame(a);
  int rows = rowsFor(a);
  int64_t depth = at(a).shape.back() / groups, n = text.oneOf<int64_t>({1, 3, 8, 17});
  bool transposed = text.chance(0.6);
  // transpose_b: B is [g n, depth]; none: B is [g depth, n].
  int b = weight(transposed ? Shape{groups * n, depth} : Shape{groups * depth, n});
  text.emitOne("matmul", with({a, b}, rows),
               std::string("{") + (transposed ? "transpose_b, " : "") +
                   integerAttribute("groups", groups) + "}",
               withLast(at(a).shape, groups * n),
               {.bound = productBound(at(a), at(b), depth), .rows = rows},
               wordsOf(text, a, b, -1, rows));
}

// Two row-wise values contracted over their rows.
void ProgramOperations::weightProduct() {
  int a = tame(ranked());
  int rows = rowsFor(a);
  const Shape lead = withLast(at(a).shape, 1);
  auto found = text.pick([&](const GeneratedValue& v) {
    return !v.integer && v.shape.size() >= 2 && withLast(v.shape, 1) == lead &&
           (v.rows < 0 || v.rows == rows);
  });
  int b = tame(found ? *found : text.argument(withLast(lead, width())));
  // Taming may come too late for a row count: it keeps that of its operand.
  int64_t m = at(a).shape.back(), n = at(b).shape.back(), groups = 1;
  if (m % 2 == 0 && n % 2 == 0 && text.chance(0.4)) groups = 2;
  if (m % 3 == 0 && n % 3 == 0 && text.chance(0.4)) groups = 3;
  Shape shape = {m, n / groups};
  if (rows >= 0) text.noteRows(at(a).shape);
  int accumulator = text.chance(0.3) ? full(shape) : -1;
  std::vector<int> operands = {a, b};
  if (accumulator >= 0) operands.push_back(accumulator);
  double bound =
      productBound(at(a), at(b), rowsOf(lead)) + (accumulator < 0 ? 0 : at(accumulator).bound);
  text.emitOne("matmul", with(operands, rows),
               "{transpose_a, " + integerAttribute("groups", groups) + "}", shape, {.bound = bound},
               wordsOf(text, a, b, accumulator, rows));
}

void ProgramOperations::rmsNorm() {
  int x = varied();
  int rows = rowsFor(x);
  int64_t columns = at(x).shape.back();
  int scale = text.argument({columns}, 0.5, 1.5);
  text.emitOne("rms_norm", with({x, scale}, rows),
               "{" + floatAttribute("eps", text.oneOf<double>({1e-3, 1e-2})) + "}", at(x).shape,
               {.bound = 3, .rows = rows});
}

void ProgramOperations::l2Norm() {
  int x = varied();
  int rows = rowsFor(x);
  int64_t columns = at(x).shape.back();
  std::vector<int64_t> heads = {1};
  for (int64_t h : {2, 3, 4, 5})
    if (columns % h == 0 && columns > h) heads.push_back(h);
  // Drawn one after the other: the operands of + have no order of evaluation.
  int64_t head = text.oneOf(heads);
  double eps = text.oneOf<double>({0.05, 0.3});
  text.emitOne("l2_norm", with({x}, rows),
               "{" + integerAttribute("heads", head) + ", " + floatAttribute("eps", eps) + "}",
               at(x).shape, {.bound = 1, .rows = rows});
}

void ProgramOperations::swiglu() {
  auto found = text.pick([](const GeneratedValue& v) {
    return !v.integer && v.shape.size() >= 2 && v.shape.back() % 2 == 0;
  });
  int x = tame(found ? *found : text.argument({leading[0][0], leading[0][1], 2 * width()}, -2, 2));
  int rows = rowsFor(x);
  text.emitOne("swiglu", with({x}, rows), "", withLast(at(x).shape, at(x).shape.back() / 2),
               {.bound = at(x).bound * at(x).bound, .rows = rows});
}

void ProgramOperations::headMix() {
  int x = ranked();
  int rows = rowsFor(x);
  int64_t columns = at(x).shape.back();
  std::vector<int64_t> from = {1};
  for (int64_t h : {2, 3, 4, 6})
    if (columns % h == 0) from.push_back(h);
  int64_t heads = text.oneOf(from), to = text.oneOf<int64_t>({1, 2, 3});
  text.emitOne("head_mix", with({x}, rows),
               "{" + integerAttribute("from_heads", heads) + ", " +
                   integerAttribute("to_heads", to) + ", " + floatAttribute("scale", 0.75) + "}",
               withLast(at(x).shape, columns / heads * to), {.bound = at(x).bound, .rows = rows});
}

void ProgramOperations::embedding() {
  int64_t entries = text.oneOf<int64_t>({1, 7, 50, 259});
  int table = full({entries, width()});
  // Tokens outside the table are clamped.
  int tokens = text.integerArgument(leading[0], -1, entries + 1);
  int rows = rowsProgram && text.chance(0.5) ? text.rowCount(0) : -1;
  Shape shape = leading[0];
  shape.push_back(at(table).shape.back());
  text.emitOne("embedding", with({table, tokens}, rows), "{" + floatAttribute("scale", 1.25) + "}",
               shape, {.bound = at(table).bound * 1.25, .rows = rows});
}

void ProgramOperations::gatherRows() {
  auto found = text.pick([](const GeneratedValue& v) { return v.rows < 0 && v.shape.size() == 2; });
  int x = found ? *found : text.argument({text.oneOf<int64_t>({1, 9, 65}), width()});
  int64_t count = text.oneOf<int64_t>({1, 7, 8, 9, 21, 66});
  int index = text.integerArgument({count}, -1, at(x).shape[0]);
  int rows = rowsProgram && text.chance(0.5) ? text.rowCount(1) : -1;
  text.emitOne("gather_rows", with({x, index}, rows), "", {count, at(x).shape[1]},
               {.bound = at(x).bound,
                .lowest = at(x).lowest,
                .exact = at(x).exact,
                .rows = rows,
                .integer = at(x).integer});
}

void ProgramOperations::scatterRows() {
  int x = ranked();
  int rows = rowsFor(x);
  int64_t size = text.oneOf<int64_t>({1, 7, 21, 66}), columns = at(x).shape.back();
  Shape lead(at(x).shape.begin(), at(x).shape.end() - 1);
  int index = text.integerArgument(lead, -1, size);
  if (rows >= 0) text.noteRows(at(x).shape);
  int accumulator = text.chance(0.5) ? full({size, columns}) : -1;
  std::vector<int> operands = {x, index};
  if (accumulator >= 0) operands.push_back(accumulator);
  double terms = static_cast<double>(rowsOf(at(x).shape)) / static_cast<double>(size) + 1;
  double bound = at(x).bound * std::sqrt(terms) + (accumulator < 0 ? 0 : at(accumulator).bound);
  text.emitOne("scatter_rows", with(operands, rows),
               "{" + integerAttribute("size", size) + ", " + floatAttribute("scale", 0.75) + "}",
               {size, columns}, {.bound = bound}, wordsOf(text, x, index, accumulator, rows));
}

}  // namespace mlir::hydra::testing
