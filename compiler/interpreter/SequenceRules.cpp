// Interpretation of the window ops along the sequence axis (HydraSequenceOps.td).
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/MatrixProduct.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::hydra;

// Whether the history of sequence `b` counts: not where the sequence begins.
static bool hasBegun(InterpreterFrame &frame, Value position, int64_t b) {
  return frame.integer(position, 1, b) > 0;
}

// x [B, S, C] with `before` rows in front of every sequence, from `history` [B, before, C]; zeros
// without one and where a sequence begins.
static TensorValue withHistory(InterpreterFrame &frame, Value x, Value history, Value position,
                               int64_t before) {
  const TensorValue &current = frame.get(x);
  int64_t batch = current.shape()[0], length = current.shape()[1], channels = current.columns();
  TensorValue result(current.kind(), {batch, before + length, channels});
  for (int64_t b = 0; b < batch; ++b) {
    double *out = result.row(b * (before + length));
    if (history && hasBegun(frame, position, b))
      std::copy_n(frame.get(history).row(b * before), before * channels, out);
    std::copy_n(current.row(b * length), length * channels, out + before * channels);
  }
  return result;
}

static LogicalResult interpretShift(ShiftOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  TensorValue result = x;
  int64_t length = x.shape()[1], channels = x.columns(), from = op.getFromChannel();
  int64_t delayed = channels - from;
  int64_t step = op.getReverse() ? 1 : -1;
  for (int64_t row = 0; row < x.rows(); ++row) {
    int64_t t = row % length + step;
    double *out = result.row(row) + from;
    if (t >= 0 && t < length)
      std::copy_n(x.row(row + step) + from, delayed, out);
    else if (op.getHistory() && hasBegun(frame, op.getPosition(), row / length))
      std::copy_n(frame.get(op.getHistory()).row(row / length), delayed, out);
    else
      std::fill_n(out, delayed, 0.0);
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretCausalConv(CausalConvOp op, InterpreterFrame &frame) {
  const TensorValue &filter = frame.get(op.getFilter());
  int64_t width = filter.shape()[2], perGroup = filter.shape()[1];
  TensorValue x = withHistory(frame, op.getX(), op.getHistory(), op.getPosition(), width - 1);
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t batch = result.shape()[0], length = result.shape()[1];
  int64_t channels = x.columns(), outputs = result.columns();
  int64_t groups = channels / perGroup, outputsPerGroup = outputs / groups;
  // One matrix product per sequence, group and tap.
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t m = 0; m < width; ++m) {
        MatrixView window{x.row(b * (width - 1 + length) + m) + g * perGroup, channels, 1};
        MatrixView taps{filter.data() + g * outputsPerGroup * perGroup * width + m, width,
                        perGroup * width};
        addMatrixProduct(length, outputsPerGroup, perGroup, window, taps,
                         result.row(b * length) + g * outputsPerGroup, outputs);
      }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretUnfold(UnfoldOp op, InterpreterFrame &frame) {
  int64_t width = op.getWidth();
  TensorValue x = withHistory(frame, op.getX(), op.getHistory(), op.getPosition(), width - 1);
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t length = result.shape()[1], channels = x.columns();
  for (int64_t row = 0; row < result.rows(); ++row) {
    int64_t first = row / length * (width - 1 + length) + row % length;
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t m = 0; m < width; ++m)
        result.row(row)[c * width + m] = x.row(first + m)[c];
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretFold(FoldOp op, InterpreterFrame &frame) {
  const TensorValue &y = frame.get(op.getY());
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t width = op.getWidth(), length = y.shape()[1], channels = result.columns();
  for (int64_t row = 0; row < result.rows(); ++row)
    for (int64_t m = 0; m < width; ++m) {
      int64_t ahead = width - 1 - m;
      if (row % length + ahead >= length)
        continue;
      for (int64_t c = 0; c < channels; ++c)
        result.row(row)[c] += y.row(row + ahead)[c * width + m];
    }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretWindowTail(WindowTailOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t batch = result.shape()[0], before = result.shape()[1];
  int64_t length = frame.get(op.getX()).shape()[1];
  TensorValue joined = withHistory(frame, op.getX(), op.getHistory(), op.getPosition(), before);
  for (int64_t b = 0; b < batch; ++b) {
    int64_t count = std::clamp<int64_t>(frame.integer(op.getCount(), length, b), 0, length);
    const double *from = count == 0 ? frame.get(op.getHistory()).row(b * before)
                                    : joined.row(b * (before + length) + count);
    std::copy_n(from, before * result.columns(), result.row(b * before));
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

void mlir::hydra::attachSequenceInterpretation(MLIRContext *context) {
  attachInterpretation<ShiftOp, interpretShift>(context);
  attachInterpretation<CausalConvOp, interpretCausalConv>(context);
  attachInterpretation<UnfoldOp, interpretUnfold>(context);
  attachInterpretation<FoldOp, interpretFold>(context);
  attachInterpretation<WindowTailOp, interpretWindowTail>(context);
}
