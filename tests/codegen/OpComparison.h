// What the tests of op cases share: inputs of a case, and kernels against the interpreter.
#ifndef HYDRA_TESTS_CODEGEN_OPCOMPARISON_H
#define HYDRA_TESTS_CODEGEN_OPCOMPARISON_H

#include <vector>

#include "compiler/interpreter/Interpreter.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/codegen/OpCases.h"

namespace mlir::hydra::testing {

bool isInteger(Type type);
// Inputs of the case: the same in every run.
std::vector<Words> randomInputs(func::FuncOp function, const OpCase& item);
NamedTensors bindings(func::FuncOp function, const std::vector<Words>& inputs);
// The elements, at the precision of kernels.
Words fromTensor(const TensorValue& tensor);
// Replaces inputs that the forward op computes from the others.
void prepare(func::FuncOp function, OpCase::Prepare what, std::vector<Words>& inputs);
// Expects every defined element to be as the interpreter says, within the case's tolerance.
void compare(func::FuncOp function, const OpCase& item, const NamedTensors& expected,
             const std::vector<Words>& computed);
// Only defined rows are compared bit by bit.
bool sameBits(func::FuncOp function, const OpCase& item, const NamedTensors& expected,
              const std::vector<Words>& a, const std::vector<Words>& b);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_OPCOMPARISON_H
