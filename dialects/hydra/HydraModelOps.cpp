// Verifiers of the structural ops (HydraModelOps.td).
#include "dialects/hydra/HydraDialect.h"
#include "dialects/hydra/ModelRules.h"

#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

// "nothing", or the types of a list.
static std::string textOf(TypeRange types) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleaveComma(types, stream, [&](Type type) { stream << "'" << type << "'"; });
  return types.empty() ? "nothing" : text;
}

// The body takes one value of type `argument`.
static LogicalResult verifyArgument(Operation *op, Type argument) {
  Block &block = op->getRegion(0).front();
  if (block.getNumArguments() == 1 && block.getArgument(0).getType() == argument)
    return success();
  return op->emitOpError("expected a body with one argument of type ")
         << argument << ", found " << textOf(block.getArgumentTypes());
}

// The body ends in a yield; the place of a wrong one is the yield.
static FailureOr<YieldOp> verifyYield(Operation *op) {
  Operation *last = op->getRegion(0).front().getTerminator();
  if (auto yield = dyn_cast<YieldOp>(last))
    return yield;
  (op->emitOpError("expected a body that ends in hydra.yield, found ") << last->getName())
          .attachNote(last->getLoc())
      << "the body ends here";
  return failure();
}

// The one-argument body of a structural op maps the operand's type to itself.
static LogicalResult verifyStreamBody(Operation *op, Type type) {
  if (failed(verifyArgument(op, type)))
    return failure();
  FailureOr<YieldOp> yield = verifyYield(op);
  if (failed(yield))
    return failure();
  if (yield->getNumOperands() != 1 || yield->getOperand(0).getType() != type)
    return yield->emitOpError("expected one value of type ")
           << type << ", as " << op->getName() << " takes, found "
           << textOf(yield->getOperandTypes());
  if (op->getResult(0).getType() != type)
    return op->emitOpError("expected a result of type ")
           << type << ", found " << op->getResult(0).getType();
  return success();
}

static LogicalResult verifyAtLeast(Operation *op, StringRef name, int64_t least, int64_t value) {
  if (value >= least)
    return success();
  return op->emitOpError("expected ") << name << " >= " << least << ", found " << value;
}

static LogicalResult verifyNotNegative(Operation *op, StringRef name, const llvm::APFloat &number) {
  double value = number.convertToDouble();
  if (value >= 0)
    return success();
  return op->emitOpError("expected ") << name << " >= 0, found " << value;
}

LogicalResult LanguageModelOp::verify() {
  // model C1
  if (failed(verifyAtLeast(*this, "vocab_size", 1, getVocabSize())) ||
      failed(verifyAtLeast(*this, "dim", 1, getDim())) ||
      failed(verifyAtLeast(*this, "max_seq_len", 1, getMaxSeqLen())))
    return failure();
  // model C3
  if (!ModelRules::parse(getRules()))
    return emitOpError("expected rules = ")
           << ModelRules::expected() << ", found \"" << getRules() << "\"";
  // model C2
  auto tokens = RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                                      IntegerType::get(getContext(), 32));
  if (failed(verifyArgument(*this, tokens)))
    return failure();
  FailureOr<YieldOp> yield = verifyYield(*this);
  if (failed(yield))
    return failure();
  auto logits = yield->getNumOperands() == 1
                    ? dyn_cast<RankedTensorType>(yield->getOperand(0).getType())
                    : RankedTensorType();
  if (!logits || logits.getRank() != 3 ||
      logits.getShape()[2] != static_cast<int64_t>(getVocabSize()))
    return yield->emitOpError("expected logits of type tensor<?x?x")
           << getVocabSize() << "xf32>, the model's vocab_size, found "
           << textOf(yield->getOperandTypes());
  // model C4
  SmallVector<TokenEmbeddingOp> embeddings(getBody().getOps<TokenEmbeddingOp>());
  if (embeddings.size() != 1)
    return emitOpError("expected exactly one hydra.token_embedding, found ")
           << static_cast<int64_t>(embeddings.size());
  return success();
}

LogicalResult ParamOp::verify() {
  // param C1
  if (!cast<RankedTensorType>(getType()).hasStaticShape())
    return emitOpError("expected a static shape, found ") << getType();
  // param C2
  if (failed(verifyNotNegative(*this, "lr_factor", getLrFactor())))
    return failure();
  return verifyNotNegative(*this, "decay_factor", getDecayFactor());
}

double TokenEmbeddingOp::factor() {
  double width = static_cast<double>(cast<RankedTensorType>(getType()).getShape()[2]);
  return getScale() ? getScale()->convertToDouble() : std::sqrt(width);
}

LogicalResult TokenEmbeddingOp::verify() {
  // token_embedding C2
  if (getScale() && getScale()->isZero())
    return emitOpError("expected a scale that is not zero, or none for sqrt(width); found 0");
  // token_embedding C1
  auto model = (*this)->getParentOfType<LanguageModelOp>();
  int64_t width = cast<RankedTensorType>(getType()).getShape()[2];
  if (model && width != static_cast<int64_t>(model.getDim()))
    return (emitOpError("expected width ")
            << model.getDim() << ", the model's dim, found " << width)
               .attachNote(model.getLoc())
           << "dim is set here";
  return success();
}

LogicalResult BlocksOp::verify() {
  // blocks C1
  if (failed(verifyAtLeast(*this, "count", 1, getCount())))
    return failure();
  // blocks C2
  return verifyStreamBody(*this, getX().getType());
}

LogicalResult NormOp::verify() {
  // norm C1
  if (getEps().convertToDouble() > 0)
    return success();
  return emitOpError("expected eps > 0, found ")
         << getEps().convertToDouble() << "; the mean square of a row may be zero";
}

LogicalResult CcgqaOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads(), compression = getCompression();
  int64_t width = cast<RankedTensorType>(getType()).getShape()[2];
  // ccgqa C1
  if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0)
    return emitOpError("expected kv_heads to divide heads, found ")
           << heads << " heads and " << kvHeads << " kv_heads";
  // ccgqa C2
  int64_t latent = compression >= 1 ? width / compression : 0;
  if (latent < heads || latent % heads != 0)
    return emitOpError("expected width / compression to be a positive multiple of ")
           << heads << " heads, found " << width << " / " << compression << " = " << latent;
  // ccgqa C3
  if (latent / heads % 2 != 0)
    return emitOpError("expected an even head width, found ")
           << latent / heads << "; change heads, compression or the model's dim";
  // ccgqa C4
  return verifyAtLeast(*this, "conv_kernel_size", 1, getConvKernelSize());
}

LogicalResult MlpOp::verify() {
  // mlp C1
  return verifyAtLeast(*this, "hidden", 1, getHidden());
}

LogicalResult RecursionOp::verify() {
  int64_t passes = getRecursions(), minDepth = getMinDepth();
  // recursion C1
  if (passes < 1)
    return emitOpError("expected at least one pass, found ") << passes;
  // recursion C2
  if (minDepth < 0 || minDepth >= passes)
    return emitOpError("expected 0 <= min_depth < ") << passes << ", found " << minDepth;
  // recursion C4
  if (failed(verifyAtLeast(*this, "warmup", 0, getWarmup())) ||
      failed(verifyAtLeast(*this, "dim_ref", 1, getDimRef())) ||
      failed(verifyNotNegative(*this, "advantage_scale", getAdvantageScale())))
    return failure();
  if (getDepthScaleMax().convertToDouble() < 1)
    return emitOpError("expected depth_scale_max >= 1, found ")
           << getDepthScaleMax().convertToDouble();
  // recursion C3
  return verifyStreamBody(*this, getX().getType());
}

LogicalResult DepthRoutingOp::verify() {
  double capacity = getCapacity().convertToDouble();
  // depth_routing C1
  if (!(capacity > 0 && capacity <= 1))
    return emitOpError("expected 0 < capacity <= 1, found ") << capacity;
  // depth_routing C2
  if (auto weight = getAuxWeight();
      weight && failed(verifyNotNegative(*this, "aux_weight", *weight)))
    return failure();
  if (failed(verifyNotNegative(*this, "loss_aware_weight", getLossAwareWeight())) ||
      failed(verifyNotNegative(*this, "predictor_weight", getPredictorWeight())) ||
      failed(verifyAtLeast(*this, "warmup", 0, getWarmup())))
    return failure();
  // depth_routing C3
  return verifyStreamBody(*this, getX().getType());
}

LogicalResult ExpertsOp::verify() {
  int64_t experts = getExperts(), topK = getTopK();
  // experts C1
  if (experts < 1)
    return emitOpError("expected at least one expert, found ") << experts;
  // experts C2
  if (topK < 1 || topK > experts)
    return emitOpError("expected 1 <= top_k <= ") << experts << ", found " << topK;
  // experts C3
  if (failed(verifyAtLeast(*this, "layers", 0, getLayers())))
    return failure();
  // experts C5
  if (failed(verifyNotNegative(*this, "aux_weight", getAuxWeight())) ||
      failed(verifyNotNegative(*this, "router_jitter", getRouterJitter())) ||
      failed(verifyAtLeast(*this, "warmup_steps", 0, getWarmupSteps())) ||
      failed(verifyAtLeast(*this, "forced_routing_steps", 0, getForcedRoutingSteps())) ||
      failed(verifyAtLeast(*this, "teacher_until_step", 0, getTeacherUntilStep())))
    return failure();
  if (auto factor = getCapacityFactor();
      factor && failed(verifyNotNegative(*this, "capacity_factor", *factor)))
    return failure();
  // experts C4
  return verifyStreamBody(*this, getX().getType());
}

LogicalResult LmHeadOp::verify() {
  // lm_head C1
  auto model = (*this)->getParentOfType<LanguageModelOp>();
  int64_t extent = cast<RankedTensorType>(getType()).getShape()[2];
  if (model && extent != static_cast<int64_t>(model.getVocabSize()))
    return (emitOpError("expected ")
            << model.getVocabSize() << " logits, the model's vocab_size, found " << extent)
               .attachNote(model.getLoc())
           << "vocab_size is set here";
  return success();
}
