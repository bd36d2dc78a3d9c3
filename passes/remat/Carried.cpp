#include "passes/remat/Carried.h"

#include "dialects/rows/RowBodies.h"
#include "passes/autodiff/AdjointBuilder.h"

using namespace mlir;
using namespace mlir::hydra;

bool hydra::isAlias(Operation *op) { return isa<ReshapeOp, StopOp, SliceRowsOp, AfterOp>(op); }

Value hydra::bytesOwner(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isAlias(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

static int64_t bytesOf(Value value) {
  RankedTensorType type = tensorType(value);
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
}

Carried::Carried(func::FuncOp function) {
  Block &block = function.getBody().front();
  for (Operation &op : block)
    positions[&op] = static_cast<int64_t>(positions.size());
  turn = static_cast<int64_t>(positions.size());
  for (Operation &op : block)
    if (isAdjoint(&op) && !isa<ConstantOp>(op)) {
      turn = positionOf(&op);
      break;
    }
  DenseMap<Value, int64_t> lastEarly;
  for (Operation &op : block.without_terminator()) {
    // What is only named again has no reader yet.
    if (isAlias(&op))
      continue;
    for (Value operand : op.getOperands()) {
      Value owner = bytesOwner(operand);
      Operation *maker = owner.getDefiningOp();
      if (!maker || isLate(maker))
        continue;
      if (!isLate(&op)) {
        lastEarly[owner] = positionOf(&op);
        continue;
      }
      CarriedValue &value = carried[owner];
      value.value = owner;
      value.bytes = bytesOf(owner);
      value.lastEarly = std::max(positionOf(maker), lastEarly.lookup(owner));
      if (value.readers.empty() || value.readers.back() != &op)
        value.readers.push_back(&op);
    }
  }
  for (Value result : block.getTerminator()->getOperands())
    if (auto *found = carried.find(bytesOwner(result)); found != carried.end())
      found->second.isResult = true;
  markSelections(function);
}

const CarriedValue *Carried::find(Value value) const {
  const auto *found = carried.find(value);
  return found == carried.end() ? nullptr : &found->second;
}

void Carried::markSelections(func::FuncOp function) {
  SmallVector<Operation *> pending;
  function.walk([&](Operation *op) {
    bool hasIntegers = llvm::any_of(op->getResultTypes(), [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && tensor.getElementType().isInteger();
    });
    if (hasIntegers && op->hasTrait<PrimitiveTier>())
      pending.push_back(op);
  });
  // Back to the products that made the scores, those included.
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    if (!selecting.insert(op).second || isa<MatmulOp>(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *maker = operand.getDefiningOp())
        pending.push_back(maker);
  }
}

bool Carried::isRepeatable(Operation *op) const {
  if (!op->hasTrait<PrimitiveTier>() || isa<ConstantOp, RopeTableOp, CrossEntropyOp>(op) ||
      selecting.contains(op) || op->getNumOperands() == 0)
    return false;
  if (auto matmul = dyn_cast<MatmulOp>(op); matmul && matmul.getFullPrecision())
    return false;
  return llvm::all_of(op->getResultTypes(), [](Type type) {
    return isa<FloatType>(cast<RankedTensorType>(type).getElementType());
  });
}

bool Carried::isCheap(Operation *op) const {
  return isRepeatable(op) && isa<rows::RowBodyOpInterface>(op);
}
