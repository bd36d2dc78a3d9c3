#include "passes/lowering/PrimitiveEmitter.h"

#include <algorithm>

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
                          BinaryKindAttr::get(opBuilder.getContext(), kind), a, b, currentRows);
}

Value PrimitiveEmitter::scaled(Value a, double factor) {
  return factor == 1.0 ? a : mul(a, scalar(factor));
}

Value PrimitiveEmitter::unary(UnaryKind kind, Value x) {
  return UnaryOp::create(opBuilder, currentLocation,
                         UnaryKindAttr::get(opBuilder.getContext(), kind), x, currentRows);
}

Value PrimitiveEmitter::stop(Value x) { return StopOp::create(opBuilder, currentLocation, x); }

Value PrimitiveEmitter::select(Value mask, Value a, Value b) {
  return SelectOp::create(opBuilder, currentLocation, mask, a, b, currentRows);
}

Value PrimitiveEmitter::toFloat(Value x) {
  return CastOp::create(opBuilder, currentLocation, x, TypeAttr::get(opBuilder.getF32Type()),
                        currentRows);
}

Value PrimitiveEmitter::toInteger(Value x) {
  return CastOp::create(opBuilder, currentLocation, x, TypeAttr::get(opBuilder.getI32Type()),
                        currentRows);
}

Value PrimitiveEmitter::broadcast(Value x, ArrayRef<int64_t> shape) {
  return BroadcastOp::create(opBuilder, currentLocation, x, opBuilder.getDenseI64ArrayAttr(shape),
                             currentRows);
}

Value PrimitiveEmitter::clamp(Value x, double low, double high) {
  return binary(BinaryKind::min, binary(BinaryKind::max, x, scalar(low)), scalar(high));
}

Value PrimitiveEmitter::softplus(Value x) {
  return unary(UnaryKind::log, add(unary(UnaryKind::exp, x), scalar(1)));
}

static double elementsOf(Value x) {
  return static_cast<double>(cast<RankedTensorType>(x.getType()).getNumElements());
}

Value PrimitiveEmitter::mean(Value x) {
  return binary(BinaryKind::div, sum(x), scalar(elementsOf(x)));
}

Value PrimitiveEmitter::variance(Value x) {
  Value squares = sum(unary(UnaryKind::square, sub(x, mean(x))));
  return binary(BinaryKind::div, squares, scalar(std::max(1.0, elementsOf(x) - 1)));
}

Value PrimitiveEmitter::reduce(ReduceKind kind, ReduceAxes axes, Value x) {
  MLIRContext *context = opBuilder.getContext();
  return ReduceOp::create(opBuilder, currentLocation, ReduceKindAttr::get(context, kind),
                          ReduceAxesAttr::get(context, axes), x, currentRows);
}

Value PrimitiveEmitter::sumLast(Value x) { return reduce(ReduceKind::sum, ReduceAxes::last, x); }

Value PrimitiveEmitter::sumLeading(Value x) {
  return reduce(ReduceKind::sum, ReduceAxes::leading, x);
}

Value PrimitiveEmitter::average(ArrayRef<Value> values) {
  Value sum = values.front();
  for (Value value : values.drop_front())
    sum = add(sum, value);
  return values.size() == 1 ? sum : scaled(sum, 1.0 / static_cast<double>(values.size()));
}

Value PrimitiveEmitter::vector(ArrayRef<Value> scalars) {
  SmallVector<Value> parts;
  for (Value value : scalars)
    parts.push_back(reshape(value, {1}));
  if (parts.size() == 1)
    return parts.front();
  return ConcatOp::create(opBuilder, currentLocation, parts, Value());
}

Value PrimitiveEmitter::integer(int32_t value) { return integers(value, {}); }

Value PrimitiveEmitter::integers(ArrayRef<int32_t> values, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, opBuilder.getI32Type());
  return ConstantOp::create(opBuilder, currentLocation, DenseElementsAttr::get(type, values));
}

Value PrimitiveEmitter::gatherRows(Value x, Value index, Value rows, bool unique) {
  return GatherRowsOp::create(opBuilder, currentLocation, x, index, rows,
                              unique ? opBuilder.getUnitAttr() : UnitAttr());
}

Value PrimitiveEmitter::scatterRows(Value x, Value index, Value rows, int64_t size, bool unique,
                                    double scale) {
  return ScatterRowsOp::create(opBuilder, currentLocation, x, index, Value(), rows,
                               opBuilder.getI64IntegerAttr(size), opBuilder.getF64FloatAttr(scale),
                               unique ? opBuilder.getUnitAttr() : UnitAttr());
}

Value PrimitiveEmitter::sum(Value x) {
  MLIRContext *context = opBuilder.getContext();
  return ReduceOp::create(opBuilder, currentLocation, ReduceKindAttr::get(context, ReduceKind::sum),
                          ReduceAxesAttr::get(context, ReduceAxes::all), x, Value());
}

Value PrimitiveEmitter::linear(Value x, Value weight) {
  return MatmulOp::create(opBuilder, currentLocation, x, weight, /*accumulator=*/Value(),
                          /*rows=*/currentRows, /*transpose_a=*/UnitAttr(),
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
  return RmsNormOp::create(opBuilder, currentLocation, x, weight, currentRows,
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
