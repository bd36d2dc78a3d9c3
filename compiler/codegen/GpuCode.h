// PTX for the kernels of a plan: cuda target, one text per architecture.
#ifndef HYDRA_COMPILER_CODEGEN_GPUCODE_H
#define HYDRA_COMPILER_CODEGEN_GPUCODE_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::hydra {

// PTX of all row programs among the plan.kernel ops of the module, which stays unchanged; one entry
// per kernel and stage, named as on the CPU. Calls no function of any library. Fails, with a
// diagnostic, for an architecture without GpuFacts and for a kernel of a kind that has no emitter
// for GPUs. Not for use inside a running pass pipeline: it loads dialects.
FailureOr<std::string> generatePtx(ModuleOp planModule, StringRef architecture);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_GPUCODE_H
