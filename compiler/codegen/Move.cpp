// Kind `move`: rows written by index. cache_update works on sequences, scatter_rows on column
// tiles, so that duplicates are added in ascending order by one item.
//
// In place: scatter_rows over its accumulator (each element starts from its own value), and
// cache_update over the cache (a row is replaced or left alone).
#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// index[position], clamped to 0 .. count-1.
Value clampedIndex(KernelEmitter &e, Value indices, Value position, int64_t count) {
  Value index = e.toIndex(e.loadScalar(e.i32(), e.pointer(indices), position));
  return e.max(e.min(index, e.index(count - 1)), e.index(0));
}

LogicalResult emitScatterRows(ScatterRowsOp op, KernelEmitter &e) {
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
      Value elsewhere =
          arith::XOrIOp::create(e.b, e.samePointer(accumulator, target),
                                arith::ConstantOp::create(e.b, e.b.getBoolAttr(true)));
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
    e.ifThen(elsewhere,
             [&] { e.copy(old, start, result, start, positions * width, e.f32()); });
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
}
