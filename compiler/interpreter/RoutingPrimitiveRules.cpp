// Interpretation of the ops that select, order and group rows (HydraRoutingOps.td).
#include "compiler/interpreter/Interpretation.h"
#include "compiler/interpreter/MatrixProduct.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mlir::hydra;

static constexpr double kUnspecified = std::numeric_limits<double>::quiet_NaN();

// NaN ranks below every number, and unspecified scores choose nothing that could be relied on; the
// lower position wins a tie.
static LogicalResult interpretTopK(TopKOp op, InterpreterFrame &frame) {
  const TensorValue &score = frame.get(op.getScore());
  TensorValue index = frame.zerosLike(op.getIndex()), chosen = frame.zerosLike(op.getChosen());
  int64_t k = op.getK();
  std::vector<int64_t> order(score.columns());
  for (int64_t row = 0; row < score.rows(); ++row) {
    const double *values = score.row(row);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      if (std::isnan(values[a]) != std::isnan(values[b]))
        return std::isnan(values[b]);
      return values[a] == values[b] || std::isnan(values[a]) ? a < b : values[a] > values[b];
    });
    if (!op.getByValue())
      std::sort(order.begin(), order.begin() + k);
    for (int64_t i = 0; i < k; ++i) {
      index.row(row)[i] = static_cast<double>(order[i]);
      chosen.row(row)[order[i]] = 1.0;
    }
  }
  frame.set(op.getIndex(), std::move(index));
  frame.set(op.getChosen(), std::move(chosen));
  return success();
}

static LogicalResult interpretCountingSort(CountingSortOp op, InterpreterFrame &frame) {
  const TensorValue &key = frame.get(op.getKey());
  int64_t classes = op.getClasses(), rows = frame.rowCount(op.getRows(), key.size());
  TensorValue order(ElementKind::i32, key.shape(), kUnspecified);
  TensorValue offsets = frame.zerosLike(op.getOffsets());
  int64_t next = 0;
  for (int64_t c = 0; c < classes; ++c) {
    for (int64_t i = 0; i < rows; ++i) {
      auto at = clampedIndex(key[i], classes);
      if (!at)
        return op.emitOpError("sorts by an unspecified key, that of row ") << i;
      if (*at == c)
        order[next++] = static_cast<double>(i);
    }
    offsets[c + 1] = static_cast<double>(next);
  }
  frame.set(op.getOrder(), std::move(order));
  frame.set(op.getOffsets(), std::move(offsets));
  return success();
}

static LogicalResult interpretNonzero(NonzeroOp op, InterpreterFrame &frame) {
  const TensorValue &mask = frame.get(op.getMask());
  int64_t capacity = op.getCapacity(), count = 0;
  TensorValue index(ElementKind::i32, {capacity}, kUnspecified);
  for (int64_t i = 0; i < mask.size(); ++i) {
    if (std::isnan(mask[i]))
      return op.emitOpError("compacts an unspecified mask, at element ") << i;
    if (mask[i] != 0 && count < capacity)
      index[count++] = static_cast<double>(i);
  }
  frame.set(op.getIndex(), std::move(index));
  frame.set(op.getCount(), TensorValue::scalarInt(static_cast<int32_t>(count)));
  return success();
}

static LogicalResult interpretPrefixRank(PrefixRankOp op, InterpreterFrame &frame) {
  const TensorValue &score = frame.get(op.getScore()), &keys = frame.get(op.getKeys());
  TensorValue result = frame.zerosLike(op.getRank());
  int64_t sequence = score.columns(), total = keys.columns();
  for (int64_t b = 0; b < score.rows(); ++b) {
    int64_t position = total - sequence;
    if (op.getPosition())
      position = static_cast<int64_t>(frame.get(op.getPosition())[b]);
    for (int64_t t = 0; t < sequence; ++t) {
      double value = score.row(b)[t];
      int64_t rank = 1;
      for (int64_t u = 0; u < std::clamp<int64_t>(position + t, 0, total); ++u)
        rank += keys.row(b)[u] >= value || std::isnan(value);
      result.row(b)[t] = static_cast<double>(rank);
    }
  }
  frame.set(op.getRank(), std::move(result));
  return success();
}

static LogicalResult interpretMergeRows(MergeRowsOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX());
  TensorValue result = frame.get(op.getBase());
  int64_t rows = frame.rowCount(op.getRows(), x.rows());
  for (int64_t i = 0; i < rows * x.columns(); ++i)
    result[i] = op.getAccumulate() ? result[i] + x[i] : x[i];
  frame.set(op.getResult(), std::move(result));
  return success();
}

// Rows [begin, end) of a group; a failure if the offsets descend or leave the rows.
static FailureOr<std::pair<int64_t, int64_t>> groupRows(Operation *op, const TensorValue &offsets,
                                                        int64_t group, int64_t rows) {
  double begin = offsets[group], end = offsets[group + 1];
  if (!(0 <= begin && begin <= end && end <= static_cast<double>(rows)))
    return op->emitOpError("expected offsets that do not descend within 0 .. ")
           << rows << ", found " << llvm::formatv("{0:f0}", begin).str() << " and "
           << llvm::formatv("{0:f0}", end).str() << " for group " << group;
  return std::pair(static_cast<int64_t>(begin), static_cast<int64_t>(end));
}

static LogicalResult interpretGroupedMatmul(GroupedMatmulOp op, InterpreterFrame &frame) {
  const TensorValue &x = frame.get(op.getX()), &offsets = frame.get(op.getOffsets());
  TensorValue result = frame.zerosLike(op.getResult());
  result.poisonRows(0);
  int64_t inner = x.columns(), columns = result.columns();
  for (auto [group, operand] : llvm::enumerate(op.getWeights())) {
    auto range = groupRows(op, offsets, group, x.rows());
    if (failed(range))
      return failure();
    auto [begin, end] = *range;
    std::fill(result.data() + begin * columns, result.data() + end * columns, 0.0);
    const TensorValue &weight = frame.get(operand);
    MatrixView right = op.getTransposeB() ? MatrixView{weight.data(), 1, inner}
                                          : MatrixView{weight.data(), columns, 1};
    addMatrixProduct(end - begin, columns, inner, {x.data() + begin * inner, inner, 1}, right,
                     result.data() + begin * columns, columns);
  }
  frame.set(op.getResult(), std::move(result));
  return success();
}

static LogicalResult interpretGroupedWeightGrad(GroupedWeightGradOp op, InterpreterFrame &frame) {
  const TensorValue &a = frame.get(op.getA()), &b = frame.get(op.getB());
  auto range = groupRows(op, frame.get(op.getOffsets()), op.getGroup(), a.rows());
  if (failed(range))
    return failure();
  auto [begin, end] = *range;
  TensorValue sum = frame.zerosLike(op.getResult());
  int64_t m = a.columns(), n = b.columns();
  addMatrixProduct(m, n, end - begin, {a.data() + begin * m, 1, m}, {b.data() + begin * n, n, 1},
                   sum.data(), n);
  if (op.getAccumulator()) {
    const TensorValue &accumulator = frame.get(op.getAccumulator());
    for (int64_t i = 0; i < sum.size(); ++i)
      sum[i] += accumulator[i];
  }
  frame.set(op.getResult(), std::move(sum));
  return success();
}

void mlir::hydra::attachRoutingPrimitiveInterpretation(MLIRContext *context) {
  attachInterpretation<TopKOp, interpretTopK>(context);
  attachInterpretation<CountingSortOp, interpretCountingSort>(context);
  attachInterpretation<NonzeroOp, interpretNonzero>(context);
  attachInterpretation<PrefixRankOp, interpretPrefixRank>(context);
  attachInterpretation<MergeRowsOp, interpretMergeRows>(context);
  attachInterpretation<GroupedMatmulOp, interpretGroupedMatmul>(context);
  attachInterpretation<GroupedWeightGradOp, interpretGroupedWeightGrad>(context);
}
