#include "passes/remat/LossHead.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::hydra;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

class HeadFinder {
public:
  HeadFinder(LossHead &head, LossRefusal &refusal) : head(head), refusal(refusal) {}

  LogicalResult find() {
    Value value = head.loss.getLogits();
    while (auto reshape = value.getDefiningOp<ReshapeOp>())
      value = reshape.getX();
    head.logits = value.getDefiningOp<MatmulOp>();
    if (!head.logits || head.logits.getTransposeA() || head.logits.getGroups() != 1 ||
        head.logits.getRows() || head.logits.getAccumulator())
      return refuse("HEAD", "logits are not a plain product of rows", head.loss);
    head.vocabulary = typeOf(value).getShape().back();
    head.rows = typeOf(value).getNumElements() / head.vocabulary;
    include(head.logits);
    while (!pending.empty())
      if (failed(follow(pending.pop_back_val())))
        return failure();
    llvm::sort(head.members, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    return success();
  }

private:
  LogicalResult refuse(StringRef code, const Twine &reason, Operation *op) {
    refusal = {code, reason.str(), op};
    return failure();
  }

  // A member; its first result is of the size of the logits if `isWide`.
  void include(Operation *op, bool isWide = true) {
    if (!seen.insert(op).second)
      return;
    head.members.push_back(op);
    if (isWide)
      pending.push_back(op->getResult(0));
  }

  LogicalResult follow(Value wide) {
    for (OpOperand &use : wide.getUses())
      if (failed(takeReader(use)))
        return failure();
    return success();
  }

  LogicalResult takeReader(OpOperand &use) {
    Operation *op = use.getOwner();
    if (op->hasTrait<OpTrait::IsTerminator>()) {
      head.whole.insert(use.get());
      return success();
    }
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      if (reshape.getShape().empty() || reshape.getShape().back() != head.vocabulary)
        return refuseReader(op);
      include(op);
    } else if (auto cast = dyn_cast<CastOp>(op)) {
      if (cast.getRows())
        return refuseReader(op);
      include(op);
    } else if (auto loss = dyn_cast<CrossEntropyOp>(op)) {
      if (loss != head.loss)
        return refuseReader(op);
      include(op, /*isWide=*/false);
    } else if (auto grad = dyn_cast<CrossEntropyGradOp>(op)) {
      if (grad.getTargets() != head.loss.getTargets() || grad.getLse() != head.loss.getLse())
        return refuseReader(op);
      include(op);
    } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
      if (use.getOperandNumber() != 0 || matmul.getB() == use.get() || matmul.getGroups() != 1 ||
          matmul.getRows() || (matmul.getAccumulator() && !matmul.getTransposeA()))
        return refuseReader(op);
      include(op, /*isWide=*/false);
    } else {
      return refuseReader(op);
    }
    return success();
  }

  LogicalResult refuseReader(Operation *op) {
    return refuse("WIDE_USE", op->getName().getStringRef() + " reads all of the logits", op);
  }

  LossHead &head;
  LossRefusal &refusal;
  SmallVector<Value> pending;
  llvm::DenseSet<Operation *> seen;
};

} // namespace

FailureOr<LossHead> hydra::findLossHead(CrossEntropyOp loss, LossRefusal &refusal) {
  LossHead head;
  head.loss = loss;
  if (failed(HeadFinder(head, refusal).find()))
    return failure();
  return head;
}

LogicalResult hydra::hoistOperands(const LossHead &head, LossRefusal &refusal) {
  Operation *place = head.loss;
  llvm::DenseSet<Operation *> members(head.members.begin(), head.members.end()), seen;
  SmallVector<Operation *> later, pending(head.members);
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    for (Value operand : op->getOperands()) {
      Operation *maker = operand.getDefiningOp();
      if (!maker || maker->isBeforeInBlock(place))
        continue;
      if (members.contains(maker)) {
        if (members.contains(op))
          continue;
        refusal = {"DEPENDS", "the gradient needs what is made of the loss itself", op};
        return failure();
      }
      if (seen.insert(maker).second) {
        later.push_back(maker);
        pending.push_back(maker);
      }
    }
  }
  llvm::sort(later, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : later)
    op->moveBefore(place);
  return success();
}
