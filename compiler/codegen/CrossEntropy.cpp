// Kind `cross_entropy`. The loss has two stages: rows (token loss and log-sum-exp), then one item
// that averages the token losses in double precision, in ascending order.
//
// In place: cross_entropy_grad reads each vector of the logits before it writes that of the result.
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

// log(sum(exp(x))) of one row: the maximum first, then the sum in double precision. A NaN reaches
// the result through the sum.
Value logSumExp(KernelEmitter &e, Value x, Value start, int64_t width) {
  Value lowest = e.splat(e.real(-std::numeric_limits<double>::infinity()));
  Value top = e.foldColumns(width, lowest, [&](Value column, Value mask, ValueRange carried) {
    Value value = e.load(x, e.add(start, column), mask);
    return SmallVector<Value>{e.larger(mask ? e.select(mask, value, lowest) : value, carried[0])};
  })[0];
  Value maximum = e.treeLarger(top), maxima = e.splat(maximum);
  Value sum = e.foldColumns(
      width, e.splat(e.realDouble(0.0)), [&](Value column, Value mask, ValueRange carried) {
        Value value = e.exp(e.subf(e.load(x, e.add(start, column), mask), maxima));
        if (mask)
          value = e.select(mask, value, e.splat(0.0));
        return SmallVector<Value>{e.addf(carried[0], e.toDouble(value))};
      })[0];
  return e.addf(e.log(e.toSingle(e.treeSum(sum))), maximum);
}

LogicalResult emitCrossEntropy(CrossEntropyOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getLogits());
  Value tokenLoss = e.pointer(op.getTokenLoss());
  if (e.stage() == 1) {
    e.loop(e.begin(), e.end(), 1, [&](Value) {
      Value sum = e.fold(e.index(0), e.index(matrix.rows), 1, e.realDouble(0.0),
                         [&](Value row, ValueRange carried) {
                           Value loss = e.toDouble(e.loadScalar(e.f32(), tokenLoss, row));
                           return SmallVector<Value>{e.addf(carried[0], loss)};
                         })[0];
      Value count = countValid(e, op.getTargets(), matrix.rows);
      Value mean = e.divf(sum, e.maxf(count, e.realDouble(1.0)));
      e.storeScalar(e.toSingle(mean), e.pointer(op.getLoss()), e.index(0));
    });
    return success();
  }
  Value logits = e.pointer(op.getLogits());
  e.rows(matrix.rows, Value(), [&](Value row) {
    Value start = e.mul(row, matrix.columns);
    Value lse = logSumExp(e, logits, start, matrix.columns);
    e.storeScalar(lse, e.pointer(op.getLse()), row);
    Value target = e.loadScalar(e.i32(), e.pointer(op.getTargets()), row);
    Value column = e.max(e.min(e.toIndex(target), e.index(matrix.columns - 1)), e.index(0));
    Value loss = e.subf(lse, e.loadScalar(e.f32(), logits, e.add(start, column)));
    e.storeScalar(e.select(isValid(e, target), loss, e.real(0.0)), tokenLoss, row);
  });
  return success();
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
  attachKernel<CrossEntropyOp, emitCrossEntropy>(context);
  attachKernel<CrossEntropyGradOp, emitCrossEntropyGrad>(context);
}
