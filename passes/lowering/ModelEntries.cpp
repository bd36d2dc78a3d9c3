// Instantiates a model as functions: train, eval and extend; and lowers ordinary functions.
#include "passes/lowering/Calls.h"
#include "passes/lowering/EntryRequest.h"
#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/RoutingLosses.h"
#include "passes/lowering/RoutingWork.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Parameters of an entry: arguments made from the hydra.param ops of the module.
class TableParameters : public ParameterSource {
public:
  explicit TableParameters(EntryFunction &function) : function(function) {}

  Value get(Location location, StringRef name, ArrayRef<int64_t> shape) override {
    Value value = function.argument(BindingKind::parameter, name);
    if (value && PrimitiveEmitter::shapeOf(value) == shape)
      return value;
    InFlightDiagnostic error = emitError(location)
                               << "expected hydra.param @\"" << name << "\" of shape [" << shape
                               << "] in the module, found ";
    if (value)
      error << value.getType();
    else
      error << "none; run hydra-materialize-params first";
    return Value();
  }

private:
  EntryFunction &function;
};

// Parameters of an ordinary function: arguments added as they are asked for.
class AddedParameters : public ParameterSource {
public:
  explicit AddedParameters(EntryFunction &function) : function(function) {}

  Value get(Location location, StringRef name, ArrayRef<int64_t> shape) override {
    // An op that is lowered again, as in every pass of a recursion, finds its own.
    if (Value own = function.argument(BindingKind::parameter, name);
        own && own.getLoc() == location)
      return own;
    if (function.argument(BindingKind::parameter, name)) {
      emitError(location) << "two ops claim the parameter '" << name
                          << "'; give one of them another name";
      return Value();
    }
    auto type = RankedTensorType::get(shape, Float32Type::get(location.getContext()));
    return function.addArgument(location, type, BindingKind::parameter, name);
  }

private:
  EntryFunction &function;
};

class EntryBuilder {
public:
  EntryBuilder(LanguageModelOp model, const EntryRequest &entry, func::FuncOp op)
      : model(model), entry(entry), function(op), emit(function.body()) {}

  LogicalResult build(const EntrySettings &settings);
  int64_t primitives() const { return emit.created(); }

private:
  void addInputs(LoweringRequest &request, int64_t cache);
  void addLosses(Value logits, const RoutingTerms &terms, const LoweringRequest &lowering);
  void addEvaluation(Value logits);
  void addRoutingFields(const RoutingTerms &terms, const LoweringRequest &lowering);
  void addNextToken(Value logits, ModelLowering &lowering, bool allLogits);
  Value lastRows(Value x);
  Value integers(StringRef name, ArrayRef<int64_t> shape) {
    return function.addArgument(model.getLoc(),
                                RankedTensorType::get(shape, emit.builder().getI32Type()),
                                BindingKind::input, name);
  }
  CrossEntropyOp crossEntropy(Value logits) {
    auto op = CrossEntropyOp::create(emit.builder(), model.getLoc(), logits, targets);
    emit.probe(op.getLoss(), "loss.ce");
    return op;
  }

  // The value of a scalar setting of the step, `initial` until the host writes one.
  Value control(StringRef name, Type type, double initial) {
    return function.addArgument(
        model.getLoc(), RankedTensorType::get({}, type), BindingKind::control, name,
        emit.builder().getNamedAttr(kInitialAttrName, emit.builder().getF64FloatAttr(initial)));
  }
  Value numbers(ArrayRef<int32_t> values) {
    auto type =
        RankedTensorType::get(static_cast<int64_t>(values.size()), emit.builder().getI32Type());
    return ConstantOp::create(emit.builder(), emit.location(),
                              DenseElementsAttr::get(type, values));
  }

  LanguageModelOp model;
  const EntryRequest &entry;
  EntryFunction function;
  PrimitiveEmitter emit;
  Value tokens, targets;
  Value position, count, seed, sequence; // extend
};

void EntryBuilder::addInputs(LoweringRequest &request, int64_t cache) {
  tokens = integers("tokens", {entry.batch, entry.seq});
  if (entry.name == "extend") {
    position = integers("position", {entry.batch});
    count = integers("count", {entry.batch});
    seed = integers("seed", {entry.batch, 2});
    sequence = integers("sequence", {entry.batch});
    request.decoding = Decoding{position, count, cache};
  } else {
    targets = integers("targets", {entry.batch, entry.seq});
  }
  for (auto param : model->getParentOfType<ModuleOp>().getOps<ParamOp>())
    function.addArgument(param.getLoc(), cast<RankedTensorType>(param.getType()),
                         BindingKind::parameter, param.getSymName());
}

void EntryBuilder::addLosses(Value logits, const RoutingTerms &terms,
                             const LoweringRequest &lowering) {
  PrimitiveEmitter::Region region(emit, model.getLoc(), "loss");
  LossRequest request;
  request.rules = lowering.rules;
  model.walk([&](Operation *op) {
    if (auto recursion = dyn_cast<RecursionOp>(op)) {
      request.routed = true;
      request.baseline |= lowering.curriculum && recursion.getAdaptive();
    } else if (auto routing = dyn_cast<DepthRoutingOp>(op)) {
      request.baseline |= lowering.curriculum && hasDepthRouterSomewhere(routing) &&
                          !routing.getLossAwareWeight().isZero();
    }
  });
  RoutingLosses(emit, function, model.getLoc()).add(crossEntropy(logits), terms, request);
}

void EntryBuilder::addEvaluation(Value logits) {
  PrimitiveEmitter::Region region(emit, model.getLoc(), "loss");
  CrossEntropyOp loss = crossEntropy(logits);
  function.addResult(loss.getLoss(), BindingKind::output, "loss.ce");
  function.addResult(loss.getTokenLoss(), BindingKind::output, "token_loss");
  function.addResult(logits, BindingKind::output, "logits");
}

// Fields of the step record in training, outputs elsewhere.
void EntryBuilder::addRoutingFields(const RoutingTerms &terms, const LoweringRequest &lowering) {
  for (const RoutingField &field : terms.fields)
    function.addResult(field.value, BindingKind::output, field.name,
                       lowering.training ? field.reduce : "");
  // Without a curriculum, depth is fixed and nothing is saved.
  if (!lowering.curriculum || terms.mlpCalls.empty())
    return;
  PrimitiveEmitter::Region region(emit, model.getLoc(), "routing");
  Value work = emit.vector({mlpFlops(emit, terms.mlpCalls),
                            emit.scalar(fixedDepthFlops(model, entry.batch * entry.seq))});
  function.addResult(work, BindingKind::output, "route.mlp.flops", lowering.training ? "sum" : "");
}

// The last valid row of every sequence of [B, S, C], as [B, C].
Value EntryBuilder::lastRows(Value x) {
  int64_t width = emit.shapeOf(x).back();
  if (entry.seq == 1)
    return emit.reshape(x, {entry.batch, width});
  SmallVector<int32_t> firsts;
  for (int64_t b = 0; b < entry.batch; ++b)
    firsts.push_back(static_cast<int32_t>(b * entry.seq));
  auto limit = static_cast<int32_t>(entry.seq - 1);
  // An idle sequence has no last row; it is given its first, which nobody looks at.
  Value last = emit.binary(BinaryKind::sub, count, numbers({1}));
  last = emit.binary(BinaryKind::max, last, numbers({0}));
  last = emit.binary(BinaryKind::min, last, numbers({limit}));
  Value flat = emit.reshape(x, {entry.batch * entry.seq, width});
  return GatherRowsOp::create(emit.builder(), emit.location(), flat,
                              emit.add(last, numbers(firsts)), Value());
}

// Where the projection to the vocabulary is the last op, only the last row of a sequence is
// projected, unless all are wanted: the projection of all rows is dead then.
void EntryBuilder::addNextToken(Value logits, ModelLowering &lowering, bool allLogits) {
  PrimitiveEmitter::Region region(emit, model.getLoc(), "sample");
  auto head = logits.getDefiningOp<MatmulOp>();
  // A product of the spec's own may be another one than that of a dense layer.
  if (head && (!head.getTransposeB() || head.getGroups() != 1))
    head = MatmulOp();
  Value last = head && entry.seq > 1 && !allLogits ? emit.linear(lastRows(head.getA()), head.getB())
                                                   : lastRows(logits);
  Value history = lowering.cached("tokens", emit.reshape(tokens, {entry.batch, entry.seq, 1}));
  Type real = emit.builder().getF32Type(), integer = emit.builder().getI32Type();
  Value temperature = control("temperature", real, 0), topK = control("top_k", integer, 0),
        topP = control("top_p", real, 1), repeatPenalty = control("repeat_penalty", real, 1),
        vocabulary = control("vocabulary", integer, static_cast<double>(model.getVocabSize()));
  Value next = SampleOp::create(emit.builder(), emit.location(), last, history, position, count,
                                seed, sequence, temperature, topK, topP, repeatPenalty, vocabulary);
  function.addResult(next, BindingKind::output, "next_token");
  function.addResult(last, BindingKind::output, "last_logits");
}

LogicalResult EntryBuilder::build(const EntrySettings &settings) {
  LoweringRequest request;
  request.training = request.gradients = entry.name == "train";
  request.rules = *ModelRules::parse(model.getRules()); // checked by the model's verifier
  auto routing = model->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(kRoutingAttrName);
  request.curriculum = routing && routing.getValue() != "fixed";
  request.ropePositions = model.getMaxSeqLen();
  addInputs(request, settings.cache);

  TableParameters parameters(function);
  ModelLowering lowering(emit, function, parameters, request);
  FailureOr<Value> logits =
      lowering.lowerBody(model.getBody().front(), tokens, ModelLowering::Place());
  if (failed(logits))
    return failure();
  emit.probe(*logits, "logits");

  if (entry.name == "train") {
    addLosses(*logits, lowering.routingTerms(), request);
  } else if (entry.name == "eval") {
    addEvaluation(*logits);
  }
  addRoutingFields(lowering.routingTerms(), request);
  if (entry.name == "extend") {
    addNextToken(*logits, lowering, settings.allLogits);
    for (const ModelLowering::NamedValue &state : lowering.updatedState())
      function.addResult(state.value, BindingKind::cache, state.name);
  }
  function.finish(emit.builder());
  return success();
}

// Sizes of an entry against those of the model.
LogicalResult checkEntry(LanguageModelOp model, const EntryRequest &entry, int64_t cache) {
  int64_t limit = model.getMaxSeqLen();
  if (entry.seq > limit)
    return model.emitOpError("entry ")
           << entry.name << "@" << entry.batch << "x" << entry.seq << ": expected a sequence of at "
           << "most max_seq_len = " << limit << " tokens; shorten it or raise max_seq_len";
  if (entry.name == "extend" && (cache < entry.seq || cache > limit))
    return model.emitOpError("entry extend@")
           << entry.batch << "x" << entry.seq << ": expected a cache of " << entry.seq << " to "
           << limit << " (max_seq_len) positions, found " << cache << "; pass --cache=N";
  return success();
}

} // namespace

LogicalResult hydra::lowerEntry(LanguageModelOp model, const EntryRequest &entry, StringRef variant,
                                const EntrySettings &settings, int64_t &primitives) {
  if (failed(checkEntry(model, entry, settings.cache)))
    return failure();
  auto module = model->getParentOfType<ModuleOp>();
  MLIRContext *context = model.getContext();
  std::string symbol = entry.symbol(variant);
  if (Operation *present = module.lookupSymbol(symbol))
    return (model.emitOpError("entry ") << symbol << " is requested twice, or its name is taken")
               .attachNote(present->getLoc())
           << "by this op";
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto op = func::FuncOp::create(builder, model.getLoc(), symbol, builder.getFunctionType({}, {}));
  op->setAttr(kEntryAttrName,
              EntryAttr::get(context, builder.getStringAttr(entry.name), entry.batch, entry.seq,
                             builder.getStringAttr(variant)));
  op.addEntryBlock();
  EntryBuilder entryBuilder(model, entry, op);
  if (failed(entryBuilder.build(settings))) {
    op.erase();
    return failure();
  }
  primitives += entryBuilder.primitives();
  return success();
}

LogicalResult hydra::lowerFunction(func::FuncOp op, int64_t &primitives) {
  SmallVector<Operation *> structural;
  op.walk<WalkOrder::PreOrder>([&](Operation *nested) {
    if (!nested->hasTrait<ModelTier>())
      return WalkResult::advance();
    structural.push_back(nested);
    return WalkResult::skip();
  });
  if (structural.empty())
    return success();
  EntryFunction function(op);
  AddedParameters parameters(function);
  PrimitiveEmitter emit(function.body());
  LoweringRequest request;
  ModelLowering lowering(emit, function, parameters, request);
  for (Operation *nested : structural) {
    if (failed(checkSizes(nested)) || failed(checkCalls(nested)))
      return failure();
    emit.builder().setInsertionPoint(nested);
    FailureOr<SmallVector<Value>> results = lowering.lowerOp(nested, ModelLowering::Place());
    if (failed(results))
      return failure();
    nested->replaceAllUsesWith(*results);
    nested->erase();
  }
  primitives += emit.created();
  return success();
}
