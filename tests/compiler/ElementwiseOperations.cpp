// Elementwise operations, reductions and operations that rename.
#include <algorithm>
#include <cmath>

#include "tests/compiler/ProgramOperations.h"

namespace mlir::hydra::testing {

void ProgramOperations::unary() {
  int x = tame(any());
  int rows = rowsFor(x);
  std::string kind =
      text.oneOf<std::string>({"neg", "exp", "tanh", "sigmoid", "square", "silu", "silu"});
  double bound = at(x).bound;
  if (kind == "exp" && bound > 3) kind = "tanh";
  ResultFacts facts{.bound = bound, .exact = kind == "neg" && at(x).exact, .rows = rows};
  if (kind == "exp") facts.bound = std::exp(bound);
  if (kind == "tanh" || kind == "sigmoid") facts.bound = 1;
  if (kind == "square") facts.bound = bound * bound;
  text.emitOne("unary <" + kind + ">", with({x}, rows), "", at(x).shape, facts);
}

void ProgramOperations::positiveUnary() {
  int x = positive();
  int rows = rowsFor(x);
  std::string kind = text.oneOf<std::string>({"log", "sqrt", "rsqrt", "reciprocal"});
  double low = at(x).lowest, high = std::max(at(x).bound, low);
  ResultFacts facts{.rows = rows};
  if (kind == "log") facts.bound = std::max(std::abs(std::log(low)), std::abs(std::log(high)));
  if (kind == "sqrt") facts.bound = std::sqrt(high), facts.lowest = std::sqrt(low);
  if (kind == "rsqrt") facts.bound = 1 / std::sqrt(low);
  if (kind == "reciprocal") facts.bound = 1 / low;
  text.emitOne("unary <" + kind + ">", with({x}, rows), "", at(x).shape, facts);
}

// Operations that are not continuous.
void ProgramOperations::jump() {
  auto found = text.pick([](const GeneratedValue& v) { return !v.integer && v.exact; });
  int x = found ? *found : text.argument(anyShape(), -3, 3);
  int rows = rowsFor(x);
  if (text.chance(0.4)) {
    int three = text.argument({}, 2, 4);
    text.emitOne("unary <round>", with({x}, rows), "", at(x).shape,
                 {.bound = at(x).bound + 1, .exact = true, .rows = rows});
    text.emitOne("binary <gt>", {three, three}, "", {}, {.bound = 1, .exact = true});
    return;
  }
  Shape shape = at(x).shape;
  auto other = text.pick([&](const GeneratedValue& v) {
    return !v.integer && v.exact && v.shape == shape && (v.rows < 0 || v.rows == rows);
  });
  int y = other ? *other : text.argument(shape);
  std::string kind = text.oneOf<std::string>({"ge", "gt", "eq"});
  text.emitOne("binary <" + kind + ">", with({x, y}, rows), "", shape,
               {.bound = 1, .exact = true, .rows = rows});
}

void ProgramOperations::binary() {
  int a = tame(any());
  int rows = rowsFor(a);
  Shape shape = at(a).shape;
  int b;
  if (text.chance(0.45)) {
    b = tame(partner(a, rows));
  } else {
    // A shape that broadcasts; every row of it is defined.
    Shape other = shape;
    while (!other.empty() && text.chance(0.4)) other.erase(other.begin());
    for (int64_t& extent : other)
      if (text.chance(0.4)) extent = 1;
    b = tame(full(other));
  }
  std::string kind = text.oneOf<std::string>({"add", "sub", "mul", "mul", "max", "min"});
  double bound = at(a).bound + at(b).bound;
  if (kind == "mul") bound = at(a).bound * at(b).bound;
  if (kind == "max" || kind == "min") bound = std::max(at(a).bound, at(b).bound);
  std::vector<int> operands = text.chance(0.5) ? std::vector<int>{a, b} : std::vector<int>{b, a};
  text.emitOne("binary <" + kind + ">", with(operands, rows), "", shape,
               {.bound = bound, .rows = rows});
}

void ProgramOperations::divide() {
  int b = positive();
  int rows = rowsFor(b);
  int a = partner(b, rows);
  text.emitOne("binary <div>", with({a, b}, rows), "", at(b).shape,
               {.bound = at(a).bound / at(b).lowest, .rows = rows});
}

// Arithmetic of integers, and back.
void ProgramOperations::integers() {
  Shape shape = anyShape();
  int a = text.integerArgument(shape, -9, 9), b = text.integerArgument(shape, 1, 6);
  std::string kind =
      text.oneOf<std::string>({"add", "sub", "mul", "div", "max", "min", "ge", "eq"});
  int c = text.emitOne("binary <" + kind + ">", {a, b}, "", shape,
                       {.bound = 60, .exact = true, .integer = true});
  text.emitOne("cast", {c}, "{element_type = f32}", shape, {.bound = 60, .exact = true});
}

void ProgramOperations::select() {
  int a = any();
  int rows = rowsFor(a);
  int b = partner(a, rows);
  Shape shape = at(a).shape, maskShape = shape;
  auto found = text.pick([&](const GeneratedValue& v) {
    return !v.integer && v.exact && v.shape == shape && (v.rows < 0 || v.rows == rows);
  });
  if (!found)
    for (int64_t& extent : maskShape)
      if (text.chance(0.3)) extent = 1;
  int mask = found ? *found : text.integerArgument(maskShape, 0, 1);
  text.emitOne("select", with({mask, a, b}, rows), "", shape,
               {.bound = std::max(at(a).bound, at(b).bound),
                .lowest = std::min(at(a).lowest, at(b).lowest),
                .exact = at(a).exact && at(b).exact,
                .rows = rows});
}

// To integers and back.
void ProgramOperations::cast() {
  auto found =
      text.pick([](const GeneratedValue& v) { return !v.integer && v.exact && v.bound > 1; });
  int x = found ? *found : text.argument(anyShape(), -6, 6);
  int rows = rowsFor(x);
  int whole = text.emitOne("stop", {x}, "", at(x).shape,
                           {.bound = at(x).bound, .exact = true, .rows = at(x).rows});
  whole = text.emitOne("cast", with({whole}, rows), "{element_type = i32}", at(x).shape,
                       {.bound = at(x).bound, .exact = true, .rows = rows, .integer = true});
  text.emitOne("cast", with({whole}, rows), "{element_type = f32}", at(x).shape,
               {.bound = at(x).bound, .exact = true, .rows = rows});
}

void ProgramOperations::broadcast() {
  Shape shape = anyShape(), small = shape;
  while (!small.empty() && text.chance(0.4)) small.erase(small.begin());
  for (int64_t& extent : small)
    if (text.chance(0.4)) extent = 1;
  int x = full(small);
  int rows = rowsProgram && text.chance(0.5) ? text.rowCount(0) : -1;
  text.emitOne("broadcast", with({x}, rows), "{" + arrayAttribute("shape", shape) + "}", shape,
               {.bound = at(x).bound, .lowest = at(x).lowest, .exact = at(x).exact, .rows = rows});
}

void ProgramOperations::reduce() {
  int x = ranked();
  int rows = rowsFor(x);
  bool max = text.chance(0.35);
  std::string axes = text.oneOf<std::string>({"last", "last", "leading", "all"});
  const Shape shape = at(x).shape;
  Shape result = withLast(shape, 1);
  double terms = static_cast<double>(shape.back());
  if (axes != "last") terms = static_cast<double>(axes == "all" ? product(shape) : rowsOf(shape));
  if (axes == "leading") result = {shape.back()};
  if (axes == "all") result = {};
  if (rows >= 0) text.noteRows(shape);
  ResultFacts facts{.bound = max ? at(x).bound : at(x).bound * std::sqrt(terms) * 2,
                    .exact = max && at(x).exact,
                    .rows = axes == "last" ? rows : -1,
                    // The maximum of no rows is not finite.
                    .final = max && axes != "last" && rows >= 0};
  text.emitOne(std::string("reduce <") + (max ? "max" : "sum") + "> <" + axes + ">",
               with({x}, rows), "", result, facts);
}

void ProgramOperations::reshape() {
  int x = ranked();
  const Shape shape = at(x).shape;
  Shape result = {rowsOf(shape), shape.back()};
  if (shape.size() == 2 && shape[0] == product(leading[0]))
    result = {leading[0][0], leading[0][1], shape[1]};
  else if (at(x).rows < 0 && text.chance(0.5))
    result = text.chance(0.5) ? Shape{product(shape)} : Shape{shape.back(), rowsOf(shape)};
  text.emitOne(
      "reshape", {x}, "{" + arrayAttribute("shape", result) + "}", result,
      {.bound = at(x).bound, .lowest = at(x).lowest, .exact = at(x).exact, .rows = at(x).rows});
}

void ProgramOperations::split() {
  auto found =
      text.pick([](const GeneratedValue& v) { return v.shape.size() >= 2 && v.shape.back() > 1; });
  int x = found ? *found : text.argument({leading[0][0], leading[0][1], width() + 7});
  int rows = rowsFor(x);
  Shape sizes;
  int64_t rest = at(x).shape.back();
  while (rest > 0 && sizes.size() < 3) {
    sizes.push_back(1 + text.below(rest));
    rest -= sizes.back();
  }
  if (rest > 0) sizes.push_back(rest);
  std::vector<Shape> shapes;
  for (int64_t size : sizes) shapes.push_back(withLast(at(x).shape, size));
  ResultFacts facts{.bound = at(x).bound,
                    .lowest = at(x).lowest,
                    .exact = at(x).exact,
                    .rows = rows,
                    .integer = at(x).integer};
  text.emit("split", with({x}, rows), "{" + arrayAttribute("sizes", sizes) + "}", shapes,
            std::vector<ResultFacts>(shapes.size(), facts));
}

void ProgramOperations::concat() {
  int first = ranked();
  int rows = rowsFor(first);
  std::vector<int> parts = {first};
  int64_t extent = at(first).shape.back();
  ResultFacts facts{
      .bound = at(first).bound, .lowest = at(first).lowest, .exact = at(first).exact, .rows = rows};
  for (int64_t count = text.below(3); count > 0; --count) {
    const Shape shape = at(first).shape;
    auto found = text.pick([&](const GeneratedValue& v) {
      return !v.integer && v.shape.size() == shape.size() && (v.rows < 0 || v.rows == rows) &&
             withLast(v.shape, 1) == withLast(shape, 1);
    });
    int next = found ? *found : text.argument(withLast(shape, width()));
    parts.push_back(next);
    extent += at(next).shape.back();
    facts.bound = std::max(facts.bound, at(next).bound);
    facts.lowest = std::min(facts.lowest, at(next).lowest);
    facts.exact = facts.exact && at(next).exact;
  }
  if (extent > 300) return stop();
  std::string written;
  for (int part : parts) written += (written.empty() ? "" : ", ") + text.name(part);
  if (rows >= 0) written += " rows " + text.name(rows);
  text.emitOne("concat", with(parts, rows), "", withLast(at(first).shape, extent), facts, written);
}

void ProgramOperations::sliceRows() {
  auto found = text.pick([](const GeneratedValue& v) { return v.rows < 0 && !v.shape.empty(); });
  int x = found ? *found : ranked();
  if (at(x).rows >= 0) return stop();
  Shape shape = at(x).shape;
  int64_t count = 1 + text.below(shape[0]), first = text.below(shape[0] - count + 1);
  shape[0] = count;
  text.emitOne("slice_rows", {x},
               "{first = " + std::to_string(first) + ", count = " + std::to_string(count) + "}",
               shape,
               {.bound = at(x).bound,
                .lowest = at(x).lowest,
                .exact = at(x).exact,
                .integer = at(x).integer});
}

// Of values made by kernels, which write into the result, and others, which are copied; of one
// twice.
void ProgramOperations::concatRows() {
  auto found = text.pick(
      [](const GeneratedValue& v) { return v.rows < 0 && !v.shape.empty() && !v.integer; });
  int first = found ? *found : ranked();
  if (at(first).rows >= 0) return stop();
  Shape shape = at(first).shape;
  std::vector<int> parts = {first};
  ResultFacts facts{.bound = at(first).bound, .lowest = at(first).lowest, .exact = at(first).exact};
  for (int64_t count = text.below(3); count > 0; --count) {
    auto other = text.pick([&](const GeneratedValue& v) {
      return !v.integer && v.rows < 0 && v.shape.size() == shape.size() &&
             Shape(v.shape.begin() + 1, v.shape.end()) == Shape(shape.begin() + 1, shape.end());
    });
    int next = other ? *other : first;
    parts.push_back(next);
    shape[0] += at(next).shape[0];
    facts.bound = std::max(facts.bound, at(next).bound);
    facts.lowest = std::min(facts.lowest, at(next).lowest);
    facts.exact = facts.exact && at(next).exact;
  }
  if (shape[0] > 100) return stop();
  text.emitOne("concat_rows", parts, "", shape, facts);
}

void ProgramOperations::stop() {
  int x = any();
  text.emitOne(
      "stop", {x}, "", at(x).shape,
      {.bound = at(x).bound, .lowest = at(x).lowest, .exact = at(x).exact, .rows = at(x).rows});
}

}  // namespace mlir::hydra::testing
