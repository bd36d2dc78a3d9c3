// From LLVM IR to an object file for one instruction-set level. Private to this folder.
#ifndef HYDRA_COMPILER_CODEGEN_MACHINECODE_H
#define HYDRA_COMPILER_CODEGEN_MACHINECODE_H

#include "dialects/target/CpuFacts.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"

namespace llvm {
class Module;
} // namespace llvm

namespace mlir::hydra {

// What a module's code has that LLVM may improve.
enum class CodeShape {
  written, // loops as they shall be: row programs say themselves what is done several times
  nested,  // loops of a few known rounds, which are registers only if they are unrolled
};

// Optimises `module` for `level` and writes an x86-64 ELF object that uses the features of the
// level and no others. No function of any library is recognised or called. Fails with a diagnostic
// at `location` if this LLVM lacks the back end. Threads may call it for modules of different
// contexts.
FailureOr<SmallVector<char, 0>> compileToObject(llvm::Module &module, const CpuFacts &level,
                                                CodeShape shape, Location location);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_MACHINECODE_H
