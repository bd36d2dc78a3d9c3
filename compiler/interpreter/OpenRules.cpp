// Interpretation of what a spec's own blocks are made of (HydraOpenOps.td), from its definition and
// not by way of the primitives it is lowered to.
#include "compiler/interpreter/DenseAttention.h"
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/ModelState.h"
#include "dialects/hydra/RopeTable.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult interpretWeight(WeightOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  const TensorValue *weight =
      state->parameter(op, op.getName(), cast<RankedTensorType>(op.getType()).getShape());
  if (!weight)
    return failure();
  frame.set(op.getResult(), *weight);
  return success();
}

// x W^T, plus the bias if there is one.
static FailureOr<TensorValue> affine(Operation *op, const ModelState &state,
                                     const std::string &name, const TensorValue &x, int64_t outputs,
                                     bool bias) {
  const TensorValue *weight = state.parameter(op, name + ".weight", {outputs, x.columns()});
  const TensorValue *offset = bias ? state.parameter(op, name + ".bias", {outputs}) : nullptr;
  if (!weight || (bias && !offset))
    return failure();
  TensorValue y = linear(x, *weight);
  for (int64_t row = 0; bias && row < y.rows(); ++row)
    for (int64_t j = 0; j < outputs; ++j)
      y.row(row)[j] += (*offset)[j];
  return y;
}

static LogicalResult interpretLinear(LinearOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  FailureOr<TensorValue> y =
      affine(op, *state, op.getName().str(), frame.get(op.getX()),
             cast<RankedTensorType>(op.getType()).getShape().back(), op.getBias());
  if (failed(y))
    return failure();
  frame.set(op.getResult(), *std::move(y));
  return success();
}

static LogicalResult interpretLayerNorm(LayerNormOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  TensorValue x = frame.get(op.getX());
  int64_t width = x.columns();
  std::string name = op.getName().str();
  const TensorValue *weight = state->parameter(op, name + ".weight", {width});
  const TensorValue *bias = op.getBias() ? state->parameter(op, name + ".bias", {width}) : nullptr;
  if (!weight || (op.getBias() && !bias))
    return failure();
  double count = static_cast<double>(width), eps = op.getEps().convertToDouble();
  for (int64_t row = 0; row < x.rows(); ++row) {
    double *values = x.row(row), mean = 0.0, variance = 0.0;
    for (int64_t j = 0; j < width; ++j)
      mean += values[j] / count;
    for (int64_t j = 0; j < width; ++j)
      variance += (values[j] - mean) * (values[j] - mean) / count;
    for (int64_t j = 0; j < width; ++j)
      values[j] =
          (values[j] - mean) / std::sqrt(variance + eps) * (*weight)[j] + (bias ? (*bias)[j] : 0.0);
  }
  frame.set(op.getResult(), std::move(x));
  return success();
}

static LogicalResult interpretPositionEmbedding(PositionEmbeddingOp op, InterpreterFrame &frame) {
  ModelState *state = requireModel(op, frame);
  if (!state)
    return failure();
  ArrayRef<int64_t> shape = frame.get(op.getTokens()).shape();
  int64_t positions = state->model.getMaxSeqLen(), width = state->model.getDim();
  const TensorValue *table =
      state->parameter(op, (op.getName() + ".weight").str(), {positions, width});
  if (!table)
    return failure();
  if (shape[1] > positions)
    return op.emitOpError("expected at most max_seq_len = ")
           << positions << " tokens, found " << shape[1];
  auto type = cast<RankedTensorType>(op.getType());
  TensorValue result(*elementKindOf(type.getElementType()), {shape[0], shape[1], width});
  for (int64_t row = 0; row < result.rows(); ++row)
    std::copy_n(table->row(row % shape[1]), width, result.row(row));
  frame.set(op.getResult(), std::move(result));
  return success();
}

// The first columns of every row, from `first` on.
static TensorValue columnsOf(const TensorValue &x, int64_t first, int64_t count) {
  TensorValue result(x.kind(), {x.shape()[0], x.shape()[1], count});
  for (int64_t row = 0; row < x.rows(); ++row)
    std::copy_n(x.row(row) + first, count, result.row(row));
  return result;
}

static LogicalResult interpretGqa(GqaOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  const TensorValue &x = frame.get(op.getX());
  AttentionHeads heads{x.shape()[0], x.shape()[1], static_cast<int64_t>(op.getHeads()),
                       op.keyHeads(), op.headWidth()};
  int64_t queries = heads.heads * heads.headWidth, keys = heads.kvHeads * heads.headWidth;
  std::string name = op.getName().str();
  FailureOr<TensorValue> joined =
      affine(op, *state, name + ".qkv_proj", x, queries + 2 * keys, op.getBias());
  if (failed(joined))
    return failure();
  TensorValue q = columnsOf(*joined, 0, queries), k = columnsOf(*joined, queries, keys),
              v = columnsOf(*joined, queries + keys, keys);
  if (op.getRope()) {
    std::vector<float> table = ropeTable(heads.length, heads.headWidth, op.rotaryBase());
    rotatePairs(q, heads.length, heads.headWidth, table);
    rotatePairs(k, heads.length, heads.headWidth, table);
  }
  FailureOr<TensorValue> y = affine(op, *state, name + ".o_proj", attendCausally(q, k, v, heads),
                                    x.columns(), op.getBias());
  if (failed(y))
    return failure();
  frame.set(op.getResult(), *std::move(y));
  return success();
}

static LogicalResult interpretCall(CallOp op, InterpreterFrame &frame) {
  ModelState *state = requireState(op, frame);
  if (!state)
    return failure();
  auto function = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
  Block &body = function.getBody().front();
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), op.getInputs()))
    frame.alias(argument, input);
  std::string outer = state->scope;
  state->scope = outer + op.getName().str() + ".";
  if (failed(frame.interpretBody(body)))
    return failure();
  state->scope = outer;
  for (auto [result, value] : llvm::zip_equal(op.getResults(), body.getTerminator()->getOperands()))
    frame.alias(result, value);
  return success();
}

void mlir::hydra::attachOpenInterpretation(MLIRContext *context) {
  attachInterpretation<WeightOp, interpretWeight>(context);
  attachInterpretation<LinearOp, interpretLinear>(context);
  attachInterpretation<LayerNormOp, interpretLayerNorm>(context);
  attachInterpretation<PositionEmbeddingOp, interpretPositionEmbedding>(context);
  attachInterpretation<GqaOp, interpretGqa>(context);
  attachInterpretation<CallOp, interpretCall>(context);
}
