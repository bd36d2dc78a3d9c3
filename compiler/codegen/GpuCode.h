// Code of the cuda target: the NVVM-level module of a plan's kernels, and PTX of it.
#ifndef HYDRA_COMPILER_CODEGEN_GPUCODE_H
#define HYDRA_COMPILER_CODEGEN_GPUCODE_H

#include "dialects/plan/PlanDialect.h"
#include "dialects/target/GpuFacts.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::hydra {

// All plan.kernel ops of the module, which stays unchanged, in the LLVM and NVVM dialects: one
// kernel function per stage, named as on the CPU, with the parameters of runtime/base/gpu_launch.h.
// It is what PTX is made of and what target sim runs (SimCode.h). Calls no function of any library.
// Fails, with a diagnostic, for a kernel of a kind that has no emitter. Not for use inside a
// running pass pipeline: it loads dialects.
FailureOr<OwningOpRef<ModuleOp>> generateNvvm(ModuleOp planModule);

// A module of generateNvvm as PTX. Fails, with a diagnostic, for code that calls a function which
// it does not have; the driver's own (kDriverFunction of runtime/artifact/gpu_image.h) may be
// called. Threads may call it for the same module.
FailureOr<std::string> translateToPtx(ModuleOp nvvmModule, const GpuFacts &architecture);

// Both for one architecture by its name. Fails also for one without GpuFacts.
FailureOr<std::string> generatePtx(ModuleOp planModule, StringRef architecture);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_GPUCODE_H
