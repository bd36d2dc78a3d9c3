// Kind `columns` and full reductions: reduce, rms_norm_weight_grad, global_norm. Sums run in double
// precision, over rows or pieces in ascending order. Nothing here runs in place.
#include "compiler/codegen/ValueBodies.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// One accumulator of a reduction: f64 lanes for a sum, f32 lanes for a maximum.
struct Reduction {
  KernelEmitter &e;
  ReduceKind kind;

  bool isSum() const { return kind == ReduceKind::sum; }
  Type scalarType() const { return isSum() ? e.f64() : e.f32(); }
  Value initial() { return isSum() ? e.splat(e.realDouble(0.0)) : e.splat(e.real(kMinusInfinity)); }
  // Masked lanes of `value` must be zero; they are ignored.
  Value accumulate(Value carried, Value value, Value mask) {
    if (isSum())
      return e.addf(carried, e.toDouble(value));
    if (mask)
      value = e.select(mask, value, e.splat(e.real(kMinusInfinity)));
    return e.maxf(carried, value);
  }
  Value combine(Value a, Value c) { return isSum() ? e.addf(a, c) : e.maxf(a, c); }
  Value across(Value lanes) { return isSum() ? e.treeSum(lanes) : e.treeMax(lanes); }
  Value single(Value value) { return isSum() ? e.toSingle(value) : value; }
  Value wide(Value value) { return isSum() ? value : e.toDouble(value); }
};

void reduceLast(ReduceOp op, KernelEmitter &e, Reduction reduction) {
  Matrix matrix = matrixOf(op.getX());
  e.rows(matrix.rows, op.getRows(), [&](Value row) {
    Value start = e.mul(row, matrix.columns);
    Value lanes = e.foldColumns(
        matrix.columns, reduction.initial(), [&](Value column, Value mask, ValueRange carried) {
          Value value = e.load(e.pointer(op.getX()), e.add(start, column), mask);
          return SmallVector<Value>{reduction.accumulate(carried[0], value, mask)};
        })[0];
    e.storeScalar(reduction.single(reduction.across(lanes)), e.pointer(op.getResult()), row);
  });
}

// body(first column, mask) for every vector of columns of this call's column tiles.
void columnTiles(KernelEmitter &e, int64_t extent, llvm::function_ref<void(Value, Value)> body) {
  Value first = e.mul(e.begin(), plan::kColumnTile);
  Value last = e.min(e.mul(e.end(), plan::kColumnTile), e.index(extent));
  e.columns(first, last, body);
}

// One pass over the rows for `vectors` vectors of columns from `column` on; the last may be masked.
void reduceColumns(ReduceOp op, KernelEmitter &e, Reduction reduction, Value limit, Value column,
                   int64_t vectors, Value mask) {
  int64_t columns = matrixOf(op.getX()).columns;
  SmallVector<Value> initial(vectors, reduction.initial());
  SmallVector<Value> lanes =
      e.fold(e.index(0), limit, 1, initial, [&](Value row, ValueRange carried) {
        Value at = e.add(e.mul(row, columns), column);
        SmallVector<Value> next;
        for (int64_t i = 0; i < vectors; ++i) {
          Value value = e.load(e.pointer(op.getX()), e.add(at, i * kLanes), mask);
          next.push_back(reduction.accumulate(carried[i], value, mask));
        }
        return next;
      });
  for (int64_t i = 0; i < vectors; ++i)
    e.store(reduction.single(lanes[i]), e.pointer(op.getResult()), e.add(column, i * kLanes), mask);
}

// Whole tiles in one pass over the rows; the vectors of the last, partial tile one by one.
void reduceLeading(ReduceOp op, KernelEmitter &e, Reduction reduction) {
  Matrix matrix = matrixOf(op.getX());
  Value limit = e.rowLimit(matrix.rows, op.getRows());
  int64_t whole = matrix.columns / plan::kColumnTile;
  e.loop(e.begin(), e.min(e.end(), e.index(whole)), 1, [&](Value tile) {
    reduceColumns(op, e, reduction, limit, e.mul(tile, plan::kColumnTile),
                  plan::kColumnTile / kLanes, Value());
  });
  Value first = e.mul(e.max(e.begin(), e.index(whole)), plan::kColumnTile);
  Value last = e.min(e.mul(e.end(), plan::kColumnTile), e.index(matrix.columns));
  e.columns(first, last, [&](Value column, Value mask) {
    reduceColumns(op, e, reduction, limit, column, 1, mask);
  });
}

// The fixed order of the second stage: partial results one after the other.
Value combinePieces(KernelEmitter &e, Value pieces, Value initial,
                    llvm::function_ref<Value(Value, Value)> combine) {
  return e.fold(e.index(0), pieces, 1, initial, [&](Value piece, ValueRange carried) {
    Value partial = e.loadScalar(e.f64(), e.partial(), piece);
    return SmallVector<Value>{combine(carried[0], partial)};
  })[0];
}

void reduceAll(ReduceOp op, KernelEmitter &e, Reduction reduction) {
  Matrix matrix = matrixOf(op.getX());
  int64_t elements = matrix.rows * matrix.columns;
  if (e.stage() == 1) {
    e.loop(e.begin(), e.end(), 1, [&](Value) {
      Value initial = e.realDouble(reduction.isSum() ? 0.0 : kMinusInfinity);
      Value total = combinePieces(e, e.index(llvm::divideCeil(elements, plan::kFlatTile)), initial,
                                  [&](Value a, Value c) { return reduction.combine(a, c); });
      e.storeScalar(e.toSingle(total), e.pointer(op.getResult()), e.index(0));
    });
    return;
  }
  Value limit = e.mul(e.rowLimit(matrix.rows, op.getRows()), matrix.columns);
  e.loop(e.begin(), e.end(), 1, [&](Value piece) {
    Value first = e.mul(piece, plan::kFlatTile);
    Value last = e.min(e.add(first, plan::kFlatTile), limit);
    Value lanes = e.foldColumns(
        first, last, reduction.initial(), [&](Value position, Value mask, ValueRange carried) {
          Value value = e.load(e.pointer(op.getX()), position, mask);
          return SmallVector<Value>{reduction.accumulate(carried[0], value, mask)};
        })[0];
    e.storeScalar(reduction.wide(reduction.across(lanes)), e.partial(), piece);
  });
}

LogicalResult emitReduce(ReduceOp op, KernelEmitter &e) {
  Reduction reduction{e, op.getKind()};
  switch (op.getAxes()) {
  case ReduceAxes::last:
    reduceLast(op, e, reduction);
    return success();
  case ReduceAxes::leading:
    reduceLeading(op, e, reduction);
    return success();
  case ReduceAxes::all:
    reduceAll(op, e, reduction);
    return success();
  }
  llvm_unreachable("all axes are handled");
}

// Stage 0: per chunk of rows, sums of dy * x * r in the partial buffer. Stage 1: the chunks added
// in order, per column.
LogicalResult emitRmsNormWeightGrad(RmsNormWeightGradOp op, KernelEmitter &e) {
  Matrix matrix = matrixOf(op.getX());
  int64_t chunkRows = plan::weightGradientChunk(matrix.rows);
  if (e.stage() == 1) {
    columnTiles(e, matrix.columns, [&](Value column, Value mask) {
      Value chunks = e.index(llvm::divideCeil(matrix.rows, chunkRows));
      Value sum = e.fold(e.index(0), chunks, 1, e.splat(e.realDouble(0.0)),
                         [&](Value chunk, ValueRange carried) {
                           Value at = e.add(e.mul(chunk, matrix.columns), column);
                           Value value = e.toDouble(e.load(e.partial(), at, mask));
                           return SmallVector<Value>{e.addf(carried[0], value)};
                         })[0];
      e.store(e.toSingle(sum), e.pointer(op.getResult()), column, mask);
    });
    return success();
  }
  Value eps = e.scalar(op, "eps"), x = e.pointer(op.getX()), dy = e.pointer(op.getDy());
  Value limit = e.rowLimit(matrix.rows, op.getRows());
  e.loop(e.begin(), e.end(), 1, [&](Value chunk) {
    Value sums = e.mul(chunk, matrix.columns);
    e.fill(e.partial(), sums, matrix.columns, e.splat(0.0));
    Value first = e.mul(chunk, chunkRows);
    e.loop(first, e.min(e.add(first, chunkRows), limit), 1, [&](Value row) {
      Value start = e.mul(row, matrix.columns);
      Value r = e.splat(inverseRms(e, x, start, matrix.columns, eps));
      e.columns(matrix.columns, [&](Value column, Value mask) {
        Value at = e.add(start, column), sumAt = e.add(sums, column);
        Value scaled = e.mulf(e.load(x, at, mask), r);
        Value sum = e.fma(e.load(dy, at, mask), scaled, e.load(e.partial(), sumAt, mask));
        e.store(sum, e.partial(), sumAt, mask);
      });
    });
  });
  return success();
}

LogicalResult emitGlobalNorm(GlobalNormOp op, KernelEmitter &e) {
  int64_t firstPiece = 0;
  for (Value input : op.getInputs()) {
    int64_t elements = tensorType(input).getNumElements();
    int64_t pieces = llvm::divideCeil(elements, plan::kFlatTile);
    int64_t offset = firstPiece;
    firstPiece += pieces;
    if (e.stage() != 0)
      continue;
    Value from = e.max(e.begin(), e.index(offset));
    Value to = e.min(e.end(), e.index(offset + pieces));
    e.loop(from, to, 1, [&](Value piece) {
      Value first = e.mul(e.sub(piece, e.index(offset)), plan::kFlatTile);
      Value last = e.min(e.add(first, plan::kFlatTile), e.index(elements));
      Value lanes = e.foldColumns(first, last, e.splat(e.realDouble(0.0)),
                                  [&](Value position, Value mask, ValueRange carried) {
                                    Value value =
                                        e.toDouble(e.load(e.pointer(input), position, mask));
                                    return SmallVector<Value>{e.fma(value, value, carried[0])};
                                  })[0];
      e.storeScalar(e.treeSum(lanes), e.partial(), piece);
    });
  }
  if (e.stage() == 1)
    e.loop(e.begin(), e.end(), 1, [&](Value) {
      Value total = combinePieces(e, e.index(firstPiece), e.realDouble(0.0),
                                  [&](Value a, Value c) { return e.addf(a, c); });
      e.storeScalar(e.toSingle(e.sqrt(total)), e.pointer(op.getResult()), e.index(0));
    });
  return success();
}

} // namespace

void hydra::attachColumnKernels(MLIRContext *context) {
  attachKernel<ReduceOp, emitReduce>(context);
  attachKernel<RmsNormWeightGradOp, emitRmsNormWeightGrad>(context);
  attachKernel<GlobalNormOp, emitGlobalNorm>(context);
}
