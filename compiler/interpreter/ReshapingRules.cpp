// Interpretation of the ops that only rename, split or join values (HydraElementwiseOps.td), and of
// fusions.
#include "compiler/interpreter/Interpretation.h"

using namespace mlir;
using namespace mlir::hydra;

static LogicalResult interpretStop(StopOp op, InterpreterFrame &frame) {
  frame.alias(op.getResult(), op.getX());
  return success();
}

static LogicalResult interpretAfter(AfterOp op, InterpreterFrame &frame) {
  frame.alias(op.getResult(), op.getX());
  return success();
}

static LogicalResult interpretReshape(ReshapeOp op, InterpreterFrame &frame) {
  TensorValue result = frame.get(op.getX());
  result.reshape(op.getShape());
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretSplit(SplitOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  int64_t rows = frame.rowCount(op.getRows(), x.rows()), offset = 0;
  for (Value value : op.getResults()) {
    TensorValue piece = frame.zerosLike(value);
    for (int64_t row = 0; row < rows; ++row)
      std::copy_n(x.row(row) + offset, piece.columns(), piece.row(row));
    piece.poisonRows(rows);
    offset += piece.columns();
    frame.set(value, std::move(piece));
  }
  return success();
}

static LogicalResult interpretConcat(ConcatOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t rows = frame.rowCount(op.getRows(), result.rows()), offset = 0;
  for (Value input : op.getInputs()) {
    const TensorValue &piece = frame.get(input);
    for (int64_t row = 0; row < rows; ++row)
      std::copy_n(piece.row(row), piece.columns(), result.row(row) + offset);
    offset += piece.columns();
  }
  result.poisonRows(rows);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretSliceRows(SliceRowsOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t entries = cast<RankedTensorType>(op.getX().getType()).getShape()[0];
  auto first = static_cast<int64_t>(op.getFirst()) * (x.size() / entries);
  std::copy_n(x.elements().begin() + first, result.size(), &result[0]);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretConcatRows(ConcatRowsOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t offset = 0;
  for (Value input : op.getInputs()) {
    const TensorValue &piece = frame.get(input);
    std::copy_n(piece.elements().begin(), piece.size(), &result[offset]);
    offset += piece.size();
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

// The body runs in a frame of its own, which ends with it.
static LogicalResult interpretFusion(FusionOp op, InterpreterFrame &frame) {
  Block &block = op.getBody().front();
  InterpreterFrame inner = frame.nested();
  for (auto [argument, input] : llvm::zip_equal(block.getArguments(), op.getInputs()))
    inner.bind(argument, frame.share(input));
  if (failed(inner.interpretBody(block)))
    return failure();
  for (auto [result, yielded] :
       llvm::zip_equal(op.getResults(), block.getTerminator()->getOperands()))
    frame.bind(result, inner.share(yielded));
  return success();
}

void mlir::hydra::attachReshapingInterpretation(MLIRContext *context) {
  attachInterpretation<StopOp, interpretStop>(context);
  attachInterpretation<AfterOp, interpretAfter>(context);
  attachInterpretation<ReshapeOp, interpretReshape>(context);
  attachInterpretation<SplitOp, interpretSplit>(context);
  attachInterpretation<ConcatOp, interpretConcat>(context);
  attachInterpretation<SliceRowsOp, interpretSliceRows>(context);
  attachInterpretation<ConcatRowsOp, interpretConcatRows>(context);
  attachInterpretation<FusionOp, interpretFusion>(context);
}
