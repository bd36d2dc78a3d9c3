// What the assembler of the CUDA Toolkit says of a kernel.
#ifndef HYDRA_TESTS_CODEGEN_GPUASSEMBLY_H
#define HYDRA_TESTS_CODEGEN_GPUASSEMBLY_H

#include "tests/codegen/KernelHarness.h"

namespace mlir::hydra::testing {

// Assembles the harness's kernel for every architecture. A test failure if that fails or anything
// spills; skips the test, with the reason, where there is no ptxas.
void expectNoSpills(KernelHarness& harness);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_GPUASSEMBLY_H
