// Dispatch over structural ops, and all of them that need no file of their own.
#include "passes/lowering/ModelLowering.h"

#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/RoutingWork.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;

// A structural op can be lowered once its operands are static; types were checked by checkSizes().
static LogicalResult requireStatic(Operation *op, Value operand) {
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || !type.hasStaticShape())
    return op->emitError("expected operands of static shape to lower ")
           << op->getName() << ", found " << operand.getType();
  return success();
}

FailureOr<Value> ModelLowering::lowerBody(Block &body, ValueRange arguments, const Place &place) {
  if (failed(lowerOps(body, arguments, place)))
    return failure();
  return lowered(body.getTerminator()->getOperand(0));
}

LogicalResult ModelLowering::lowerOps(Block &body, ValueRange arguments, const Place &place) {
  mapping.map(body.getArguments(), arguments);
  DenseSet<Operation *> done; // by a blend in front of them
  for (Operation &op : body.without_terminator()) {
    auto recursion = dyn_cast<RecursionOp>(op);
    if (recursion && (modeOf(recursion) == RecursionMode::blend_adaptive ||
                      modeOf(recursion) == RecursionMode::blend_mixture)) {
      FailureOr<Operation *> finished = lowerBlend(recursion, place);
      if (failed(finished))
        return failure();
      done.insert(*finished);
      continue;
    }
    if (done.contains(&op))
      continue;
    FailureOr<SmallVector<Value>> results = lowerOp(&op, place);
    if (failed(results))
      return failure();
    mapping.map(op.getResults(), *results);
  }
  return success();
}

FailureOr<SmallVector<Value>> ModelLowering::lowerOp(Operation *op, const Place &place) {
  for (Value operand : op->getOperands())
    if (failed(requireStatic(op, lowered(operand))))
      return failure();
  if (op->hasTrait<PrimitiveTier>())
    return lowerPrimitive(op, place);
  if (auto call = dyn_cast<CallOp>(op))
    return lowerCall(call, place);
  FailureOr<Value> result = lowerStructural(op, place);
  if (failed(result))
    return failure();
  return SmallVector<Value>{*result};
}

FailureOr<Value> ModelLowering::lowerStructural(Operation *op, const Place &place) {
  return TypeSwitch<Operation *, FailureOr<Value>>(op)
      .Case<TokenEmbeddingOp>([&](auto o) { return lowerEmbedding(o, place); })
      .Case<PositionEmbeddingOp>([&](auto o) { return lowerPositions(o, place); })
      .Case<LmHeadOp>([&](auto o) { return lowerHead(o, place); })
      .Case<NormOp>([&](auto o) { return lowerNorm(o, place); })
      .Case<LayerNormOp>([&](auto o) { return lowerLayerNorm(o, place); })
      .Case<ResidualOp>([&](auto o) { return lowerResidual(o, place); })
      .Case<MlpOp>([&](auto o) { return lowerMlp(o, place); })
      .Case<WeightOp>([&](auto o) { return lowerWeight(o, place); })
      .Case<LinearOp>([&](auto o) { return lowerLinear(o, place); })
      .Case<BlocksOp>([&](auto o) { return lowerBlocks(o, place); })
      .Case<RecursionOp>([&](auto o) { return lowerRecursion(o, place); })
      .Case<DepthRoutingOp>([&](auto o) { return lowerDepthRouting(o, place); })
      .Case<ExpertsOp>([&](auto o) { return lowerExperts(o, place); })
      .Case<CcgqaOp>([&](auto o) { return lowerAttention(o, place); })
      .Case<GqaOp>([&](auto o) { return lowerDenseAttention(o, place); })
      .Default([](Operation *o) -> FailureOr<Value> {
        return o->emitError("expected an op of the hydra dialect, found ") << o->getName();
      });
}

FailureOr<Value> ModelLowering::lowerEmbedding(TokenEmbeddingOp op, const Place &place) {
  auto model = op->getParentOfType<LanguageModelOp>();
  if (!model)
    return op.emitOpError("expected to stand inside hydra.model, which says the vocabulary size");
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  int64_t vocabulary = model.getVocabSize(), width = model.getDim();
  Value table = parameters.get(
      op.getLoc(), joinScope(place.scope, (op.getName() + ".weight").str()), {vocabulary, width});
  if (!table)
    return failure();
  return EmbeddingOp::create(emit.builder(), op.getLoc(), table, lowered(op.getTokens()), Value(),
                             emit.builder().getF64FloatAttr(op.factor()))
      .getResult();
}

FailureOr<Value> ModelLowering::lowerHead(LmHeadOp op, const Place &place) {
  auto model = op->getParentOfType<LanguageModelOp>();
  if (!model)
    return op.emitOpError("expected to stand inside hydra.model, which says the vocabulary size");
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, "output"));
  Value x = lowered(op.getX());
  std::string name = "output.weight";
  if (op.getTied())
    name = ((*model.getBody().getOps<TokenEmbeddingOp>().begin()).getName() + ".weight").str();
  Value weight =
      parameters.get(op.getLoc(), op.getTied() ? name : joinScope(place.scope, name),
                     {static_cast<int64_t>(model.getVocabSize()), emit.shapeOf(x).back()});
  if (!weight)
    return failure();
  return emit.linear(x, weight);
}

FailureOr<Value> ModelLowering::lowerNorm(NormOp op, const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  Value x = lowered(op.getX());
  Value weight =
      parameters.get(op.getLoc(), joinScope(place.scope, (op.getName() + ".weight").str()),
                     {emit.shapeOf(x).back()});
  if (!weight)
    return failure();
  return emit.rmsNorm(x, weight, op.getEps().convertToDouble());
}

FailureOr<Value> ModelLowering::lowerResidual(ResidualOp op, const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), place.part);
  Value x = lowered(op.getX()), branch = lowered(op.getBranch());
  if (x.getType() != branch.getType())
    return op.emitOpError("adds values of different tokens, ")
           << x.getType() << " and " << branch.getType()
           << ": one of them comes from outside of the op that gathers tokens around this one";
  return emit.add(x, emit.scaled(branch, op.getScale().convertToDouble()));
}

FailureOr<Value> ModelLowering::lowerMlp(MlpOp op, const Place &place) {
  PrimitiveEmitter::Region region(emit, op.getLoc(), joinScope(place.part, op.getName()));
  Value x = lowered(op.getX());
  int64_t hidden = op.getHidden(), width = emit.shapeOf(x).back();
  std::string scope = joinScope(place.scope, op.getName());
  Value gateUp =
      parameters.get(op.getLoc(), joinScope(scope, "gate_up.weight"), {2 * hidden, width});
  Value down = parameters.get(op.getLoc(), joinScope(scope, "down.weight"), {width, hidden});
  if (!gateUp || !down)
    return failure();
  if (!request.decoding)
    terms.mlpCalls.push_back(
        {emit.rows(), ShapedType::getNumElements(emit.shapeOf(x)) / width, mlpRowFlops(op)});
  Value inner = SwigluOp::create(emit.builder(), op.getLoc(), emit.linear(x, gateUp), emit.rows());
  return emit.linear(inner, down);
}

FailureOr<Value> ModelLowering::lowerBlocks(BlocksOp op, const Place &place) {
  Value x = lowered(op.getX());
  for (int64_t i = 0, count = op.getCount(); i < count; ++i) {
    std::string suffix = joinScope(op.getName(), std::to_string(i));
    Place inside{joinScope(place.scope, suffix),
                 joinScope(place.part, suffix),
                 i,
                 count,
                 place.lastPass,
                 place.scored};
    FailureOr<Value> result = lowerBody(op.getBody().front(), x, inside);
    if (failed(result))
      return failure();
    x = *result;
    emit.probe(x, "block." + Twine(i));
  }
  return x;
}

Value ModelLowering::input(Location location, StringRef name, RankedTensorType type) {
  Value present = function.argument(BindingKind::input, name);
  return present ? present : function.addArgument(location, type, BindingKind::input, name);
}

Value ModelLowering::ropeTable(int64_t positions, int64_t headDim, double theta) {
  Value &table = ropeTables[{positions, headDim, theta}];
  if (table)
    return table;
  OpBuilder &builder = emit.builder();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.body());
  PrimitiveEmitter::Region region(emit, emit.location(), "rope");
  table = RopeTableOp::create(builder, emit.location(), builder.getI64IntegerAttr(positions),
                              builder.getI64IntegerAttr(headDim), builder.getF64FloatAttr(theta));
  return table;
}

Value ModelLowering::stateArgument(StringRef name, ArrayRef<int64_t> shape) {
  if (!request.decoding)
    return Value();
  auto type = RankedTensorType::get(shape, emit.builder().getF32Type());
  return function.addArgument(emit.location(), type, BindingKind::cache, name);
}

Value ModelLowering::cached(StringRef name, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  ArrayRef<int64_t> shape = type.getShape();
  type =
      RankedTensorType::get({shape[0], request.decoding->cache, shape[2]}, type.getElementType());
  Value cache = function.addArgument(emit.location(), type, BindingKind::cache, name);
  Value updated = CacheUpdateOp::create(emit.builder(), emit.location(), cache, value,
                                        request.decoding->position, request.decoding->count);
  keepState(name, updated);
  return updated;
}

void ModelLowering::keepState(StringRef name, Value value) { state.push_back({name.str(), value}); }

void ModelLowering::keepTail(StringRef name, Value history, Value x) {
  if (history)
    keepState(name, WindowTailOp::create(emit.builder(), emit.location(), history, x,
                                         request.decoding->position, request.decoding->count));
}
