#include "compiler/codegen/AttentionTiles.h"

using namespace mlir;
using namespace mlir::hydra;

AttentionShape hydra::attentionShape(Value q, Value k, int64_t heads, int64_t kvHeads) {
  ArrayRef<int64_t> query = tensorType(q).getShape(), key = tensorType(k).getShape();
  return {query[0], query[1], key[1], heads, kvHeads, query[2] / heads};
}

HeadRows AttentionShape::head(KernelEmitter &e, Value tensor, Value batchIndex, Value head,
                              int64_t rows, int64_t headCount) const {
  int64_t stride = headCount * width;
  Value base = e.add(e.mul(batchIndex, rows * stride), e.mul(head, width));
  return {e.pointer(tensor), base, stride};
}

AttentionItem hydra::attentionItem(KernelEmitter &e, Value item, const AttentionShape &shape,
                                   int64_t rows) {
  int64_t tiles = llvm::divideCeil(rows, plan::kAttentionRows);
  Value first = e.mul(e.rem(item, tiles), plan::kAttentionRows);
  Value last = e.min(e.add(first, plan::kAttentionRows - 1), e.index(rows - 1));
  Value head = e.div(item, tiles);
  return {e.div(head, shape.kvHeads), e.rem(head, shape.kvHeads), first, last};
}

// 16 x 16: halves of blocks change places, for blocks of 2, 4, 8 and 16 rows.
static void transpose(KernelEmitter &e, SmallVector<Value> &rows) {
  for (int64_t step = 1; step < kLanes; step *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      bool second = lane & step;
      low.push_back(second ? kLanes + lane - step : lane);
      high.push_back(second ? kLanes + lane : lane + step);
    }
    for (int64_t row = 0; row < kLanes; ++row) {
      if (row & step)
        continue;
      Value a = rows[row], c = rows[row + step];
      rows[row] = e.shuffle(a, c, low);
      rows[row + step] = e.shuffle(a, c, high);
    }
  }
}

void hydra::packTransposed(KernelEmitter &e, const HeadRows &rows, int64_t width, Value first,
                           Value count, Value last, Value packed) {
  e.loop(e.index(0), count, kLanes, [&](Value block) {
    SmallVector<Value> starts;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      starts.push_back(rows.row(e, e.min(e.add(e.add(first, block), lane), last)));
    Value target = e.mul(block, width);
    auto packColumns = [&](Value column, int64_t columns) {
      SmallVector<Value> vectors;
      for (Value start : starts)
        vectors.push_back(e.load(rows.pointer, e.add(start, column), e.staticMask(columns)));
      transpose(e, vectors);
      Value to = e.add(target, e.mul(column, kLanes));
      for (int64_t i = 0; i < std::min(columns, kLanes); ++i)
        e.store(vectors[i], packed, e.add(to, i * kLanes));
    };
    int64_t whole = width / kLanes * kLanes;
    if (whole > 0)
      e.loop(e.index(0), e.index(whole), kLanes,
             [&](Value column) { packColumns(column, kLanes); });
    if (whole < width)
      packColumns(e.index(whole), width - whole);
  });
}

SmallVector<Value> hydra::dotBlock(KernelEmitter &e, Value pointer, ArrayRef<Value> starts,
                                   Value packed, Value block, int64_t width) {
  SmallVector<Value> zeros(starts.size(), e.splat(0.0));
  Value from = e.mul(block, width);
  return e.fold(e.index(0), e.index(width), 1, zeros, [&](Value column, ValueRange carried) {
    Value lanes = e.load(packed, e.add(from, e.mul(column, kLanes)));
    SmallVector<Value> sums;
    for (auto [start, sum] : llvm::zip(starts, carried)) {
      Value value = e.splat(e.loadScalar(e.f32(), pointer, e.add(start, column)));
      sums.push_back(e.fma(value, lanes, sum));
    }
    return sums;
  });
}

void hydra::emitWeightedSum(KernelEmitter &e, const WeightedSum &sum) {
  size_t count = sum.targets.size();
  // Two vectors of columns at a time: with 8 rows, 16 accumulators.
  constexpr int64_t kVectors = 2;
  for (int64_t column = 0; column < sum.width; column += kVectors * kLanes) {
    SmallVector<int64_t> columns;
    SmallVector<Value> masks;
    for (int64_t c = column; c < std::min(sum.width, column + kVectors * kLanes); c += kLanes) {
      columns.push_back(c);
      masks.push_back(e.staticMask(sum.width - c));
    }
    SmallVector<Value> initial;
    for (Value target : sum.targets)
      for (auto [c, mask] : llvm::zip(columns, masks))
        initial.push_back(sum.accumulate ? e.load(sum.target, e.add(target, c), mask)
                                         : e.splat(0.0));
    SmallVector<Value> results =
        e.fold(sum.begin, sum.end, 1, initial, [&](Value j, ValueRange carried) {
          Value start = sum.rows.row(e, e.add(sum.first, j));
          SmallVector<Value> vectors, next;
          for (auto [c, mask] : llvm::zip(columns, masks))
            vectors.push_back(e.load(sum.rows.pointer, e.add(start, c), mask));
          for (size_t r = 0; r < count; ++r) {
            Value at = e.add(j, static_cast<int64_t>(r) * sum.weightStride);
            Value weight = e.splat(e.loadScalar(e.f32(), sum.weights, at));
            for (size_t c = 0; c < columns.size(); ++c)
              next.push_back(e.fma(weight, vectors[c], carried[r * columns.size() + c]));
          }
          return next;
        });
    for (size_t r = 0; r < count; ++r)
      for (size_t c = 0; c < columns.size(); ++c) {
        Value value = results[r * columns.size() + c];
        if (!sum.factors.empty())
          value = e.mulf(value, e.splat(sum.factors[r]));
        e.store(value, sum.target, e.add(sum.targets[r], columns[c]), masks[c]);
      }
  }
}
