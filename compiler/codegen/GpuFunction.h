// The frame of a kernel's function on a GPU: parameters, what a worker is, and its loop.
#ifndef HYDRA_COMPILER_CODEGEN_GPUFUNCTION_H
#define HYDRA_COMPILER_CODEGEN_GPUFUNCTION_H

#include "dialects/plan/GpuLaunch.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::hydra {

struct GpuFunction {
  // Makes the function of one stage at the end of `module`, with the parameters of
  // runtime/base/gpu_launch.h, and leaves the builder, which must outlive the result, inside.
  static GpuFunction create(ImplicitLocOpBuilder &b, plan::KernelOp kernel, int stage,
                            ModuleOp module);

  // Memory of the block for `count` elements of that type, at a multiple of 16 bytes. Call it once.
  Value sharedMemory(Type element, int64_t count);

  // body(unit) for every unit below `limit` that this worker has.
  void forEachUnit(Value limit, llvm::function_ref<void(Value)> body);

  ImplicitLocOpBuilder *b = nullptr;
  LLVM::LLVMFuncOp function;
  plan::GpuLaunch launch;
  llvm::DenseMap<Value, Value> pointers; // of what the kernel's body reads and yields
  SmallVector<Value> tensors;            // the same pointers, in the order of the arguments
  Value partial;                         // null: one stage
  Value scratch;                         // of this worker; null: none
  SmallVector<Value> scalars;            // i64: integers, or the bits of doubles
  Value worker, lane;                    // i64; the lane in the worker's warp
};

// for (i64 position = begin; position < end; position += step), with what is carried from `initial`
// on; `body` builds an iteration at the place of `b` and gives what the next one gets.
SmallVector<Value> createLoop(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
                              ValueRange initial,
                              llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
// The body under `condition`, or without one where that is null. What exchanges values between
// lanes needs a condition on which the lanes of a warp agree.
void createIf(ImplicitLocOpBuilder &b, Value condition, llvm::function_ref<void()> body);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_GPUFUNCTION_H
