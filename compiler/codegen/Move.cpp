// Kind `move`: rows written by index or count. cache_update works on sequences, merge_rows and
// scatter_rows on row tiles; each row of a scatter looks up the rows that belong there and adds
// them in ascending order before it meets the accumulator, so that a sum has the same bits whether
// an accumulator takes it or an addition of its own.
//
// In place: scatter_rows over its accumulator (an element is read before it is written),
// cache_update over the cache and merge_rows over the base (a row is replaced or left alone).
#include "compiler/codegen/KernelEmitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

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

// The first row of x that goes to each row of the result, or -1; and, unless targets are unique,
// the row after each that goes to the same place, or -1.
struct Sources {
  Value first, next;
  int64_t targets;

  Sources(ScatterRowsOp op, KernelEmitter &e)
      : first(e.partial()), targets(matrixOf(op.getResult()).rows) {
    if (!op.getUnique())
      next = e.address(first, e.index(targets));
  }
};

void linkSources(ScatterRowsOp op, KernelEmitter &e, const Sources &sources) {
  e.columns(sources.targets, [&](Value row, Value mask) {
    e.store(e.splat(e.integer(-1)), sources.first, row, mask);
  });
  Value limit = e.rowLimit(matrixOf(op.getX()).rows, op.getRows());
  // From the last row on, so that chains ascend.
  e.loop(e.index(0), limit, 1, [&](Value step) {
    Value row = e.sub(e.sub(limit, step), e.index(1));
    Value target = clampedIndex(e, op.getIndex(), row, sources.targets);
    if (sources.next)
      e.storeScalar(e.loadScalar(e.i32(), sources.first, target), sources.next, row);
    e.storeScalar(arith::TruncIOp::create(e.b, e.i32(), row), sources.first, target);
  });
}

// Columns of the rows from `first` on that go to one place, times the scale, added in their order.
Value sumOfSources(ScatterRowsOp op, KernelEmitter &e, const Sources &sources, Value first,
                   Value column, Value mask) {
  Value scale = e.splat(e.scalar(op, "scale"));
  auto added = [&](Value row, Value sum) {
    Value place = e.add(e.mul(row, matrixOf(op.getX()).columns), column);
    return e.fma(e.load(e.pointer(op.getX()), place, mask), scale, sum);
  };
  if (!sources.next)
    return added(first, e.splat(0.0));
  auto chain = scf::WhileOp::create(
      e.b, TypeRange{e.i64(), e.vector(e.f32())}, ValueRange{first, e.splat(0.0)},
      [&](OpBuilder &inner, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        Value more = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, carried[0], e.index(0));
        scf::ConditionOp::create(e.b, more, carried);
      },
      [&](OpBuilder &inner, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        Value sum = added(carried[0], carried[1]);
        Value next = e.toIndex(e.loadScalar(e.i32(), sources.next, carried[0]));
        scf::YieldOp::create(e.b, ValueRange{next, sum});
      });
  return chain.getResult(1);
}

// Stage 0 finds the sources of every row of the result; stage 1 writes the rows.
LogicalResult emitScatterRows(ScatterRowsOp op, KernelEmitter &e) {
  Matrix result = matrixOf(op.getResult());
  Sources sources(op, e);
  if (e.stage() == 0) {
    e.loop(e.begin(), e.end(), 1, [&](Value) { linkSources(op, e, sources); });
    return success();
  }
  Value target = e.pointer(op.getResult());
  Value old = op.getAccumulator() ? e.pointer(op.getAccumulator()) : Value();
  e.rows(result.rows, Value(), [&](Value row) {
    Value start = e.mul(row, result.columns);
    Value first = e.toIndex(e.loadScalar(e.i32(), sources.first, row));
    Value written = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, first, e.index(0));
    e.ifThen(written, [&] {
      e.columns(result.columns, [&](Value column, Value mask) {
        Value sum = sumOfSources(op, e, sources, first, column, mask);
        Value place = e.add(start, column);
        e.store(old ? e.addf(e.load(old, place, mask), sum) : sum, target, place, mask);
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
