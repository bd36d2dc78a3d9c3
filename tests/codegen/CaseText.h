// The text of cases: one function of one op.
#ifndef HYDRA_TESTS_CODEGEN_CASETEXT_H
#define HYDRA_TESTS_CODEGEN_CASETEXT_H

#include <cstdint>
#include <string>
#include <vector>

#include "tests/codegen/OpCases.h"

namespace mlir::hydra::testing {

std::string number(int64_t value);
// "tensor<2x3xf32>"
std::string tensor(std::vector<int64_t> shape, const std::string& element = "f32");
// func @f(%a0: types[0], ...) { op %a0, %a1, ... attributes }, or with `operands` in place of the
// names.
std::string function(const std::string& op, const std::vector<std::string>& types,
                     const std::string& attributes, const std::vector<std::string>& results,
                     const std::string& operands = "");
OpCase make(const std::string& name, const std::string& text);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_CASETEXT_H
