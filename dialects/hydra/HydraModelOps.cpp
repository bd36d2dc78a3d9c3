// Verifiers of the structural ops (HydraModelOps.td).
#include "dialects/hydra/HydraDialect.h"

using namespace mlir;
using namespace mlir::hydra;

// The one-argument body of a structural op maps the operand's type to itself.
static LogicalResult verifyStreamBody(Operation *op, Type type) {
  Block &block = op->getRegion(0).front();
  if (block.getNumArguments() != 1 || block.getArgument(0).getType() != type)
    return op->emitOpError("expected a body with one argument of type ") << type;
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getNumOperands() != 1 || yield.getOperand(0).getType() != type)
    return op->emitOpError("expected a body that yields one value of type ") << type;
  if (op->getResult(0).getType() != type)
    return op->emitOpError("expected a result of type ")
           << type << ", found " << op->getResult(0).getType();
  return success();
}

static LogicalResult verifyNotNegative(Operation *op, StringRef name, double value) {
  if (value >= 0)
    return success();
  return op->emitOpError("expected ") << name << " >= 0, found " << value;
}

LogicalResult LanguageModelOp::verify() {
  // model C1
  if (static_cast<int64_t>(getVocabSize()) <= 0 || static_cast<int64_t>(getDim()) <= 0 ||
      static_cast<int64_t>(getMaxSeqLen()) <= 0)
    return emitOpError("expected positive vocab_size, dim and max_seq_len, found ")
           << getVocabSize() << ", " << getDim() << " and " << getMaxSeqLen();
  // model C3
  if (getRules() != "pytorch" && getRules() != "corrected")
    return emitOpError("expected rules = \"pytorch\" or \"corrected\", found \"")
           << getRules() << "\"";
  // model C2
  Block &block = getBody().front();
  auto tokens = RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                                      IntegerType::get(getContext(), 32));
  if (block.getNumArguments() != 1 || block.getArgument(0).getType() != tokens)
    return emitOpError("expected a body with one argument of type ") << tokens;
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  auto logits = yield && yield.getNumOperands() == 1
                    ? dyn_cast<RankedTensorType>(yield.getOperand(0).getType())
                    : RankedTensorType();
  if (!logits || logits.getRank() != 3 ||
      logits.getShape()[2] != static_cast<int64_t>(getVocabSize()))
    return emitOpError("expected a body that yields logits [?, ?, ") << getVocabSize() << "]";
  // model C4
  SmallVector<TokenEmbeddingOp> embeddings(getBody().getOps<TokenEmbeddingOp>());
  if (embeddings.size() != 1)
    return emitOpError("expected exactly one hydra.token_embedding, found ") << embeddings.size();
  return success();
}

LogicalResult ParamOp::verify() {
  // param C1
  if (!cast<RankedTensorType>(getType()).hasStaticShape())
    return emitOpError("expected a static shape, found ") << getType();
  // param C2
  if (failed(verifyNotNegative(*this, "lr_factor", getLrFactor().convertToDouble())))
    return failure();
  return verifyNotNegative(*this, "decay_factor", getDecayFactor().convertToDouble());
}

LogicalResult TokenEmbeddingOp::verify() {
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
  if (static_cast<int64_t>(getCount()) < 1)
    return emitOpError("expected count >= 1, found ") << getCount();
  // blocks C2
  return verifyStreamBody(*this, getX().getType());
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
  if (static_cast<int64_t>(getConvKernelSize()) < 1)
    return emitOpError("expected conv_kernel_size >= 1, found ") << getConvKernelSize();
  return success();
}

LogicalResult MlpOp::verify() {
  // mlp C1
  if (static_cast<int64_t>(getHidden()) < 1)
    return emitOpError("expected hidden >= 1, found ") << getHidden();
  return success();
}

LogicalResult RecursionOp::verify() {
  int64_t passes = getRecursions(), minDepth = getMinDepth();
  // recursion C1
  if (passes < 1)
    return emitOpError("expected at least one pass, found ") << passes;
  // recursion C2
  if (minDepth < 0 || minDepth >= passes)
    return emitOpError("expected 0 <= min_depth < ") << passes << ", found " << minDepth;
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
      weight && failed(verifyNotNegative(*this, "aux_weight", weight->convertToDouble())))
    return failure();
  if (failed(verifyNotNegative(*this, "loss_aware_weight", getLossAwareWeight().convertToDouble())))
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
  if (static_cast<int64_t>(getLayers()) < 0)
    return emitOpError("expected layers >= 0, found ") << getLayers();
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
