#include "tests/compiler/ProgramText.h"

#include <algorithm>
#include <cstdio>

namespace mlir::hydra::testing {

int64_t product(const Shape& shape) {
  int64_t result = 1;
  for (int64_t extent : shape) result *= extent;
  return result;
}

int64_t rowsOf(const Shape& shape) {
  return shape.empty() ? 1 : product(Shape(shape.begin(), shape.end() - 1));
}

Shape withLast(Shape shape, int64_t extent) {
  shape.back() = extent;
  return shape;
}

std::string ProgramText::typeOf(const GeneratedValue& value) const {
  std::string text = "tensor<";
  for (int64_t extent : value.shape) text += std::to_string(extent) + "x";
  return text + (value.integer ? "i32>" : "f32>");
}

int ProgramText::add(GeneratedValue value) {
  values.push_back(std::move(value));
  return static_cast<int>(values.size()) - 1;
}

int ProgramText::argument(Shape shape, double low, double high) {
  GeneratedValue value;
  value.name = "%a" + std::to_string(argumentValues.size());
  value.shape = shape;
  value.bound = std::max(std::abs(low), std::abs(high));
  value.lowest = std::max(low, 0.0);
  value.exact = true;
  value.uniform = shape.empty() || shape.back() == 1;
  program.arguments.push_back({std::move(shape), false, low, high, false});
  argumentValues.push_back(add(value));
  return argumentValues.back();
}

int ProgramText::integerArgument(Shape shape, int64_t low, int64_t high) {
  GeneratedValue value;
  value.name = "%a" + std::to_string(argumentValues.size());
  value.shape = shape;
  value.integer = value.exact = true;
  value.bound = static_cast<double>(std::max(std::abs(low), std::abs(high)));
  // Indices and masks serve the operation that asked for them.
  value.final = true;
  program.arguments.push_back(
      {std::move(shape), true, static_cast<double>(low), static_cast<double>(high), false});
  argumentValues.push_back(add(value));
  return argumentValues.back();
}

int ProgramText::rowCount(int which) {
  while (static_cast<int>(rowCounts.size()) <= which) {
    rowCounts.push_back(integerArgument({}, 0, 0));
    program.arguments.back().rowCount = true;
  }
  return rowCounts[which];
}

int ProgramText::argumentIndex(int index) const {
  auto found = std::find(argumentValues.begin(), argumentValues.end(), index);
  return found == argumentValues.end() ? -1 : static_cast<int>(found - argumentValues.begin());
}

int ProgramText::constant(double number) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.6e", number);
  GeneratedValue value;
  value.name = "%v" + std::to_string(values.size());
  value.bound = std::abs(number);
  value.lowest = std::max(number, 0.0);
  value.final = value.uniform = true;
  body += "  " + value.name + " = hydra.constant dense<" + text + "> : tensor<f32>\n";
  ++operationCount;
  return add(value);
}

std::optional<int> ProgramText::pick(const std::function<bool(const GeneratedValue&)>& predicate) {
  std::vector<int> candidates;
  for (int i = 0; i < static_cast<int>(values.size()); ++i)
    if (!values[i].final && predicate(values[i])) candidates.push_back(i);
  if (candidates.empty()) return std::nullopt;
  int64_t count = static_cast<int64_t>(candidates.size());
  return candidates[std::max(below(count), below(count))];
}

std::vector<int> ProgramText::emit(const std::string& op, const std::vector<int>& operands,
                                   const std::string& attributes, const std::vector<Shape>& shapes,
                                   const std::vector<ResultFacts>& facts,
                                   const std::string& written) {
  std::string names, types, resultTypes;
  bool uniform = op != "rope_table";
  for (int operand : operands) {
    if (!values[operand].integer) uniform = uniform && values[operand].uniform;
    names += (names.empty() ? "" : ", ") + values[operand].name;
    types += (types.empty() ? "" : ", ") + typeOf(values[operand]);
    ++values[operand].uses;
  }
  if (!operands.empty() &&
      std::find(rowCounts.begin(), rowCounts.end(), operands.back()) != rowCounts.end())
    ++program.counted[op.substr(0, op.find(' '))];
  std::string left = "%v" + std::to_string(values.size());
  std::vector<int> results;
  for (size_t i = 0; i < shapes.size(); ++i) {
    GeneratedValue value;
    value.name = shapes.size() == 1 ? left : left + "#" + std::to_string(i);
    value.shape = shapes[i];
    value.integer = facts[i].integer;
    value.rows = facts[i].rows;
    value.bound = facts[i].bound;
    value.lowest = facts[i].lowest;
    value.exact = facts[i].exact;
    value.final = facts[i].final;
    value.uniform = uniform || op == "broadcast" || value.shape.empty() || value.shape.back() == 1;
    resultTypes += (i ? ", " : "") + typeOf(value);
    if (value.rows >= 0) noteRows(value.shape);
    results.push_back(add(value));
  }
  body += "  " + left + (shapes.size() == 1 ? "" : ":" + std::to_string(shapes.size())) +
          " = hydra." + op + " " + (written.empty() ? names : written) + " " + attributes + " : (" +
          types + ") -> (" + resultTypes + ")\n";
  ++operationCount;
  return results;
}

int ProgramText::emitOne(const std::string& op, const std::vector<int>& operands,
                         const std::string& attributes, const Shape& shape,
                         const ResultFacts& facts, const std::string& written) {
  return emit(op, operands, attributes, {shape}, {facts}, written).front();
}

void ProgramText::noteRows(const Shape& shape) {
  program.maximumRows = std::max(program.maximumRows, rowsOf(shape));
}

GeneratedProgram ProgramText::finish() {
  std::vector<int> returned;
  for (int i = 0; i < static_cast<int>(values.size()); ++i) {
    bool isArgument = argumentIndex(i) >= 0;
    // An argument that nothing uses, or is returned as it is, is a case of its own.
    bool wanted = isArgument ? !values[i].integer && chance(0.03)
                             : values[i].uses == 0 || (!values[i].final && chance(0.08));
    if (wanted) returned.push_back(i);
  }
  if (chance(0.1)) returned.push_back(returned.front());
  std::string parameters, names, types;
  for (int index : argumentValues)
    parameters +=
        (parameters.empty() ? "" : ", ") + values[index].name + ": " + typeOf(values[index]);
  for (int index : returned) {
    names += (names.empty() ? "" : ", ") + values[index].name;
    types += (types.empty() ? "" : ", ") + typeOf(values[index]);
    int rows = values[index].rows;
    program.results.push_back({values[index].integer, rows < 0 ? -1 : argumentIndex(rows)});
  }
  program.text = "func.func @program(" + parameters + ") -> (" + types +
                 ")\n    attributes {hydra.vjp} {\n" + body + "  return " + names + " : " + types +
                 "\n}\n";
  program.operations = operationCount;
  return program;
}

}  // namespace mlir::hydra::testing
