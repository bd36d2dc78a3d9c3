// ptxas of the CUDA toolkit, for tests: kernels of target cuda become machine code, or it says why
// not.
#ifndef HYDRA_TESTS_CODEGEN_PTXASSEMBLER_H
#define HYDRA_TESTS_CODEGEN_PTXASSEMBLER_H

#include <string>
#include <utility>

#include "tests/codegen/KernelHarness.h"

namespace mlir::hydra::testing {

// The program, or null: no toolkit was found when the tests were configured.
const char* ptxAssembler();

// The exit code of ptxas and what it says, registers and spills included.
std::pair<int, std::string> assemblePtx(StringRef architecture, const std::string& ptx);

// Generates PTX of the harness's kernel for every architecture of dialects/target and expects it to
// be self-contained and, where there is an assembler, to assemble without spills.
void expectAssembles(KernelHarness& harness);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_PTXASSEMBLER_H
