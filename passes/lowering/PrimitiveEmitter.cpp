#include "passes/lowering/PrimitiveEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

PrimitiveEmitter::PrimitiveEmitter(Block *block)
    : opBuilder(block->getParentOp()->getContext(), this),
      currentLocation(block->getParentOp()->getLoc()),
      currentScope(StringAttr::get(opBuilder.getContext())) {
  opBuilder.setInsertionPointToEnd(block);
}

PrimitiveEmitter::Region::Region(PrimitiveEmitter &emitter, Location location, StringRef scope)
    : emitter(emitter), location(emitter.currentLocation), scope(emitter.currentScope) {
  emitter.currentLocation = location;
  emitter.currentScope = emitter.opBuilder.getStringAttr(scope);
}

PrimitiveEmitter::Region::~Region() {
  emitter.currentLocation = location;
  emitter.currentScope = scope;
}

void PrimitiveEmitter::notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) {
  if (!op->hasTrait<PrimitiveTier>())
    return;
  ++count;
  op->setAttr(kScopeAttrName, currentScope);
}

Value PrimitiveEmitter::scalar(double value) {
  auto type = RankedTensorType::get({}, opBuilder.getF32Type());
  return ConstantOp::create(opBuilder, currentLocation,
                            DenseElementsAttr::get(type, static_cast<float>(value)));
}

Value PrimitiveEmitter::binary(BinaryKind kind, Value a, Value b) {
  return BinaryOp::create(opBuilder, currentLocation,
                          BinaryKindAttr::get(opBuilder.getContext(), kind), a, b, Value());
}

Value PrimitiveEmitter::scaled(Value a, double factor) {
  return factor == 1.0 ? a : mul(a, scalar(factor));
}

Value PrimitiveEmitter::unary(UnaryKind kind, Value x) {
  return UnaryOp::create(opBuilder, currentLocation,
                         UnaryKindAttr::get(opBuilder.getContext(), kind), x, Value());
}

Value PrimitiveEmitter::sum(Value x) {
  MLIRContext *context = opBuilder.getContext();
  return ReduceOp::create(opBuilder, currentLocation, ReduceKindAttr::get(context, ReduceKind::sum),
                          ReduceAxesAttr::get(context, ReduceAxes::all), x, Value());
}

Value PrimitiveEmitter::linear(Value x, Value weight) {
  return MatmulOp::create(opBuilder, currentLocation, x, weight, /*accumulator=*/Value(),
                          /*rows=*/Value(), /*transpose_a=*/UnitAttr(),
                          /*transpose_b=*/opBuilder.getUnitAttr(),
                          /*groups=*/opBuilder.getI64IntegerAttr(1), /*element_type=*/TypeAttr(),
                          /*full_precision=*/UnitAttr());
}

Value PrimitiveEmitter::routerScores(Value x, Value weight) {
  Value scores = linear(x, weight);
  scores.getDefiningOp<MatmulOp>().setFullPrecision(true);
  return scores;
}

Value PrimitiveEmitter::rmsNorm(Value x, Value weight, double eps) {
  return RmsNormOp::create(opBuilder, currentLocation, x, weight, Value(),
                           opBuilder.getF64FloatAttr(eps));
}

Value PrimitiveEmitter::reshape(Value x, ArrayRef<int64_t> shape) {
  return ReshapeOp::create(opBuilder, currentLocation, x, opBuilder.getDenseI64ArrayAttr(shape));
}

SmallVector<Value> PrimitiveEmitter::split(Value x, ArrayRef<int64_t> sizes) {
  auto op = SplitOp::create(opBuilder, currentLocation, x, opBuilder.getDenseI64ArrayAttr(sizes),
                            Value());
  return SmallVector<Value>(op->getResults());
}

void PrimitiveEmitter::probe(Value value, const Twine &name) {
  Operation *op = value.getDefiningOp();
  if (op && op->getResult(0) == value && !op->hasAttr(kProbeAttrName))
    op->setAttr(kProbeAttrName, opBuilder.getStringAttr(name));
}
