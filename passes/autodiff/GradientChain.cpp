#include "passes/autodiff/GradientChain.h"

using namespace mlir;
using namespace mlir::hydra;

// Whether the op has an accumulator operand that it does not use yet.
static bool canAccumulate(Operation *op) {
  if (auto matmul = dyn_cast_or_null<MatmulOp>(op))
    return !matmul.getAccumulator();
  if (auto scatter = dyn_cast_or_null<ScatterRowsOp>(op))
    return !scatter.getAccumulator();
  if (auto grad = dyn_cast_or_null<GroupedWeightGradOp>(op))
    return !grad.getAccumulator();
  return false;
}

GradientChain::GradientChain(ArrayRef<ArrayRef<Value>> all) {
  DenseSet<Value> seen;
  for (ArrayRef<Value> contributions : all)
    for (Value contribution : contributions)
      if (!seen.insert(contribution).second)
        shared.insert(contribution);
}

bool GradientChain::fold(Value accumulator, Value contribution) {
  Operation *op = contribution.getDefiningOp();
  if (!contribution.use_empty() || shared.contains(contribution) || !op)
    return false;
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    if (!reshape.getX().hasOneUse())
      return false;
    op = reshape.getX().getDefiningOp();
  }
  if (!canAccumulate(op))
    return false;
  Operation *before = accumulator.getDefiningOp();
  if (before && !before->isBeforeInBlock(op))
    return false;
  OpBuilder builder(op);
  AdjointBuilder adjoint(builder, op->getLoc());
  Value running = adjoint.reshape(accumulator, tensorType(op->getResult(0)).getShape());
  if (auto scope = op->getDiscardableAttr(kScopeAttrName); scope && running != accumulator)
    running.getDefiningOp()->setDiscardableAttr(kScopeAttrName, scope);
  if (auto matmul = dyn_cast<MatmulOp>(op))
    matmul.getAccumulatorMutable().assign(running);
  else if (auto grad = dyn_cast<GroupedWeightGradOp>(op))
    grad.getAccumulatorMutable().assign(running);
  else
    cast<ScatterRowsOp>(op).getAccumulatorMutable().assign(running);
  ++foldedCount;
  return true;
}

Value GradientChain::add(Value accumulator, Value contribution) {
  OpBuilder builder(contribution.getContext());
  Operation *last = contribution.getDefiningOp();
  Operation *other = accumulator.getDefiningOp();
  if (!last || (other && last->isBeforeInBlock(other)))
    last = other;
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(contribution.getParentBlock());
  Value sum = AdjointBuilder(builder, contribution.getLoc()).add(accumulator, contribution);
  if (Operation *source = contribution.getDefiningOp())
    if (auto scope = source->getDiscardableAttr(kScopeAttrName))
      sum.getDefiningOp()->setDiscardableAttr(kScopeAttrName, scope);
  ++addedCount;
  return sum;
}

Value GradientChain::accumulate(Value accumulator, ArrayRef<Value> contributions) {
  for (Value contribution : contributions)
    accumulator = fold(accumulator, contribution) ? contribution : add(accumulator, contribution);
  return accumulator;
}

Value GradientChain::sum(ArrayRef<Value> contributions) {
  return accumulate(contributions.front(), contributions.drop_front());
}
