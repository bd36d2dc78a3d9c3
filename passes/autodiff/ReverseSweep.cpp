#include "passes/autodiff/ReverseSweep.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Marks the ops an adjoint is made of with the scope of the forward op, and counts them.
struct ScopeListener : OpBuilder::Listener {
  ScopeListener(Attribute scope, int64_t &count) : scope(scope), count(count) {}

  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (scope)
      op->setAttr(kScopeAttrName, scope);
    ++count;
  }

  Attribute scope;
  int64_t &count;
};

bool isFloat(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

// Whether a gradient can matter at this result: false for those that have none by definition.
bool carriesGradient(OpResult result) {
  if (!isFloat(result) || isa<StopOp>(result.getOwner()))
    return false;
  if (auto binary = dyn_cast<BinaryOp>(result.getOwner()))
    return binary.getKind() != BinaryKind::ge && binary.getKind() != BinaryKind::gt &&
           binary.getKind() != BinaryKind::eq;
  if (auto loss = dyn_cast<CrossEntropyOp>(result.getOwner()))
    return result != loss.getTokenLoss();
  return true;
}

bool isMask(OpOperand &operand) {
  return isa<SelectOp>(operand.getOwner()) && operand.getOperandNumber() == 0;
}

} // namespace

ReverseSweep::ReverseSweep(Block &block, ValueRange wanted) : block(block) {
  for (Value argument : wanted) {
    wantedGradients.insert({argument, {}});
    dependent.insert(argument);
  }
  for (Operation &op : block) {
    bool reached = llvm::any_of(op.getOpOperands(), [&](OpOperand &operand) {
      return dependent.contains(operand.get()) && !isMask(operand);
    });
    if (!reached)
      continue;
    for (OpResult result : op.getResults())
      if (carriesGradient(result))
        dependent.insert(result);
  }
}

void ReverseSweep::seed(Value value, Value gradient) {
  OpBuilder builder(block.getTerminator());
  AdjointBuilder adjoint(builder, gradient.getLoc());
  addGradient(value, {gradient, Value()}, adjoint);
}

ArrayRef<Value> ReverseSweep::contributions(Value wanted) const {
  auto found = wantedGradients.find(wanted);
  return found == wantedGradients.end() ? ArrayRef<Value>() : ArrayRef<Value>(found->second);
}

ArrayRef<OpOperand *> ReverseSweep::uses(Value wanted) const {
  auto found = wantedUses.find(wanted);
  return found == wantedUses.end() ? ArrayRef<OpOperand *>() : ArrayRef<OpOperand *>(found->second);
}

Value ReverseSweep::inAllRows(Gradient gradient, AdjointBuilder &builder) {
  return gradient.rows ? builder.addRows(gradient.value, gradient.rows) : gradient.value;
}

void ReverseSweep::addGradient(Value value, Gradient gradient, AdjointBuilder &builder) {
  if (auto wanted = wantedGradients.find(value); wanted != wantedGradients.end()) {
    wanted->second.push_back(inAllRows(gradient, builder));
    return;
  }
  Gradient &sum = gradients[value];
  if (!sum.value) {
    sum = gradient;
  } else if (sum.rows == gradient.rows) {
    sum.value = builder.add(sum.value, gradient.value, sum.rows);
  } else {
    // Different row counts: the sum is defined everywhere, each part being added in its own rows.
    if (!gradient.rows)
      std::swap(sum, gradient);
    sum = {builder.addRows(gradient.value, gradient.rows, inAllRows(sum, builder)), Value()};
  }
}

LogicalResult ReverseSweep::run() {
  SmallVector<Operation *> forward;
  // Ops that carry no gradient (adjoint ops placed by seeds among them) are skipped by visit().
  for (Operation &op : block.without_terminator())
    forward.push_back(&op);
  for (Operation *op : llvm::reverse(forward))
    if (failed(visit(op)))
      return failure();
  return success();
}

LogicalResult ReverseSweep::visit(Operation *op) {
  bool reached =
      llvm::any_of(op->getResults(), [&](Value result) { return gradients.contains(result); });
  SmallVector<bool> needed;
  for (OpOperand &operand : op->getOpOperands())
    needed.push_back(dependent.contains(operand.get()) && !isMask(operand));
  if (!reached || !llvm::is_contained(needed, true))
    return success();

  auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
  if (!differentiable) {
    if (op->hasTrait<NotDifferentiable>())
      return op->emitOpError("is not differentiable (trait NotDifferentiable), but a gradient has "
                             "to pass it to reach an argument; put hydra.stop before or behind it");
    return op->emitOpError("has no derivative, but a gradient has to pass it to reach an argument; "
                           "expected straight-line code of hydra primitives");
  }

  ScopeListener listener(op->getDiscardableAttr(kScopeAttrName), created);
  OpBuilder builder(op->getContext(), &listener);
  builder.setInsertionPoint(block.getTerminator());
  AdjointBuilder adjoint(builder, op);

  // A reshape that keeps the last extent keeps the rows as well.
  Value rows = getRows(op);
  Value passedRows;
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    RankedTensorType from = tensorType(reshape.getX()), to = tensorType(reshape.getResult());
    if (from.getRank() > 0 && to.getRank() > 0 && from.getShape().back() == to.getShape().back())
      passedRows = gradients.lookup(reshape.getResult()).rows;
  }

  SmallVector<Value> resultGradients;
  for (OpResult result : op->getResults()) {
    Gradient gradient = gradients.lookup(result);
    Value expected = isRowwiseResult(result) ? rows : Value();
    bool asIs = !gradient.rows || gradient.rows == expected || gradient.rows == passedRows;
    resultGradients.push_back(asIs ? gradient.value : inAllRows(gradient, adjoint));
  }

  SmallVector<Value> operandGradients;
  if (failed(differentiable.buildAdjoint(builder, resultGradients, needed, operandGradients)))
    return failure();
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    Value gradient = index < operandGradients.size() ? operandGradients[index] : Value();
    if (!needed[index] || !gradient)
      continue;
    if (gradient.getType() != operand.get().getType())
      return op->emitOpError("has a derivative of type ")
             << gradient.getType() << " for operand " << index << " of type "
             << operand.get().getType();
    Value definedRows = rows && isRowwiseOperand(operand) ? rows : passedRows;
    if (wantedGradients.count(operand.get()))
      wantedUses[operand.get()].push_back(&operand);
    addGradient(operand.get(), {gradient, definedRows}, adjoint);
  }
  return success();
}
