// Kinds with an emitter of their own, on a GPU: the code of the kind for one item
// (KernelEmitter.h), a thread per item. Correct and slow: the threads of a warp work on items far
// apart, and the vectors of a thread are taken apart. A kind that matters gets an emitter for GPUs
// of its own and leaves this one.
#include "compiler/codegen/GpuFunction.h"
#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/KernelEmitters.h"

using namespace mlir;
using namespace mlir::hydra;

// What the calling convention of CPUs keeps in memory: an array that becomes registers again.
static Value arrayOf(ImplicitLocOpBuilder &b, ArrayRef<Value> values) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto size = static_cast<int64_t>(std::max<size_t>(values.size(), 1));
  Value count = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(size));
  Value array = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), count, /*alignment=*/8);
  for (auto [number, value] : llvm::enumerate(values)) {
    Value place = LLVM::GEPOp::create(b, pointer, b.getI64Type(), array,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number)});
    LLVM::StoreOp::create(b, value, place, /*alignment=*/8);
  }
  return array;
}

LogicalResult mlir::hydra::emitGpuItems(plan::KernelOp kernel, int stage, ModuleOp module) {
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  GpuFunction gpu = GpuFunction::create(b, kernel, stage, module);
  SmallVector<Value> pointers = gpu.tensors;
  if (gpu.partial)
    pointers.push_back(gpu.partial);
  Value args = arrayOf(b, pointers), scalars = arrayOf(b, gpu.scalars);
  Value scratch = gpu.scratch;
  if (!scratch)
    scratch = LLVM::ZeroOp::create(b, LLVM::LLVMPointerType::get(b.getContext()));
  LogicalResult result = success();
  Value limit = arith::ConstantOp::create(b, b.getI64IntegerAttr(gpu.launch.units));
  Value one = arith::ConstantOp::create(b, b.getI64IntegerAttr(1));
  gpu.forEachUnit(limit, [&](Value item) {
    Value next = arith::AddIOp::create(b, item, one);
    // The smallest level: vectors, and no instruction that only some processors have.
    FailureOr<KernelEmitter> emitter = KernelEmitter::create(
        b, kernel, stage, allCpuFacts().front(), {args, scalars, scratch, item, next});
    auto kind = cast<KernelOpInterface>(kernel.getBody().front().front());
    result = failed(emitter) ? failure() : kind.emitKernel(*emitter);
  });
  LLVM::ReturnOp::create(b, ValueRange{});
  return result;
}
