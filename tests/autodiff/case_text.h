// Writing the text of gradient cases without repeating types.
#ifndef HYDRA_TESTS_AUTODIFF_CASE_TEXT_H
#define HYDRA_TESTS_AUTODIFF_CASE_TEXT_H

#include <string>
#include <vector>

namespace mlir::hydra {

inline std::string tensor(const std::string& extents) { return "tensor<" + extents + ">"; }

inline std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// A function of one op. `op` names its operands %0, %1, ... and carries its attributes, e.g.
// "hydra.unary <exp> %0"; `arguments` and `results` are types such as "2x3xf32".
inline std::string oneOp(const std::string& op, const std::vector<std::string>& arguments,
                         const std::vector<std::string>& results) {
  std::vector<std::string> parameters, argumentTypes, resultTypes, names;
  for (const std::string& argument : arguments) {
    argumentTypes.push_back(tensor(argument));
    parameters.push_back("%" + std::to_string(parameters.size()) + ": " + argumentTypes.back());
  }
  for (const std::string& result : results) {
    resultTypes.push_back(tensor(result));
    names.push_back("%r#" + std::to_string(names.size()));
  }
  std::string signature = "(" + joined(resultTypes) + ")";
  return "func.func @f(" + joined(parameters) + ") -> " + signature +
         " attributes {hydra.vjp} {\n  %r:" + std::to_string(results.size()) + " = " + op + " : (" +
         joined(argumentTypes) + ") -> " + signature + "\n  return " + joined(names) + " : " +
         joined(resultTypes) + "\n}\n";
}

}  // namespace mlir::hydra

#endif  // HYDRA_TESTS_AUTODIFF_CASE_TEXT_H
