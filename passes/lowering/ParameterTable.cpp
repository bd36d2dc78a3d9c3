// Walks a spec and derives its parameters. Their order is that of the PyTorch HYDRA's state dict,
// in which a norm follows the sub-layer that it feeds, and expert layers follow all blocks.
#include "passes/lowering/ParameterTable.h"

#include "dialects/hydra/ModelRules.h"

#include "passes/lowering/Calls.h"
#include "passes/lowering/InitialValues.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Ranks within a block.
enum Order { kAttention, kAttentionNorm, kMlp, kMlpNorm, kDepthRouter, kRecursion, kOtherNorm };

// Bounds that no real model reaches; they keep sums and products of sizes within int64 and hostile
// specs within memory.
constexpr int64_t kMaxExtent = int64_t(1) << 31;
constexpr int64_t kMaxWidth = int64_t(1) << 24;
constexpr int64_t kMaxRepetition = 512;

class Collector {
public:
  explicit Collector(LanguageModelOp model) : model(model) {}

  FailureOr<SmallVector<Parameter>> collect();

private:
  // Where an op stands: the name scope, and which of how many blocks.
  struct Place {
    std::string scope;
    int64_t block = 0;
    int64_t count = 1;
  };

  Parameter &add(Operation *op, const Place &place, const Twine &name, ArrayRef<int64_t> shape,
                 Order order);
  Parameter &addConstant(Operation *op, const Place &place, const Twine &name,
                         ArrayRef<int64_t> shape, Order order, double value);
  LogicalResult collectBody(Block &body, const Place &place);
  LogicalResult collectBlocks(BlocksOp op, const Place &place);
  LogicalResult collectExperts(ExpertsOp op, const Place &place);
  void collectAttention(CcgqaOp op, const Place &place);
  void collectDenseAttention(GqaOp op, const Place &place);
  void collectAffine(Operation *op, const Place &place, const Twine &name, ArrayRef<int64_t> matrix,
                     Order order, bool bias, bool residual);
  void collectLayerNorm(LayerNormOp op, const Place &place);
  void collectWeight(WeightOp op, const Place &place);
  LogicalResult collectCall(CallOp op, const Place &place);
  void collectMlp(MlpOp op, const Place &place);
  void collectRecursion(RecursionOp op, const Place &place);
  LogicalResult checkUnique();

  LanguageModelOp model;
  double scale = 1.0; // of matrices that write into the residual stream
  SmallVector<Parameter> table;
  SmallVector<Parameter> experts; // of the current hydra.blocks, appended after it
  int64_t expertLayers = 0;
};

int64_t widthOf(Operation *op) {
  return cast<RankedTensorType>(op->getResult(0).getType()).getShape().back();
}

// A norm stands right after the sub-layer that alone uses it.
Order normOrder(Operation *op) {
  for (Operation *user : op->getUsers()) {
    if (isa<CcgqaOp, GqaOp>(user))
      return kAttentionNorm;
    if (isa<MlpOp, DepthRoutingOp>(user))
      return kMlpNorm;
  }
  return kOtherNorm;
}

// MLP passes and blocks of the model together: N R of model.md 12.
int64_t residualUpdates(LanguageModelOp model) {
  int64_t updates = 0;
  model.walk([&](BlocksOp blocks) {
    int64_t passes = 1;
    blocks.walk([&](RecursionOp recursion) {
      passes = std::max<int64_t>(passes, recursion.getRecursions());
    });
    updates += static_cast<int64_t>(blocks.getCount()) * passes;
  });
  return std::max<int64_t>(1, updates);
}

} // namespace

static LogicalResult check(Operation *op, StringRef name, uint64_t value, int64_t limit) {
  if (value <= static_cast<uint64_t>(limit))
    return success();
  return op->emitError("expected ") << name << " <= " << limit << ", found " << value;
}

// The result of a structural op is a float32 stream of known, not absurd, width. Foreign ops are
// somebody else's concern.
static LogicalResult checkStream(Operation *op) {
  if (!op->hasTrait<ModelTier>() || isa<WeightOp, CallOp>(op))
    return success();
  for (Type type : op->getResultTypes()) {
    auto stream = cast<RankedTensorType>(type);
    if (!stream.getElementType().isF32())
      return op->emitError("expected a float32 stream before the precision stage, found ") << type;
    if (ShapedType::isDynamic(stream.getShape().back()))
      return op->emitError("expected a stream of known width, found ") << type;
    if (failed(check(op, "width", stream.getShape().back(),
                     isa<LmHeadOp>(op) ? kMaxExtent : kMaxWidth)))
      return failure();
  }
  return success();
}

// Extents of a parameter of the spec's own, one by one and multiplied.
static LogicalResult checkWeight(WeightOp op) {
  constexpr int64_t kMaxElements = kMaxExtent * kMaxWidth;
  int64_t elements = 1;
  for (int64_t extent : cast<RankedTensorType>(op.getType()).getShape()) {
    if (failed(check(op, "extent", extent, kMaxExtent)))
      return failure();
    if (extent > 0 && elements > kMaxElements / extent)
      return op.emitError("expected at most ")
             << kMaxElements << " elements, found " << op.getType();
    elements *= extent;
  }
  return success();
}

static LogicalResult checkHeads(GqaOp op) {
  if (failed(check(op, "heads", op.getHeads(), kMaxWidth)) ||
      failed(check(op, "head_dim", op.headWidth(), kMaxWidth)))
    return failure();
  return check(op, "heads * head_dim", op.getHeads() * op.headWidth(), kMaxWidth);
}

LogicalResult hydra::checkSizes(Operation *root) {
  WalkResult result = root->walk([&](Operation *op) -> WalkResult {
    if (auto model = dyn_cast<LanguageModelOp>(op))
      return failure(failed(check(op, "vocab_size", model.getVocabSize(), kMaxExtent)) ||
                     failed(check(op, "dim", model.getDim(), kMaxWidth)) ||
                     failed(check(op, "max_seq_len", model.getMaxSeqLen(), kMaxExtent)));
    if (failed(checkStream(op)))
      return failure();
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case<BlocksOp>([&](auto o) { return check(o, "count", o.getCount(), kMaxRepetition); })
        .Case<RecursionOp>(
            [&](auto o) { return check(o, "passes", o.getRecursions(), kMaxRepetition); })
        .Case<ExpertsOp>(
            [&](auto o) { return check(o, "experts", o.getExperts(), kMaxRepetition); })
        .Case<WeightOp>([](auto o) { return checkWeight(o); })
        .Case<GqaOp>([](auto o) { return checkHeads(o); })
        .Case<MlpOp>([&](auto o) { return check(o, "hidden", o.getHidden(), kMaxExtent); })
        .Case<CcgqaOp>([&](auto o) {
          return check(o, "conv_kernel_size", o.getConvKernelSize(), kMaxRepetition);
        })
        .Default([](Operation *) { return success(); });
  });
  return failure(result.wasInterrupted());
}

AttentionSizes hydra::attentionSizes(CcgqaOp op) {
  AttentionSizes sizes;
  sizes.width = widthOf(op);
  sizes.heads = op.getHeads();
  sizes.kvHeads = op.getKvHeads();
  sizes.latent = sizes.width / static_cast<int64_t>(op.getCompression());
  sizes.headDim = sizes.latent / sizes.heads;
  sizes.kv = sizes.kvHeads * sizes.headDim;
  sizes.window = op.getConvKernelSize();
  return sizes;
}

std::string hydra::joinScope(StringRef scope, StringRef name) {
  if (scope.empty() || name.empty())
    return (scope + name).str();
  return (scope + "." + name).str();
}

SmallVector<int64_t> hydra::expertPlacement(int64_t count, int64_t wanted) {
  SmallVector<int64_t> picked;
  int64_t inner = count - 2;
  if (inner <= 0 || wanted <= 0)
    return picked;
  if (wanted >= inner) {
    for (int64_t block = 1; block <= inner; ++block)
      picked.push_back(block);
    return picked;
  }
  double stride = static_cast<double>(inner) / static_cast<double>(wanted + 1);
  for (int64_t j = 1; j <= wanted; ++j) {
    int64_t block = std::clamp<int64_t>(static_cast<int64_t>(j * stride), 1, inner);
    if (!llvm::is_contained(picked, block))
      picked.push_back(block);
  }
  for (int64_t block = 1; block <= inner && static_cast<int64_t>(picked.size()) < wanted; ++block)
    if (!llvm::is_contained(picked, block))
      picked.push_back(block);
  llvm::sort(picked);
  return picked;
}

double hydra::automaticBalanceWeight(int64_t blocks, int64_t recursions, int64_t width) {
  double depth = static_cast<double>(blocks) * static_cast<double>(recursions) / 32;
  return 0.5 * std::max(1.0, depth) * std::max(1.0, std::sqrt(static_cast<double>(width) / 768));
}

OptimizerFactors hydra::optimizerFactors(StringRef name, bool hasExperts) {
  std::string lower = name.lower();
  StringRef n = lower;
  double decay = n.contains("weight") && !n.contains("norm") ? 1.0 : 0.0;
  if (n.contains("embed") || n.contains("tok_emb"))
    return {0.1, 0.0};
  if (hasExperts && n.contains("moe_layers") && n.contains("experts"))
    return {0.5, 3.0 * decay};
  if (hasExperts && n.contains("moe_layers") && n.contains("router"))
    return {3.0, decay};
  return {1.0, decay};
}

Parameter &Collector::add(Operation *op, const Place &place, const Twine &name,
                          ArrayRef<int64_t> shape, Order order) {
  Parameter parameter{.name = joinScope(place.scope, name.str()),
                      .shape = SmallVector<int64_t>(shape),
                      .init = InitKind::normal,
                      .initial = kMatrixDeviation,
                      .residualScale = 1.0,
                      .aliases = {},
                      .learningRate = {},
                      .decay = {},
                      .location = op->getLoc(),
                      .order = {order, table.size()}};
  return table.emplace_back(std::move(parameter));
}

Parameter &Collector::addConstant(Operation *op, const Place &place, const Twine &name,
                                  ArrayRef<int64_t> shape, Order order, double value) {
  Parameter &parameter = add(op, place, name, shape, order);
  parameter.init = InitKind::constant;
  parameter.initial = value;
  return parameter;
}

void Collector::collectAttention(CcgqaOp op, const Place &place) {
  AttentionSizes s = attentionSizes(op);
  Place inside = place;
  inside.scope = joinScope(place.scope, op.getName());
  addConstant(op, inside, "key_temperature", {1}, kAttention,
              std::sqrt(static_cast<double>(s.headDim)));
  add(op, inside, "qkv_proj.weight", {s.latent + 2 * s.kv, s.width}, kAttention);
  add(op, inside, "o_proj.weight", {s.width, s.latent}, kAttention).residualScale = scale;
  if (!op.getConvs())
    return;
  for (auto [side, channels] : {std::pair("q", s.latent), std::pair("k", s.kv)}) {
    add(op, inside, Twine(side) + "_conv.conv1.weight", {channels, s.headDim, s.window},
        kAttention);
    add(op, inside, Twine(side) + "_conv.conv2.weight", {channels, channels, s.window}, kAttention);
  }
}

void Collector::collectAffine(Operation *op, const Place &place, const Twine &name,
                              ArrayRef<int64_t> matrix, Order order, bool bias, bool residual) {
  add(op, place, name + ".weight", matrix, order).residualScale = residual ? scale : 1.0;
  if (bias)
    addConstant(op, place, name + ".bias", matrix.front(), order, 0.0);
}

void Collector::collectDenseAttention(GqaOp op, const Place &place) {
  int64_t queries = static_cast<int64_t>(op.getHeads()) * op.headWidth();
  int64_t keys = op.keyHeads() * op.headWidth(), width = widthOf(op);
  Place inside = place;
  inside.scope = joinScope(place.scope, op.getName());
  collectAffine(op, inside, "qkv_proj", {queries + 2 * keys, width}, kAttention, op.getBias(),
                /*residual=*/false);
  collectAffine(op, inside, "o_proj", {width, queries}, kAttention, op.getBias(),
                /*residual=*/true);
}

void Collector::collectLayerNorm(LayerNormOp op, const Place &place) {
  Order order = normOrder(op);
  addConstant(op, place, op.getName() + ".weight", {widthOf(op)}, order, 1.0).decay = 0.0;
  if (op.getBias())
    addConstant(op, place, op.getName() + ".bias", {widthOf(op)}, order, 0.0).decay = 0.0;
}

void Collector::collectWeight(WeightOp op, const Place &place) {
  Parameter &parameter =
      add(op, place, op.getName(), cast<RankedTensorType>(op.getType()).getShape(), kOtherNorm);
  if (InitAttr init = op.getInitAttr()) {
    parameter.init = init.getKind();
    parameter.initial = init.getValue().getValueAsDouble();
  }
  if (op.getResidual())
    parameter.residualScale = scale;
  if (auto factor = op.getLrFactor())
    parameter.learningRate = factor->convertToDouble();
  if (auto factor = op.getDecayFactor())
    parameter.decay = factor->convertToDouble();
}

LogicalResult Collector::collectCall(CallOp op, const Place &place) {
  Place inside = place;
  inside.scope = joinScope(place.scope, op.getName());
  Block &body = calledFunction(op).getBody().front();
  for (Operation &inner : body)
    if (isa<TokenEmbeddingOp, PositionEmbeddingOp, LmHeadOp, BlocksOp, RecursionOp, DepthRoutingOp,
            ExpertsOp>(inner))
      return (
          inner.emitOpError("belongs into hydra.model itself, not into a function that it calls")
              .attachNote(op.getLoc())
          << "called here");
  return collectBody(body, inside);
}

void Collector::collectMlp(MlpOp op, const Place &place) {
  int64_t hidden = op.getHidden(), width = widthOf(op);
  Place inside = place;
  inside.scope = joinScope(place.scope, op.getName());
  size_t first = table.size();
  add(op, inside, "gate_up.weight", {2 * hidden, width}, kMlp);
  // Corrected rule Q13: experts start small.
  bool small =
      isa<ExpertsOp>(op->getParentOp()) && ModelRules::parse(model.getRules())->smallExperts;
  add(op, inside, "down.weight", {width, hidden}, kMlp).residualScale = small ? 0.1 * scale : scale;
  // The state dict lists the MLP under its wrapper again.
  if (isa<DepthRoutingOp>(op->getParentOp()) && hasDepthRouter(place.block, place.count))
    for (Parameter &parameter : MutableArrayRef<Parameter>(table).drop_front(first))
      parameter.aliases.push_back(
          joinScope(place.scope, "mod_mlp_wrapper" + parameter.name.substr(place.scope.size())));
}

void Collector::collectRecursion(RecursionOp op, const Place &place) {
  int64_t width = widthOf(op), passes = op.getRecursions();
  double sigma = depthScale(width, op.getDimRef(), op.getDepthAlpha().convertToDouble(),
                            op.getDepthScaleMax().convertToDouble());
  add(op, place, "mor_router.router.weight", {1, width}, kRecursion);
  addConstant(op, place, "mor_router.router.bias", {1}, kRecursion,
              clippedLogit(recursionTarget(place.block, place.count, sigma)));
  addConstant(op, place, "mor_executor.recursion_bias", {passes, 1, 1, width}, kRecursion, 0.0);
  add(op, place, "mor_executor.recursion_embed.weight", {passes, width}, kRecursion);
}

LogicalResult Collector::collectExperts(ExpertsOp op, const Place &place) {
  if (!op->getParentOfType<BlocksOp>())
    return op.emitOpError("expected to stand inside hydra.blocks, after one of which each expert "
                          "layer is placed");
  if (!llvm::is_contained(expertPlacement(place.count, op.getLayers()), place.block))
    return success();
  SmallVector<Parameter> around;
  std::swap(around, table);
  Place inside = place;
  inside.scope = "moe_layers." + std::to_string(expertLayers++);
  addConstant(op, inside, "residual_alpha", {}, kMlp, op.getIdentityInit() ? 0.0 : 1.0);
  addConstant(op, inside, "norm.weight", {widthOf(op)}, kMlp, 1.0);
  add(op, inside, "router.gate.weight", {static_cast<int64_t>(op.getExperts()), widthOf(op)}, kMlp);
  std::string layer = inside.scope;
  for (int64_t e = 0, count = op.getExperts(); e < count; ++e) {
    inside.scope = layer + ".experts." + std::to_string(e);
    if (failed(collectBody(op.getBody().front(), inside)))
      return failure();
  }
  experts.append(std::make_move_iterator(table.begin()), std::make_move_iterator(table.end()));
  table = std::move(around);
  return success();
}

LogicalResult Collector::collectBlocks(BlocksOp op, const Place &place) {
  if (op->getParentOfType<BlocksOp>())
    return op.emitOpError("may not stand inside another hydra.blocks");
  for (int64_t i = 0, count = op.getCount(); i < count; ++i) {
    size_t first = table.size();
    Place inside{joinScope(joinScope(place.scope, op.getName()), std::to_string(i)), i, count};
    if (failed(collectBody(op.getBody().front(), inside)))
      return failure();
    llvm::sort(table.begin() + first, table.end(),
               [](const auto &a, const auto &b) { return a.order < b.order; });
  }
  table.append(std::make_move_iterator(experts.begin()), std::make_move_iterator(experts.end()));
  experts.clear();
  return success();
}

LogicalResult Collector::collectBody(Block &body, const Place &place) {
  for (Operation &op : body.without_terminator()) {
    LogicalResult result =
        TypeSwitch<Operation *, LogicalResult>(&op)
            .Case<TokenEmbeddingOp>([&](auto o) {
              int64_t vocabulary = model.getVocabSize();
              Parameter &weight =
                  add(o, place, o.getName() + ".weight", {vocabulary, widthOf(o)}, kOtherNorm);
              for (auto head : model.getBody().getOps<LmHeadOp>())
                if (head.getTied())
                  weight.aliases = {"output.weight"};
              return success();
            })
            .Case<PositionEmbeddingOp>([&](auto o) {
              int64_t positions = model.getMaxSeqLen();
              add(o, place, o.getName() + ".weight", {positions, widthOf(o)}, kOtherNorm);
              return success();
            })
            .Case<WeightOp>([&](auto o) { return collectWeight(o, place), success(); })
            .Case<LinearOp>([&](auto o) {
              int64_t inputs = cast<RankedTensorType>(o.getX().getType()).getShape()[2];
              collectAffine(o, place, o.getName(), {widthOf(o), inputs}, kOtherNorm, o.getBias(),
                            o.getResidual());
              return success();
            })
            .Case<LayerNormOp>([&](auto o) { return collectLayerNorm(o, place), success(); })
            .Case<GqaOp>([&](auto o) { return collectDenseAttention(o, place), success(); })
            .Case<CallOp>([&](auto o) { return collectCall(o, place); })
            .Case<NormOp>([&](auto o) {
              addConstant(o, place, o.getName() + ".weight", {widthOf(o)}, normOrder(o), 1.0);
              return success();
            })
            .Case<LmHeadOp>([&](auto o) {
              int64_t width = cast<RankedTensorType>(o.getX().getType()).getShape()[2];
              if (!o.getTied())
                add(o, place, "output.weight", {widthOf(o), width}, kOtherNorm);
              return success();
            })
            .Case<CcgqaOp>([&](auto o) { return collectAttention(o, place), success(); })
            .Case<MlpOp>([&](auto o) { return collectMlp(o, place), success(); })
            .Case<RecursionOp>([&](auto o) {
              collectRecursion(o, place);
              return collectBody(o.getBody().front(), place);
            })
            .Case<DepthRoutingOp>([&](auto o) {
              if (hasDepthRouter(place.block, place.count)) {
                add(o, place, "mod_mlp_wrapper.mod_router.router.weight", {1, widthOf(o)},
                    kDepthRouter);
                addConstant(o, place, "mod_mlp_wrapper.mod_router.router.bias", {1}, kDepthRouter,
                            clippedLogit(o.getCapacity().convertToDouble()));
              }
              return collectBody(o.getBody().front(), place);
            })
            .Case<BlocksOp>([&](auto o) { return collectBlocks(o, place); })
            .Case<ExpertsOp>([&](auto o) { return collectExperts(o, place); })
            .Case<ResidualOp>([](auto) { return success(); })
            .Default([](Operation *o) -> LogicalResult {
              if (o->hasTrait<PrimitiveTier>())
                return success();
              return o->emitError("expected an op of the hydra dialect inside hydra.model, found ")
                     << o->getName()
                     << (isa<func::CallOp>(o)
                             ? "; a block of the spec's own is called by hydra.call"
                             : "");
            });
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult Collector::checkUnique() {
  llvm::StringMap<Location> seen;
  for (const Parameter &parameter : table) {
    auto [it, inserted] = seen.try_emplace(parameter.name, parameter.location);
    if (!inserted)
      return (emitError(parameter.location) << "two ops claim the parameter '" << parameter.name
                                            << "'; give one of them another name")
                 .attachNote(it->second)
             << "the other one is here";
  }
  return success();
}

FailureOr<SmallVector<Parameter>> Collector::collect() {
  if (failed(checkSizes(model)) || failed(checkCalls(model)))
    return failure();
  scale = residualScale(residualUpdates(model));
  if (failed(collectBody(model.getBody().front(), Place())) || failed(checkUnique()))
    return failure();
  return std::move(table);
}

FailureOr<SmallVector<Parameter>> hydra::collectParameters(LanguageModelOp model) {
  return Collector(model).collect();
}
