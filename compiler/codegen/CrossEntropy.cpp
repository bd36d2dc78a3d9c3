// Gradient of the cross-entropy: the factor needs the number of valid targets, which every item
// counts.
//
// In place: each vector of the logits is read before that of the result is written.
#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

Value isValid(KernelEmitter &e, Value target) {
  Value ignored = e.integer(kIgnoredTarget);
  if (isa<VectorType>(target.getType()))
    ignored = e.splat(ignored);
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, target, ignored);
}

// The number of targets that are not ignored, as f64.
Value countValid(KernelEmitter &e, Value targets, int64_t rows) {
  Value ones = e.splat(e.integer(1)), zeros = e.splat(e.integer(0));
  Value lanes = e.foldColumns(
      e.index(0), e.index(rows), zeros, [&](Value position, Value mask, ValueRange carried) {
        Value valid = isValid(e, e.load(e.pointer(targets), position, mask, e.i32()));
        if (mask)
          valid = arith::AndIOp::create(e.b, valid, mask);
        return SmallVector<Value>{e.add(carried[0], e.select(valid, ones, zeros))};
      })[0];
  Value count = e.extract(lanes, 0);
  for (int64_t lane = 1; lane < kLanes; ++lane)
    count = e.add(count, e.extract(lanes, lane));
  return arith::SIToFPOp::create(e.b, e.f64(), count);
}

LogicalResult emitCrossEntropyGrad(CrossEntropyGradOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getLogits());
  Value logits = e.pointer(op.getLogits()), result = e.pointer(op.getResult());
  Value count = e.maxf(countValid(e, op.getTargets(), matrix.rows), e.realDouble(1.0));
  Value dloss = e.toDouble(e.loadScalar(e.f32(), e.pointer(op.getDloss()), e.index(0)));
  Value factor = e.toSingle(e.divf(dloss, count));
  e.rows(matrix.rows, Value(), [&](Value row) {
    Value start = e.mul(row, matrix.columns);
    Value target = e.loadScalar(e.i32(), e.pointer(op.getTargets()), row);
    Value valid = isValid(e, target);
    Value column = e.max(e.min(e.toIndex(target), e.index(matrix.columns - 1)), e.index(0));
    Value hot = e.splat(arith::TruncIOp::create(e.b, e.i32(), column));
    Value lse = e.splat(e.loadScalar(e.f32(), e.pointer(op.getLse()), row));
    Value factors = e.splat(factor), zero = e.splat(0.0), one = e.splat(1.0);
    e.columns(matrix.columns, [&](Value position, Value mask) {
      Value x = e.load(logits, e.add(start, position), mask);
      Value probability = e.exp(e.subf(x, lse));
      Value lane = e.add(e.splat(arith::TruncIOp::create(e.b, e.i32(), position)), e.lanes());
      Value isHot = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, lane, hot);
      Value value = e.mulf(e.subf(probability, e.select(isHot, one, zero)), factors);
      e.store(e.select(valid, value, zero), result, e.add(start, position), mask);
    });
  });
  return success();
}

} // namespace

void hydra::attachCrossEntropyKernels(MLIRContext *context) {
  attachKernel<CrossEntropyGradOp, emitCrossEntropyGrad>(context);
}
