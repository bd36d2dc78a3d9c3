#include "tests/codegen/CaseText.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir::hydra::testing;

std::string mlir::hydra::testing::number(int64_t value) { return std::to_string(value); }

std::string mlir::hydra::testing::tensor(std::vector<int64_t> shape, const std::string& element) {
  std::string text = "tensor<";
  for (int64_t extent : shape) text += number(extent) + "x";
  return text + element + ">";
}

std::string mlir::hydra::testing::function(const std::string& op,
                                           const std::vector<std::string>& types,
                                           const std::string& attributes,
                                           const std::vector<std::string>& results,
                                           const std::string& operands) {
  std::string arguments, names;
  for (size_t i = 0; i < types.size(); ++i) {
    arguments += (i ? ", %a" : "%a") + number(i) + ": " + types[i];
    names += (i ? ", %a" : "%a") + number(i);
  }
  std::string argumentTypes = llvm::join(types, ", "), resultTypes = llvm::join(results, ", ");
  std::string values;
  for (size_t i = 0; i < results.size(); ++i) values += (i ? ", %r#" : "%r#") + number(i);
  std::string count = ":" + number(results.size());
  return "func.func @f(" + arguments + ") -> (" + resultTypes + ") { %r" + count + " = hydra." +
         op + " " + (operands.empty() ? names : operands) + " " + attributes + " : (" +
         argumentTypes + ") -> (" + resultTypes + ") return " + values + " : " + resultTypes + " }";
}

OpCase mlir::hydra::testing::make(const std::string& name, const std::string& text) {
  OpCase result;
  result.name = name;
  result.text = text;
  return result;
}
