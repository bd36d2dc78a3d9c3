#include "compiler/codegen/KernelEmitters.h"

#include "compiler/codegen/KernelEmitter.h"
#include "dialects/plan/MatmulShape.h"
#include "dialects/rows/RowsDialect.h"

using namespace mlir;
using namespace mlir::hydra;

// A primitive whose kind has an emitter of its own, attached to the op.
static LogicalResult emitWholeKind(plan::KernelOp kernel, KernelEmitter &e) {
  return cast<KernelOpInterface>(kernel.getBody().front().front()).emitKernel(e);
}

// The one op of a kernel; null, after a diagnostic, if it is not the only one or has no schedule it
// needs.
static Operation *bodyOf(plan::KernelOp kernel) {
  auto operations = kernel.getBody().front().without_terminator();
  if (!llvm::hasSingleElement(operations)) {
    kernel.emitOpError("expected one row program or one primitive, and hydra.yield; found ")
        << std::distance(operations.begin(), operations.end()) << " operations";
    return nullptr;
  }
  Operation *op = &*operations.begin();
  if (!isa<rows::ProgramOp>(op) || kernel.getSchedule())
    return op;
  kernel.emitOpError("has a row program without a schedule");
  return nullptr;
}

static void reportNoKernel(Operation *op) {
  op->emitOpError("has no kernel: it is a command, an alias or a constant of the plan, or its "
                  "emission is missing");
}

CpuKernelEmitter hydra::cpuEmitterFor(plan::KernelOp kernel) {
  Operation *op = bodyOf(kernel);
  if (!op)
    return nullptr;
  if (isa<rows::ProgramOp>(op))
    return emitCpuRows;
  if (isa<KernelOpInterface>(op))
    return emitWholeKind;
  reportNoKernel(op);
  return nullptr;
}

GpuKernelEmitter hydra::gpuEmitterFor(plan::KernelOp kernel) {
  Operation *op = bodyOf(kernel);
  if (!op)
    return nullptr;
  if (isa<rows::ProgramOp>(op))
    return emitGpuRows;
  if (plan::isProduct(op))
    return emitGpuProduct;
  if (isa<AttentionOp>(op))
    return emitGpuAttention;
  if (isa<AttentionGradOp>(op))
    return emitGpuAttentionGrad;
  if (isa<KernelOpInterface>(op))
    return emitGpuItems;
  reportNoKernel(op);
  return nullptr;
}

std::string hydra::kernelFunctionName(plan::KernelOp kernel, int stage) {
  return kernel.getSymName().str() + (stage > 0 ? "_s" + std::to_string(stage) : "");
}
