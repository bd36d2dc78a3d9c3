// Kind `move`: rows written by index or count. cache_update works on sequences, merge_rows on row
// tiles; scatter_rows on column tiles, so that duplicates are added in ascending order by one item,
// and with unique targets on row tiles of the result, each of which looks up the row that belongs
// there.
//
// In place: scatter_rows over its accumulator (each element starts from its own value),
// cache_update over the cache and merge_rows over the base (a row is replaced or left alone).
#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// index[position], clamped to 0 .. count-1.
Value clampedIndex(KernelEmitter &e, Value indices, Value position, int64_t count) {
  Value index = e.toIndex(e.loadScalar(e.i32(), e.pointer(indices), position));
  return e.max(e.min(index, e.index(count - 1)), e.index(0));
}

Value negated(KernelEmitter &e, Value condition) {
  return arith::XOrIOp::create(e.b, condition,
                               arith::ConstantOp::create(e.b, e.b.getBoolAttr(true)));
}

// Stage 0 finds the source of every row of the result, or none; stage 1 writes the rows.
LogicalResult emitUniqueScatter(ScatterRowsOp op, KernelEmitter &e) {
  Matrix x = matrixOf(op.getX()), result = matrixOf(op.getResult());
  Value sources = e.partial();
  if (e.stage() == 0) {
    e.loop(e.begin(), e.end(), 1, [&](Value) {
      e.columns(result.rows, [&](Value row, Value mask) {
        e.store(e.splat(e.integer(-1)), sources, row, mask);
      });
      e.loop(e.index(0), e.rowLimit(x.rows, op.getRows()), 1, [&](Value row) {
        e.storeScalar(arith::TruncIOp::create(e.b, e.i32(), row), sources,
                      clampedIndex(e, op.getIndex(), row, result.rows));
      });
    });
    return success();
  }
  Value scale = e.splat(e.scalar(op, "scale")), target = e.pointer(op.getResult());
  Value old = op.getAccumulator() ? e.pointer(op.getAccumulator()) : Value();
  e.rows(result.rows, Value(), [&](Value row) {
    Value start = e.mul(row, result.columns);
    Value source = e.toIndex(e.loadScalar(e.i32(), sources, row));
    Value written = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, source, e.index(0));
    e.ifThen(written, [&] {
      Value from = e.mul(source, result.columns);
      e.columns(result.columns, [&](Value column, Value mask) {
        Value value = e.load(e.pointer(op.getX()), e.add(from, column), mask);
        Value place = e.add(start, column);
        Value sum = e.fma(value, scale, old ? e.load(old, place, mask) : e.splat(0.0));
        e.store(sum, target, place, mask);
      });
    });
    if (!old) {
      e.ifThen(negated(e, written), [&] { e.fill(target, start, result.columns, e.splat(0.0)); });
      return;
    }
    Value kept = arith::OrIOp::create(e.b, written, e.samePointer(old, target));
    e.ifThen(negated(e, kept), [&] { e.copy(old, start, target, start, result.columns, e.f32()); });
  });
  return success();
}

// In place, rows at or beyond the count are not even visited.
LogicalResult emitMergeRows(MergeRowsOp op, KernelEmitter &e) {
  Matrix x = matrixOf(op.getX());
  Value base = e.pointer(op.getBase()), from = e.pointer(op.getX());
  Value target = e.pointer(op.getResult());
  Value limit = e.rowLimit(x.rows, op.getRows());
  auto [first, last] = e.rowRange(x.rows, Value());
  Value middle = e.max(e.min(last, limit), first);
  e.loop(first, middle, 1, [&](Value row) {
    Value start = e.mul(row, x.columns);
    if (!op.getAccumulate())
      return e.copy(from, start, target, start, x.columns, e.f32());
    e.columns(x.columns, [&](Value column, Value mask) {
      Value place = e.add(start, column);
      e.store(e.addf(e.load(base, place, mask), e.load(from, place, mask)), target, place, mask);
    });
  });
  e.ifThen(negated(e, e.samePointer(base, target)), [&] {
    e.loop(middle, last, 1, [&](Value row) {
      Value start = e.mul(row, x.columns);
      e.copy(base, start, target, start, x.columns, e.f32());
    });
  });
  return success();
}

LogicalResult emitScatterRows(ScatterRowsOp op, KernelEmitter &e) {
  if (op.getUnique())
    return emitUniqueScatter(op, e);
  Matrix x = matrixOf(op.getX()), result = matrixOf(op.getResult());
  Value scale = e.splat(e.scalar(op, "scale")), target = e.pointer(op.getResult());
  Value limit = e.rowLimit(x.rows, op.getRows());
  e.loop(e.begin(), e.end(), 1, [&](Value tile) {
    Value first = e.mul(tile, plan::kColumnTile);
    Value last = e.min(e.add(first, plan::kColumnTile), e.index(result.columns));
    auto initialize = [&](llvm::function_ref<Value(Value, Value)> value) {
      e.loop(e.index(0), e.index(result.rows), 1, [&](Value row) {
        Value start = e.mul(row, result.columns);
        e.columns(e.add(start, first), e.add(start, last), [&](Value position, Value mask) {
          e.store(value(position, mask), target, position, mask);
        });
      });
    };
    if (!op.getAccumulator()) {
      initialize([&](Value, Value) { return e.splat(0.0); });
    } else {
      Value accumulator = e.pointer(op.getAccumulator());
      Value elsewhere = negated(e, e.samePointer(accumulator, target));
      e.ifThen(elsewhere, [&] {
        initialize([&](Value position, Value mask) { return e.load(accumulator, position, mask); });
      });
    }
    e.loop(e.index(0), limit, 1, [&](Value row) {
      Value from = e.mul(row, result.columns);
      Value to = e.mul(clampedIndex(e, op.getIndex(), row, result.rows), result.columns);
      e.columns(first, last, [&](Value column, Value mask) {
        Value value = e.load(e.pointer(op.getX()), e.add(from, column), mask);
        Value sum = e.fma(value, scale, e.load(target, e.add(to, column), mask));
        e.store(sum, target, e.add(to, column), mask);
      });
    });
  });
  return success();
}

LogicalResult emitCacheUpdate(CacheUpdateOp op, KernelEmitter &e) {
  ArrayRef<int64_t> cache = tensorType(op.getCache()).getShape();
  int64_t positions = cache[1], width = cache[2];
  int64_t sequence = tensorType(op.getX()).getShape()[1];
  Value old = e.pointer(op.getCache()), result = e.pointer(op.getResult());
  Value elsewhere = arith::XOrIOp::create(e.b, e.samePointer(old, result),
                                          arith::ConstantOp::create(e.b, e.b.getBoolAttr(true)));
  e.loop(e.begin(), e.end(), 1, [&](Value b) {
    Value start = e.mul(b, positions * width);
    e.ifThen(elsewhere, [&] { e.copy(old, start, result, start, positions * width, e.f32()); });
    // Tokens that stand at positions 0 .. P-1.
    Value position = e.scalarOperand(op.getPosition(), 0, b);
    Value count = e.min(e.scalarOperand(op.getCount(), 0, b), e.index(sequence));
    Value first = e.max(e.sub(e.index(0), position), e.index(0));
    Value last = e.min(count, e.sub(e.index(positions), position));
    e.loop(first, last, 1, [&](Value token) {
      Value from = e.mul(e.add(e.mul(b, sequence), token), width);
      Value to = e.add(start, e.mul(e.add(position, token), width));
      e.copy(e.pointer(op.getX()), from, result, to, width, e.f32());
    });
  });
  return success();
}

} // namespace

void hydra::attachMoveKernels(MLIRContext *context) {
  attachKernel<ScatterRowsOp, emitScatterRows>(context);
  attachKernel<CacheUpdateOp, emitCacheUpdate>(context);
  attachKernel<MergeRowsOp, emitMergeRows>(context);
}
