// Runs ptxas, the assembler of the CUDA Toolkit, on generated code.
#ifndef HYDRA_TESTS_CODEGEN_ASSEMBLERHARNESS_H
#define HYDRA_TESTS_CODEGEN_ASSEMBLERHARNESS_H

#include <string>

#include "llvm/ADT/StringRef.h"

namespace mlir::hydra::testing {

struct Assembly {
  int code = 0;        // of the process
  std::string report;  // what it says of registers and spills
};

Assembly assemble(const char* assembler, llvm::StringRef architecture, const std::string& ptx);

// A test failure if it does not assemble, or with spills.
void expectNoSpills(const char* assembler, llvm::StringRef architecture, const std::string& ptx);

}  // namespace mlir::hydra::testing

#endif  // HYDRA_TESTS_CODEGEN_ASSEMBLERHARNESS_H
