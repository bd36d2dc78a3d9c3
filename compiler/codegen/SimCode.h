// Code of target sim: the NVVM-level module of target cuda, compiled for this processor.
#ifndef HYDRA_COMPILER_CODEGEN_SIMCODE_H
#define HYDRA_COMPILER_CODEGEN_SIMCODE_H

#include "compiler/codegen/CpuCode.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::hydra {

// The kernels of the plan as target cuda has them (generateNvvm), for runtime/hal/sim on `level`.
FailureOr<CodeImage> generateSimCode(ModuleOp planModule, const CpuFacts &level);

// The same for any module of kernel functions in the LLVM and NVVM dialects, which is rewritten:
//   * a kernel becomes a function of runtime/base/sim_intrinsics.h, the work of one thread;
//   * an op of the NVVM dialect becomes a call through KernelContext::intrinsics; one without a
//     meaning there is an error, named with its place, as are calls, atomics and inline assembly;
//   * shared memory becomes the block's, and every access to memory other than the thread's own
//     stack is announced before it is made.
FailureOr<CodeImage> compileForSim(ModuleOp nvvmModule, const CpuFacts &level);

// The rewriting alone. Adds the names of the kernels to `functions`.
LogicalResult rewriteForSim(ModuleOp nvvmModule, SmallVectorImpl<std::string> &functions);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_SIMCODE_H
