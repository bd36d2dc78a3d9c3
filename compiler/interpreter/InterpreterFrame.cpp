#include "compiler/interpreter/InterpreterFrame.h"

#include <algorithm>
#include <cassert>

using namespace mlir;
using namespace mlir::hydra;

static int64_t countUses(Value value) {
  int64_t uses = 0;
  for (OpOperand &use : value.getUses()) {
    if (use.getOwner()->getBlock() != value.getParentBlock())
      return -1;
    ++uses;
  }
  return uses;
}

const TensorValue &InterpreterFrame::get(Value value) const {
  auto found = values.find(value);
  assert(found != values.end() && "operands are computed before they are used");
  return *found->second.tensor;
}

void InterpreterFrame::bind(Value value, std::shared_ptr<const TensorValue> tensor) {
  values[value] = {std::move(tensor), countUses(value)};
}

std::shared_ptr<const TensorValue> InterpreterFrame::share(Value value) const {
  auto found = values.find(value);
  assert(found != values.end() && "operands are computed before they are used");
  return found->second.tensor;
}

void InterpreterFrame::set(Value value, TensorValue tensor) {
  [[maybe_unused]] auto type = cast<RankedTensorType>(value.getType());
  assert(elementKindOf(type.getElementType()) == tensor.kind() && "the kind of the value's type");
  assert(succeeded(verifyCompatibleShape(type.getShape(), tensor.shape())) &&
         "the shape of the value's type");
  if (perturbation && tensor.kind() != ElementKind::i32)
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor[i] *= 1 + ((*perturbation)() & 1 ? 0x1p-24 : -0x1p-24);
  if (precisionMode == Precision::float32)
    tensor.round();
  bind(value, std::make_shared<const TensorValue>(std::move(tensor)));
}

void InterpreterFrame::alias(Value value, Value source) { bind(value, share(source)); }

int64_t InterpreterFrame::rowCount(Value rows, int64_t total) const {
  return std::clamp<int64_t>(integer(rows, total), 0, total);
}

int64_t InterpreterFrame::integer(Value value, int64_t fallback, int64_t index) const {
  return value ? static_cast<int64_t>(get(value)[index]) : fallback;
}

TensorValue InterpreterFrame::zerosLike(Value value) const {
  return TensorValue::zeros(cast<RankedTensorType>(value.getType()));
}

void InterpreterFrame::dropOperands(Operation &op) {
  for (Value operand : op.getOperands()) {
    auto found = values.find(operand);
    if (found == values.end() || found->second.usesLeft == 0)
      continue;
    --found->second.usesLeft;
    if (found->second.usesLeft == 0)
      values.erase(found);
  }
  for (Value result : op.getResults())
    if (result.use_empty())
      values.erase(result);
}

LogicalResult InterpreterFrame::interpretBody(Block &block) {
  for (Operation &op : block.without_terminator()) {
    auto interpretable = dyn_cast<InterpretableOpInterface>(op);
    if (!interpretable)
      return op.emitOpError("cannot be interpreted: expected ops of the hydra dialect with an "
                            "interpretation; lower the function to them first");
    if (failed(interpretable.interpret(*this)))
      return failure();
    auto probe = op.getAttrOfType<StringAttr>(kProbeAttrName);
    if (probe && probeSink && op.getNumResults() > 0)
      (*probeSink)["probe/" + probe.getValue().str()] = get(op.getResult(0));
    dropOperands(op);
  }
  return success();
}
