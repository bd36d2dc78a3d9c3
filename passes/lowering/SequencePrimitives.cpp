// Primitives that stand in a spec: instantiated on the shapes of an entry. Those that keep tokens
// apart stay as they are; those along the sequence get position, caches and histories in decoding.
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;

// A copy of `op` on lowered operands, with the types that follow from them.
FailureOr<Operation *> ModelLowering::instantiate(Operation *op, const Place &place) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(lowered(operand));
  SmallVector<Type> types;
  auto inference = cast<InferTypeOpInterface>(op);
  if (failed(inference.inferReturnTypes(op->getContext(), op->getLoc(), operands,
                                        op->getDiscardableAttrDictionary(),
                                        op->getPropertiesStorage(), op->getRegions(), types)))
    return failure();
  PrimitiveEmitter::Region region(emit, op->getLoc(), place.part);
  Operation *copy = emit.builder().clone(*op, mapping);
  for (auto [result, type] : llvm::zip_equal(copy->getResults(), types))
    result.setType(type);
  if (auto probe = op->getAttrOfType<StringAttr>(kProbeAttrName))
    copy->setAttr(kProbeAttrName, emit.builder().getStringAttr(joinScope(place.part, probe)));
  return copy;
}

// What an op that mixes tokens cannot be part of.
LogicalResult ModelLowering::requireWholeSequences(Operation *op) {
  if (request.decoding)
    return op->emitOpError(
        "mixes the tokens of a sequence and keeps no state, so that it cannot be "
        "computed for one new token after the other; replace it by ops that "
        "keep tokens apart, hydra.gqa, hydra.attention, hydra.causal_conv or "
        "hydra.shift, or compile without extend entries and train the artifact: "
        "hydra-opt SPEC --entry=train@BxS --entry=eval@BxS -o FILE.hydra");
  if (emit.rows())
    return op->emitOpError(
        "mixes tokens, but stands where some of them are gathered: in a recursion, "
        "hydra.depth_routing or hydra.experts; place it outside");
  return success();
}

FailureOr<SmallVector<Value>> ModelLowering::lowerPrimitive(Operation *op, const Place &place) {
  auto ofParameters = [&](Value operand) { return tokenless.contains(lowered(operand)); };
  bool free = llvm::all_of(op->getOperands(), ofParameters);
  auto tokenWise = dyn_cast<TokenWiseOpInterface>(op);
  if (!free && op->hasTrait<AlongSequence>())
    return lowerAlongSequence(op, place);
  if (tokenWise && tokenWise.hasBoundedRows())
    return op->emitOpError(
               "expected no rows operand in a spec: which rows count follows from the ops "
               "around this one"),
           failure();
  if (!free && (!tokenWise || !tokenWise.isTokenWise()) && failed(requireWholeSequences(op)))
    return failure();
  FailureOr<Operation *> copy = instantiate(op, place);
  if (failed(copy))
    return failure();
  SmallVector<Value> results((*copy)->getResults());
  if (free)
    tokenless.insert(results.begin(), results.end());
  else if (tokenWise && emit.rows())
    cast<TokenWiseOpInterface>(*copy).boundRows(emit.rows());
  return results;
}

static InFlightDiagnostic refuseState(Operation *op) {
  return op->emitOpError("expected no position, count or history in a spec: decoding adds them");
}

// The scope of the state of an op without a name: its kind and number there.
std::string ModelLowering::stateScope(Operation *op, const Place &place) {
  std::string scope = joinScope(place.part, op->getName().stripDialect());
  return joinScope(scope, std::to_string(unnamedStates[scope]++));
}

FailureOr<SmallVector<Value>> ModelLowering::lowerAlongSequence(Operation *op, const Place &place) {
  if (failed(requireSequence(op, lowered(op->getOperand(0)))))
    return failure();
  FailureOr<Operation *> copy = instantiate(op, place);
  if (failed(copy))
    return failure();
  PrimitiveEmitter::Region region(emit, op->getLoc(), place.part);
  OpBuilder::InsertionGuard guard(emit.builder());
  emit.builder().setInsertionPoint(*copy); // caches are filled before they are read
  LogicalResult done =
      TypeSwitch<Operation *, LogicalResult>(*copy)
          .Case<RopeOp>([&](auto rope) { return decodeRope(rope); })
          .Case<AttentionOp, ShiftOp, CausalConvOp>(
              [&](auto other) { return keepSequence(other, stateScope(op, place)); })
          .Default([](Operation *other) { return other->emitOpError("has no form for decoding"); });
  if (failed(done))
    return failure();
  return SmallVector<Value>((*copy)->getResults());
}

LogicalResult ModelLowering::decodeRope(RopeOp op) {
  if (op.getPosition())
    return refuseState(op);
  if (!request.decoding)
    return success();
  int64_t rows = emit.shapeOf(op.getTable())[0];
  if (rows < request.decoding->cache)
    return op.emitOpError("expected a table of at least ")
           << request.decoding->cache << " positions, as many as the cache has, found " << rows;
  op.getPositionMutable().assign(request.decoding->position);
  return success();
}

LogicalResult ModelLowering::keepSequence(AttentionOp op, const std::string &scope) {
  if (op.getPosition() || op.getCount())
    return refuseState(op);
  if (!request.decoding)
    return success();
  op.getKMutable().assign(cached(joinScope(scope, "key_cache"), op.getK()));
  op.getVMutable().assign(cached(joinScope(scope, "value_cache"), op.getV()));
  op.getPositionMutable().assign(request.decoding->position);
  op.getCountMutable().assign(request.decoding->count);
  return success();
}

LogicalResult ModelLowering::keepSequence(ShiftOp op, const std::string &scope) {
  if (op.getHistory() || op.getPosition())
    return refuseState(op);
  if (!request.decoding)
    return success();
  if (op.getReverse())
    return requireWholeSequences(op);
  int64_t channels = emit.shapeOf(op.getX()).back(), kept = op.getFromChannel();
  if (kept == channels)
    return success(); // nothing is delayed
  Value late = kept == 0 ? op.getX() : emit.split(op.getX(), {kept, channels - kept})[1];
  std::string name = joinScope(scope, "history");
  Value history = stateArgument(name, {emit.shapeOf(late)[0], 1, channels - kept});
  keepTail(name, history, late);
  op.getHistoryMutable().assign(history);
  op.getPositionMutable().assign(request.decoding->position);
  return success();
}

LogicalResult ModelLowering::keepSequence(CausalConvOp op, const std::string &scope) {
  if (op.getHistory() || op.getPosition())
    return refuseState(op);
  int64_t past = emit.shapeOf(op.getFilter())[2] - 1;
  if (!request.decoding || past == 0)
    return success();
  std::string name = joinScope(scope, "history");
  ArrayRef<int64_t> shape = emit.shapeOf(op.getX());
  Value history = stateArgument(name, {shape[0], past, shape[2]});
  keepTail(name, history, op.getX());
  op.getHistoryMutable().assign(history);
  op.getPositionMutable().assign(request.decoding->position);
  return success();
}
