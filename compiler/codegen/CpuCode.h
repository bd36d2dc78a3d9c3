// Machine code for the kernels of a plan: cpu target, one image per instruction-set level.
#ifndef HYDRA_COMPILER_CODEGEN_CPUCODE_H
#define HYDRA_COMPILER_CODEGEN_CPUCODE_H

#include "dialects/plan/PlanDialect.h"
#include "dialects/target/CpuFacts.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <string>
#include <vector>

namespace mlir::hydra {

class KernelCache;

// A flat, position-independent blob: copied to a 64-byte aligned address and made executable, it
// runs. It refers to nothing outside itself.
struct CodeImage {
  std::string isaLevel;
  std::vector<uint8_t> bytes;
  // Byte offset of every function: the symbol of a plan.kernel for stage 0, SYMBOL_sN for stage N.
  llvm::StringMap<uint64_t> offsets;
};

// Attaches KernelOpInterface to every primitive that has a kernel.
void registerKernelExternalModels(DialectRegistry &registry);

// Compiles all plan.kernel ops of the module, which stays unchanged: each one for itself, on the
// threads of the context, and those that `cache` (may be null) has not at all. Deterministic: one
// module and level give the same bytes, whatever the cache holds and however many threads there
// are. Fails, with a diagnostic at the op, for a primitive without emission, and for machine code
// that is not self-contained. Not for use inside a running pass pipeline: it loads dialects into
// the module's context.
FailureOr<CodeImage> generateCpuCode(ModuleOp planModule, const CpuFacts &level,
                                     const KernelCache *cache = nullptr);

// Lays out text and read-only data of an ELF object as one blob and applies its relocations.
// Refuses undefined symbols, writable data, and relocations other than PC32 and PLT32, naming the
// symbol. `functions` are the symbols to be found in the image.
FailureOr<CodeImage> linkObject(ArrayRef<char> object, ArrayRef<std::string> functions,
                                Location location);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_CPUCODE_H
