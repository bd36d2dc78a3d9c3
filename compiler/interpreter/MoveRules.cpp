// Interpretation of the ops that move rows by index (HydraMoveOps.td).
#include "compiler/interpreter/Interpretation.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;

std::optional<int64_t> mlir::hydra::clampedIndex(double value, int64_t extent) {
  if (std::isnan(value))
    return std::nullopt;
  return static_cast<int64_t>(std::clamp(value, 0.0, static_cast<double>(extent - 1)));
}

// result[i] = scale * source[index[i]]; a row that nobody specified stays that way.
static void gather(const TensorValue &source, const TensorValue &index, int64_t rows, double scale,
                   TensorValue &result) {
  for (int64_t i = 0; i < rows; ++i) {
    double *out = result.row(i);
    if (auto from = clampedIndex(index[i], source.rows()))
      for (int64_t j = 0; j < result.columns(); ++j)
        out[j] = scale * source.row(*from)[j];
    else
      std::fill_n(out, result.columns(), std::numeric_limits<double>::quiet_NaN());
  }
  result.poisonRows(rows);
}

// `unique` is a promise that kernels rely on; the oracle checks it.
template <typename OpT>
static LogicalResult requireUnique(OpT op, const TensorValue &index, int64_t rows, int64_t extent) {
  if (!op.getUnique())
    return success();
  std::vector<bool> seen(extent, false);
  for (int64_t i = 0; i < rows; ++i) {
    auto target = clampedIndex(index[i], extent);
    if (target && seen[*target])
      return op.emitOpError("promises unique indices, but index ")
             << *target << " occurs twice among the first " << rows;
    if (target)
      seen[*target] = true;
  }
  return success();
}

static LogicalResult interpretEmbedding(EmbeddingOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t rows = frame.rowCount(op.getRows(), result.rows());
  gather(frame.get(op.getTable()), frame.get(op.getTokens()), rows, op.getScale().convertToDouble(),
         result);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretGatherRows(GatherRowsOp op, InterpreterFrame &frame) {
  TensorValue result = frame.zerosLike(op.getResult());
  int64_t rows = frame.rowCount(op.getRows(), result.rows());
  const TensorValue &x = frame.get(op.getX()), &index = frame.get(op.getIndex());
  if (failed(requireUnique(op, index, rows, x.rows())))
    return failure();
  gather(x, index, rows, 1.0, result);
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretScatterRows(ScatterRowsOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX()), &index = frame.get(op.getIndex());
  int64_t rows = frame.rowCount(op.getRows(), x.rows());
  double scale = op.getScale().convertToDouble();
  TensorValue sums = frame.zerosLike(op.getResult());
  if (failed(requireUnique(op, index, rows, sums.rows())))
    return failure();
  for (int64_t i = 0; i < rows; ++i) {
    auto to = clampedIndex(index[i], sums.rows());
    if (!to) {
      // It could have gone anywhere.
      sums.poisonRows(0);
      break;
    }
    for (int64_t j = 0; j < sums.columns(); ++j)
      sums.row(*to)[j] += x.row(i)[j];
  }
  const double *accumulator = op.getAccumulator() ? frame.get(op.getAccumulator()).data() : nullptr;
  for (int64_t i = 0; i < sums.size(); ++i)
    sums[i] = (accumulator ? accumulator[i] : 0.0) + scale * sums[i];
  frame.set(op.getResult(), std::move(sums));
  return success();
}

static LogicalResult interpretCacheUpdate(CacheUpdateOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  TensorValue result = frame.get(op.getCache());
  int64_t batch = x.shape()[0], length = x.shape()[1], positions = result.shape()[1];
  for (int64_t b = 0; b < batch; ++b) {
    int64_t position = frame.integer(op.getPosition(), 0, b);
    int64_t count = std::clamp<int64_t>(frame.integer(op.getCount(), length, b), 0, length);
    for (int64_t t = 0; t < count; ++t)
      if (position + t >= 0 && position + t < positions)
        std::copy_n(x.row(b * length + t), x.columns(), result.row(b * positions + position + t));
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

void mlir::hydra::attachMoveInterpretation(MLIRContext *context) {
  attachInterpretation<EmbeddingOp, interpretEmbedding>(context);
  attachInterpretation<GatherRowsOp, interpretGatherRows>(context);
  attachInterpretation<ScatterRowsOp, interpretScatterRows>(context);
  attachInterpretation<CacheUpdateOp, interpretCacheUpdate>(context);
}
