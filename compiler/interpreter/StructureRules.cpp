// Interpretation of the structural ops (HydraModelOps.td), straight from model.md and not by way of
// the primitives: an independent oracle for their lowering. Routing is in RoutingRules.cpp,
// attention in CcgqaRules.cpp.
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/MatrixProduct.h"
#include "compiler/interpreter/ModelState.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

const TensorValue *ModelState::parameter(Operation *op, StringRef name,
                                         ArrayRef<int64_t> shape) const {
  // An op with an empty name, as in attention alone, owns its parameters without a prefix.
  std::string fullName = scope + name.ltrim('.').str();
  auto found = bindings.find("parameter/" + fullName);
  auto describeShape = [](ArrayRef<int64_t> extents) {
    std::string text = "[";
    for (auto [index, extent] : llvm::enumerate(extents))
      text += (index ? ", " : "") + std::to_string(extent);
    return text + "]";
  };
  if (found == bindings.end()) {
    op->emitOpError("expected a parameter \"")
        << fullName << "\" of shape " << describeShape(shape) << ", found none of that name";
    return nullptr;
  }
  if (found->second.shape() != shape || found->second.kind() == ElementKind::i32) {
    op->emitOpError("expected parameter \"")
        << fullName << "\" with float elements and shape " << describeShape(shape) << ", found "
        << found->second.describeType();
    return nullptr;
  }
  return &found->second;
}

ModelState *mlir::hydra::requireState(Operation *op, InterpreterFrame &frame) {
  if (!frame.model())
    op->emitOpError("is of the model tier and cannot be interpreted inside a fusion");
  return frame.model();
}

ModelState *mlir::hydra::requireModel(Operation *op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (state && state->model)
    return state;
  if (state)
    op->emitOpError("can be interpreted inside hydra.model only, which gives it its sizes");
  return nullptr;
}

TensorValue mlir::hydra::linearRows(const TensorValue &x, const TensorValue &weight, int64_t first,
                                    int64_t count) {
  SmallVector<int64_t> shape(x.shape());
  shape.back() = count;
  TensorValue result(x.kind(), shape);
  addMatrixProduct(x.rows(), count, x.columns(), {x.data(), x.columns(), 1},
                   {weight.row(first), 1, weight.columns()}, result.data(), count);
  return result;
}

TensorValue mlir::hydra::linear(const TensorValue &x, const TensorValue &weight) {
  return linearRows(x, weight, 0, weight.rows());
}

static LogicalResult interpretTokenEmbedding(TokenEmbeddingOp op, InterpreterFrame &frame) {
  ModelState *state = requireModel(op, frame);
  if (!state)
    return failure();
  const TensorValue &tokens = frame.get(op.getTokens());
  int64_t vocabulary = state->model.getVocabSize(), width = state->model.getDim();
  const TensorValue *table =
      state->parameter(op, (op.getName() + ".weight").str(), {vocabulary, width});
  if (!table)
    return failure();
  auto type = cast<RankedTensorType>(op.getType());
  TensorValue result(*elementKindOf(type.getElementType()),
                     {tokens.shape()[0], tokens.shape()[1], width});
  double scale = op.factor();
  for (int64_t i = 0; i < tokens.size(); ++i) {
    int64_t token = std::clamp<int64_t>(static_cast<int64_t>(tokens[i]), 0, vocabulary - 1);
    for (int64_t j = 0; j < width; ++j)
      result.row(i)[j] = table->row(token)[j] * scale;
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretBlocks(BlocksOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  Block &body = op.getBody().front();
  std::string outerScope = state->scope;
  int64_t outerIndex = state->blockIndex, outerCount = state->blockCount;
  auto stream = frame.share(op.getX());
  state->blockCount = op.getCount();
  for (int64_t i = 0; i < state->blockCount; ++i) {
    state->blockIndex = i;
    state->scope = outerScope + op.getName().str() + "." + std::to_string(i) + ".";
    frame.bind(body.getArgument(0), stream);
    if (failed(frame.interpretBody(body)))
      return failure();
    stream = frame.share(body.getTerminator()->getOperand(0));
    state->blockOutputs[i] = *stream;
  }
  state->scope = outerScope;
  state->blockIndex = outerIndex;
  state->blockCount = outerCount;
  frame.bind(op.getResult(), stream);
  return success();
}

static LogicalResult interpretNorm(NormOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  TensorValue x = frame.get(op.getX());
  int64_t width = x.columns();
  const TensorValue *weight = state->parameter(op, (op.getName() + ".weight").str(), {width});
  if (!weight)
    return failure();
  double eps = op.getEps().convertToDouble();
  for (int64_t row = 0; row < x.rows(); ++row) {
    double *values = x.row(row), sum = 0.0;
    for (int64_t j = 0; j < width; ++j)
      sum += values[j] * values[j];
    double rms = std::sqrt(sum / static_cast<double>(width) + eps);
    for (int64_t j = 0; j < width; ++j)
      values[j] = values[j] / rms * (*weight)[j];
  }
  frame.set(op.getResult(), std::move(x));
  return success();
}

static LogicalResult interpretResidual(ResidualOp op, InterpreterFrame &frame) {
  TensorValue result = frame.get(op.getX());
  const TensorValue &branch = frame.get(op.getBranch());
  double scale = op.getScale().convertToDouble();
  for (int64_t i = 0; i < result.size(); ++i)
    result[i] += scale * branch[i];
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretMlp(MlpOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  const TensorValue &x = frame.get(op.getX());
  int64_t width = x.columns(), hidden = op.getHidden();
  std::string name = op.getName().str();
  const TensorValue *gateUp = state->parameter(op, name + ".gate_up.weight", {2 * hidden, width});
  const TensorValue *down = state->parameter(op, name + ".down.weight", {width, hidden});
  if (!gateUp || !down)
    return failure();
  TensorValue gate = linearRows(x, *gateUp, 0, hidden);
  TensorValue up = linearRows(x, *gateUp, hidden, hidden);
  for (int64_t i = 0; i < gate.size(); ++i)
    gate[i] = gate[i] / (1.0 + std::exp(-gate[i])) * up[i];
  frame.set(op.getResult(), linear(gate, *down));
  return success();
}

static LogicalResult interpretLmHead(LmHeadOp op, InterpreterFrame &frame) {
  ModelState *state = requireModel(op, frame);
  if (!state)
    return failure();
  const TensorValue &x = frame.get(op.getX());
  std::string name = "output.weight";
  if (op.getTied()) {
    auto embeddings = state->model.getBody().getOps<TokenEmbeddingOp>();
    name = ((*embeddings.begin()).getName() + ".weight").str();
  }
  int64_t vocabulary = state->model.getVocabSize();
  const TensorValue *weight = state->parameter(op, name, {vocabulary, x.columns()});
  if (!weight)
    return failure();
  frame.set(op.getResult(), linear(x, *weight));
  return success();
}

void mlir::hydra::attachStructureInterpretation(MLIRContext *context) {
  attachInterpretation<TokenEmbeddingOp, interpretTokenEmbedding>(context);
  attachInterpretation<BlocksOp, interpretBlocks>(context);
  attachInterpretation<NormOp, interpretNorm>(context);
  attachInterpretation<ResidualOp, interpretResidual>(context);
  attachInterpretation<MlpOp, interpretMlp>(context);
  attachInterpretation<LmHeadOp, interpretLmHead>(context);
}
