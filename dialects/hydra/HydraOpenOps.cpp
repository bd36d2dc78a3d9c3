// Verifiers of the ops that a spec's own blocks are made of (HydraOpenOps.td), and what primitives
// in a spec may do with dynamic shapes.
#include "dialects/hydra/HydraDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::hydra;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

static LogicalResult verifyFactor(WeightOp op, StringRef name, std::optional<APFloat> factor) {
  if (!factor || factor->convertToDouble() >= 0)
    return success();
  return op.emitOpError("expected ") << name << " >= 0, found " << factor->convertToDouble();
}

LogicalResult WeightOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  // weight C1
  if (!type.hasStaticShape() || !type.getElementType().isF32())
    return emitOpError("expected a parameter of static shape and float32 elements, found ") << type;
  // weight C2
  if (failed(verifyFactor(*this, "lr_factor", getLrFactor())))
    return failure();
  return verifyFactor(*this, "decay_factor", getDecayFactor());
}

LogicalResult LinearOp::verify() {
  // linear C1
  if (shapeOf(getX()).drop_back() == shapeOf(getResult()).drop_back())
    return success();
  return emitOpError("expected a result of the batch and sequence of ")
         << getX().getType() << ", found " << getType();
}

LogicalResult LayerNormOp::verify() {
  // layer_norm C1
  if (getEps().convertToDouble() > 0)
    return success();
  return emitOpError("expected eps > 0, found ")
         << getEps().convertToDouble() << "; the variance of a row may be zero";
}

LogicalResult PositionEmbeddingOp::verify() {
  // position_embedding C1
  auto model = (*this)->getParentOfType<LanguageModelOp>();
  int64_t width = shapeOf(getResult())[2];
  if (model && width != static_cast<int64_t>(model.getDim()))
    return (emitOpError("expected width ")
            << model.getDim() << ", the model's dim, found " << width)
               .attachNote(model.getLoc())
           << "dim is set here";
  return success();
}

LogicalResult GqaOp::verify() {
  int64_t heads = getHeads(), keys = getKvHeads().value_or(heads), width = shapeOf(getX())[2];
  // gqa C1
  if (heads < 1 || keys < 1 || heads % keys != 0)
    return emitOpError("expected kv_heads to divide heads, found ")
           << heads << " heads and " << keys << " kv_heads";
  // gqa C2
  if (!getHeadDim() && (ShapedType::isDynamic(width) || width % heads != 0))
    return emitOpError("expected heads to divide the width, or a head_dim; found ")
           << heads << " heads in " << getType();
  // gqa C3
  int64_t head = headWidth();
  if (head < 1 || (getRope() && head % 2 != 0))
    return emitOpError(getRope()
                           ? "expected an even head_dim >= 2, whose pairs rope rotates, found "
                           : "expected head_dim >= 1, found ")
           << head;
  // gqa C4
  if (getRopeTheta() && !getRope())
    return emitOpError("has rope_theta without effect, since rope = false; remove it");
  if (rotaryBase() <= 0)
    return emitOpError("expected rope_theta > 0, found ") << rotaryBase();
  return success();
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *found = symbols.lookupNearestSymbolFrom(*this, getCalleeAttr());
  auto function = dyn_cast_or_null<func::FuncOp>(found);
  // call C1
  if (!function)
    return emitOpError("expected a function of this file, found ")
           << (found ? "something else" : "nothing") << " under the name @" << getCallee();
  if (function.isExternal() || !function.isPrivate() || !function.getBody().hasOneBlock())
    return (emitOpError("expected a private function with a body of one block; @")
            << getCallee() << " is none: write func.func private @" << getCallee() << "(...) {...}")
               .attachNote(function.getLoc())
           << "the function is here";
  // call C2
  if (function.getFunctionType().getInputs() != getInputs().getTypes() ||
      function.getFunctionType().getResults() != getResultTypes())
    return (emitOpError("expected the types of @")
            << getCallee() << ", " << function.getFunctionType() << ", found "
            << FunctionType::get(getContext(), getInputs().getTypes(), getResultTypes()))
               .attachNote(function.getLoc())
           << "the function is here";
  return success();
}

static bool isDynamic(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && !tensor.hasStaticShape();
}

// Extents of which only batch and sequence, the first two of three, are not known; of integers, the
// tokens, of two.
static bool isStreamShape(RankedTensorType type) {
  bool integers = type.getElementType().isInteger(32);
  if (type.getRank() != 3 && !(integers && type.getRank() == 2))
    return false;
  return type.getRank() == 2 || !type.isDynamicDim(2);
}

LogicalResult mlir::hydra::verifyPrimitiveShapes(Operation *op) {
  auto isOpen = op->hasTrait<AlongSequence>() || isa<TokenWiseOpInterface>(op);
  for (Value operand : op->getOperands()) {
    if (!isDynamic(operand.getType()))
      continue;
    if (!isOpen)
      return op->emitOpError("expected static shapes, found ")
             << operand.getType()
             << "; batch and sequence may be dynamic in ops that keep tokens apart or work along "
                "the "
                "sequence, and this one does neither";
    if (!isStreamShape(cast<RankedTensorType>(operand.getType())))
      return op->emitOpError(
                 "expected static shapes, or [batch, sequence, channels] with the first "
                 "two dynamic, found ")
             << operand.getType();
  }
  return success();
}
