// The registry of emitters: one per kind of kernel and target. An emitter reads plan.kernel and
// decides nothing.
#ifndef HYDRA_COMPILER_CODEGEN_KERNELEMITTERS_H
#define HYDRA_COMPILER_CODEGEN_KERNELEMITTERS_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::hydra {

// A CPU kernel: the code of one stage at the emitter's insertion point.
using CpuKernelEmitter = LogicalResult (*)(plan::KernelOp, KernelEmitter &);

// The emitter for `kernel`; null, after a diagnostic, if its kind has none for the target.
CpuKernelEmitter cpuEmitterFor(plan::KernelOp kernel);

// A GPU kernel: the function of one stage, at the end of `module`.
using GpuKernelEmitter = LogicalResult (*)(plan::KernelOp, int stage, ModuleOp module);
GpuKernelEmitter gpuEmitterFor(plan::KernelOp kernel);

// Row programs (rows.program under a schedule).
LogicalResult emitCpuRows(plan::KernelOp kernel, KernelEmitter &e);
LogicalResult emitGpuRows(plan::KernelOp kernel, int stage, ModuleOp module);
// Products (dialects/plan/MatmulShape.h), a block per tile.
LogicalResult emitGpuProduct(plan::KernelOp kernel, int stage, ModuleOp module);
// Attention and its gradient (dialects/plan/AttentionBlocks.h), a block per tile of rows.
LogicalResult emitGpuAttention(plan::KernelOp kernel, int stage, ModuleOp module);
LogicalResult emitGpuAttentionGrad(plan::KernelOp kernel, int stage, ModuleOp module);
// Any kind with a KernelOpInterface, a thread per item.
LogicalResult emitGpuItems(plan::KernelOp kernel, int stage, ModuleOp module);

// The name of the function of a stage: the kernel's symbol, from stage 1 on with `_sN` behind it.
std::string kernelFunctionName(plan::KernelOp kernel, int stage);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_KERNELEMITTERS_H
