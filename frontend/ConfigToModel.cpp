#include "frontend/ConfigToModel.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class ModelBuilder {
public:
  ModelBuilder(ModuleOp module, const ModelConfig &config, Location location)
      : builder(OpBuilder::atBlockEnd(module.getBody())), config(config), location(location),
        stream(RankedTensorType::get(
            {ShapedType::kDynamic, ShapedType::kDynamic, config.attention.dim},
            builder.getF32Type())) {}

  void build();

private:
  // Fills the one-argument body of `op` with what `fill` makes of its argument.
  template <typename Fill> void body(Operation *op, Fill fill) {
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&op->getRegion(0), {}, {stream}, {location});
    Value result = fill(block->getArgument(0));
    YieldOp::create(builder, location, result);
  }

  IntegerAttr integer(int64_t value) { return builder.getI64IntegerAttr(value); }
  FloatAttr number(double value) { return builder.getF64FloatAttr(value); }
  FloatAttr number(std::optional<double> value) { return value ? number(*value) : FloatAttr(); }
  StringAttr text(StringRef value) { return builder.getStringAttr(value); }

  Value norm(Value x, StringRef name) {
    return NormOp::create(builder, location, stream, x, text(name), number(1e-6));
  }
  Value residual(Value x, Value branch, double scale) {
    return ResidualOp::create(builder, location, stream, x, branch, number(scale));
  }
  Value mlp(Value x, StringRef name) {
    return MlpOp::create(builder, location, stream, x, text(name), integer(config.hidden()));
  }
  Value plainBlock(Value x);
  Value routedBlock(Value x);
  Value routedMlp(Value x);
  Value experts(Value x);

  OpBuilder builder;
  const ModelConfig &config;
  Location location;
  RankedTensorType stream;
};

Value ModelBuilder::plainBlock(Value x) {
  Value attention =
      createAttention(builder, location, norm(x, "norm1"), "attention", config.attention);
  Value h = residual(x, attention, 1.0);
  return residual(h, mlp(norm(h, "norm2"), "mlp"), 1.0);
}

Value ModelBuilder::routedMlp(Value x) {
  if (config.modCapacity <= 0)
    return mlp(x, "mlp");
  auto routing =
      DepthRoutingOp::create(builder, location, stream, x, number(config.modCapacity),
                             number(config.auxLossWeight), integer(config.modMlpWarmup),
                             number(config.modLossAwareWeight), number(config.modPredictorWeight));
  body(routing, [&](Value token) { return mlp(token, "mlp"); });
  return routing.getResult();
}

Value ModelBuilder::experts(Value x) {
  auto layer = ExpertsOp::create(
      builder, location, stream, x, integer(config.moeNumExperts), integer(config.moeNumLayers),
      integer(config.moeTopK), number(config.moeAuxWeight), integer(config.moeWarmupSteps),
      number(config.moeCapacityFactor), number(config.moeRouterJitter),
      builder.getBoolAttr(config.moeIdentityInit), integer(config.moeForcedRoutingSteps),
      integer(config.moeTeacherUntilStep));
  body(layer, [&](Value token) { return mlp(token, ""); });
  return layer.getResult();
}

Value ModelBuilder::routedBlock(Value x) {
  Value attention =
      createAttention(builder, location, norm(x, "norm1"), "attention", config.attention);
  Value h = residual(x, attention, 0.5);
  auto recursion = RecursionOp::create(
      builder, location, stream, h, integer(config.recursionsPerBlock),
      builder.getBoolAttr(config.adaptive), integer(config.morMinDepth), integer(config.morWarmup),
      number(config.morAdvantageLossScale), integer(config.dimRef), number(config.depthAlpha),
      number(config.depthScaleMax));
  body(recursion, [&](Value state) { return routedMlp(norm(state, "norm2")); });
  Value y = norm(recursion.getResult(), "final_norm");
  return config.moeEnabled ? experts(y) : y;
}

void ModelBuilder::build() {
  auto model = LanguageModelOp::create(builder, location, text("model"), integer(config.vocabSize),
                                       integer(config.attention.dim), integer(config.maxSeqLen),
                                       text(config.rules));
  if (config.staticRoutingMode)
    model->setAttr(kRoutingAttrName, text("static"));
  auto tokens =
      RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic}, builder.getI32Type());
  auto logits = RankedTensorType::get(
      {ShapedType::kDynamic, ShapedType::kDynamic, config.vocabSize}, builder.getF32Type());
  Block *block = builder.createBlock(&model.getBody(), {}, {tokens}, {location});
  Value x =
      TokenEmbeddingOp::create(builder, location, stream, block->getArgument(0), text("tok_emb"),
                               /*scale=*/FloatAttr());
  auto blocks =
      BlocksOp::create(builder, location, stream, x, integer(config.nMorBlocks), text("layers"));
  body(blocks,
       [&](Value input) { return config.kind == "base" ? plainBlock(input) : routedBlock(input); });
  Value head = LmHeadOp::create(builder, location, logits, norm(blocks.getResult(), "norm"),
                                builder.getBoolAttr(config.tieWeights));
  YieldOp::create(builder, location, head);
}

} // namespace

Value mlir::hydra::createAttention(OpBuilder &builder, Location location, Value x, StringRef name,
                                   const AttentionConfig &config) {
  auto integer = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  auto flag = [&](bool value) { return builder.getBoolAttr(value); };
  return CcgqaOp::create(builder, location, x.getType(), x, builder.getStringAttr(name),
                         integer(config.nHeads), integer(config.nKvHeads),
                         integer(config.compressionFactor), integer(config.convKernelSize),
                         flag(config.useRope), flag(config.useQkNorm), flag(config.useConvs),
                         flag(config.useQkMean), flag(config.useValueShift));
}

void mlir::hydra::appendModel(ModuleOp module, const ModelConfig &config, Location location) {
  ModelBuilder(module, config, location).build();
}
