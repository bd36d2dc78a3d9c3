// Kind `move`: which rows take part, and in what order. top_k works on single rows of scores,
// prefix_rank on single scores;
// counting_sort and nonzero are one item each, since every position depends on all before it.
#include "compiler/codegen/KernelEmitter.h"

#include <limits>

using namespace mlir;
using namespace mlir::hydra;

namespace {

Value splatInteger(KernelEmitter &e, int32_t value) { return e.splat(e.integer(value)); }
Value compare(KernelEmitter &e, arith::CmpIPredicate predicate, Value a, Value c) {
  return arith::CmpIOp::create(e.b, predicate, a, c);
}
Value both(KernelEmitter &e, Value a, Value c) { return arith::AndIOp::create(e.b, a, c); }
Value toInteger(KernelEmitter &e, Value index) {
  return arith::TruncIOp::create(e.b, e.i32(), index);
}

// 16 scores as unsigned integers in the same order: +0 for -0, and NaN as 0, below -infinity.
Value orderedKeys(KernelEmitter &e, Value scores) {
  constexpr int32_t kSign = std::numeric_limits<int32_t>::min();
  Value zero = e.splat(0.0);
  Value isZero = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, scores, zero);
  Value isNan = arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNO, scores, scores);
  Value bits = arith::BitcastOp::create(e.b, e.vector(e.i32()), e.select(isZero, zero, scores));
  // Positive numbers get the upper bit, negative ones all bits flipped.
  Value negative = arith::ShRSIOp::create(e.b, bits, splatInteger(e, 31));
  Value flips = arith::OrIOp::create(e.b, negative, splatInteger(e, kSign));
  Value keys = arith::XOrIOp::create(e.b, bits, flips);
  return e.select(isNan, splatInteger(e, 0), keys);
}

// Sum of the lanes of an integer vector, as i32.
Value laneSum(KernelEmitter &e, Value vector) {
  for (int64_t width = kLanes / 2; width >= 1; width /= 2) {
    SmallVector<int64_t> upper;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      upper.push_back((lane + width) % kLanes);
    vector = arith::AddIOp::create(e.b, vector, e.shuffle(vector, vector, upper));
  }
  return e.extract(vector, 0);
}

// How many of `extent` columns satisfy `holds(column, mask)`, a mask of lanes.
Value countColumns(KernelEmitter &e, int64_t extent,
                   llvm::function_ref<Value(Value, Value)> holds) {
  Value lanes =
      e.foldColumns(extent, splatInteger(e, 0), [&](Value column, Value mask, ValueRange carried) {
        Value hit = holds(column, mask);
        Value one = arith::ExtUIOp::create(e.b, e.vector(e.i32()), mask ? both(e, hit, mask) : hit);
        return SmallVector<Value>{arith::AddIOp::create(e.b, carried[0], one)};
      })[0];
  return laneSum(e, lanes);
}

// Ascending positions. The k-th greatest key is found bit by bit, upper bits first; of the keys
// that equal it, the first ones fill the places that greater ones leave.
void emitTopByPosition(TopKOp op, KernelEmitter &e, Value row) {
  auto k = static_cast<int64_t>(op.getK());
  int64_t extent = matrixOf(op.getScore()).columns;
  Value score = e.pointer(op.getScore()), index = e.pointer(op.getIndex());
  // The keys stand where the flags will.
  Value keys = e.pointer(op.getChosen()), start = e.mul(row, extent);
  e.columns(extent, [&](Value column, Value mask) {
    Value position = e.add(start, column);
    e.store(orderedKeys(e, e.load(score, position, mask)), keys, position, mask);
  });
  auto countKeys = [&](arith::CmpIPredicate predicate, Value bound) {
    return countColumns(e, extent, [&](Value column, Value mask) {
      Value key = e.load(keys, e.add(start, column), mask, e.i32());
      return compare(e, predicate, key, e.splat(bound));
    });
  };
  Value wanted = e.integer(static_cast<int32_t>(k));
  Value threshold =
      e.fold(e.index(0), e.index(32), 1, e.integer(0), [&](Value bit, ValueRange carried) {
        Value place = arith::SubIOp::create(e.b, e.integer(31), toInteger(e, bit));
        Value candidate =
            arith::OrIOp::create(e.b, carried[0], arith::ShLIOp::create(e.b, e.integer(1), place));
        Value reached = compare(e, arith::CmpIPredicate::sge,
                                countKeys(arith::CmpIPredicate::uge, candidate), wanted);
        return SmallVector<Value>{e.select(reached, candidate, carried[0])};
      })[0];
  Value ties = arith::SubIOp::create(e.b, wanted, countKeys(arith::CmpIPredicate::ugt, threshold));
  Value out = e.mul(row, k);
  e.fold(e.index(0), e.index(extent), 1, {ties, out}, [&](Value column, ValueRange carried) {
    Value key = e.loadScalar(e.i32(), keys, e.add(start, column));
    Value greater = compare(e, arith::CmpIPredicate::ugt, key, threshold);
    Value equal = both(e, compare(e, arith::CmpIPredicate::eq, key, threshold),
                       compare(e, arith::CmpIPredicate::sgt, carried[0], e.integer(0)));
    Value taken = arith::OrIOp::create(e.b, greater, equal);
    e.ifThen(taken, [&] { e.storeScalar(toInteger(e, column), index, carried[1]); });
    e.storeScalar(arith::ExtUIOp::create(e.b, e.i32(), taken), keys, e.add(start, column));
    return SmallVector<Value>{
        arith::SubIOp::create(e.b, carried[0], arith::ExtUIOp::create(e.b, e.i32(), equal)),
        e.add(carried[1], arith::ExtUIOp::create(e.b, e.i64(), taken))};
  });
}

// Descending values, for few columns: an element's place is the number of elements before it.
void emitTopByValue(TopKOp op, KernelEmitter &e, Value row) {
  auto k = static_cast<int64_t>(op.getK());
  int64_t extent = matrixOf(op.getScore()).columns;
  Value score = e.pointer(op.getScore()), start = e.mul(row, extent);
  e.loop(e.index(0), e.index(extent), 1, [&](Value column) {
    Value own = orderedKeys(e, e.splat(e.loadScalar(e.f32(), score, e.add(start, column))));
    Value ownColumn = e.splat(toInteger(e, column));
    Value rank = e.toIndex(countColumns(e, extent, [&](Value other, Value mask) {
      Value keys = orderedKeys(e, e.load(score, e.add(start, other), mask));
      Value columns = arith::AddIOp::create(e.b, e.lanes(), e.splat(toInteger(e, other)));
      Value earlier = both(e, compare(e, arith::CmpIPredicate::eq, keys, own),
                           compare(e, arith::CmpIPredicate::slt, columns, ownColumn));
      return arith::OrIOp::create(e.b, compare(e, arith::CmpIPredicate::ugt, keys, own), earlier);
    }));
    Value taken = e.less(rank, e.index(k));
    e.ifThen(taken, [&] {
      e.storeScalar(toInteger(e, column), e.pointer(op.getIndex()), e.add(e.mul(row, k), rank));
    });
    e.storeScalar(arith::ExtUIOp::create(e.b, e.i32(), taken), e.pointer(op.getChosen()),
                  e.add(start, column));
  });
}

LogicalResult emitTopK(TopKOp op, KernelEmitter &e) {
  e.loop(e.begin(), e.end(), 1, [&](Value row) {
    if (op.getByValue())
      emitTopByValue(op, e, row);
    else
      emitTopByPosition(op, e, row);
  });
  return success();
}

// Counts, their running sum, then every row to the next place of its class.
LogicalResult emitCountingSort(CountingSortOp op, KernelEmitter &e) {
  auto classes = static_cast<int64_t>(op.getClasses());
  int64_t count = tensorType(op.getKey()).getNumElements();
  Value rows = e.rowLimit(count, op.getRows()), next = e.scratch();
  Value order = e.pointer(op.getOrder()), offsets = e.pointer(op.getOffsets());
  auto classOf = [&](Value row) {
    Value key = e.toIndex(e.loadScalar(e.i32(), e.pointer(op.getKey()), row));
    return e.max(e.min(key, e.index(classes - 1)), e.index(0));
  };
  auto increment = [&](Value place) {
    Value old = e.loadScalar(e.i32(), next, place);
    e.storeScalar(arith::AddIOp::create(e.b, old, e.integer(1)), next, place);
    return old;
  };
  e.loop(e.begin(), e.end(), 1, [&](Value) {
    e.columns(classes,
              [&](Value column, Value mask) { e.store(splatInteger(e, 0), next, column, mask); });
    e.loop(e.index(0), rows, 1, [&](Value row) { increment(classOf(row)); });
    e.storeScalar(e.integer(0), offsets, e.index(0));
    e.fold(e.index(0), e.index(classes), 1, e.integer(0), [&](Value place, ValueRange carried) {
      Value members = e.loadScalar(e.i32(), next, place);
      Value after = arith::AddIOp::create(e.b, carried[0], members);
      e.storeScalar(carried[0], next, place);
      e.storeScalar(after, offsets, e.add(place, 1));
      return SmallVector<Value>{after};
    });
    e.loop(e.index(0), rows, 1, [&](Value row) {
      Value place = e.toIndex(increment(classOf(row)));
      e.storeScalar(toInteger(e, row), order, place);
    });
  });
  return success();
}

LogicalResult emitNonzero(NonzeroOp op, KernelEmitter &e) {
  RankedTensorType mask = tensorType(op.getMask());
  bool isFloat = mask.getElementType().isF32();
  e.loop(e.begin(), e.end(), 1, [&](Value) {
    Value count = e.fold(
        e.index(0), e.index(mask.getNumElements()), 1, e.index(0),
        [&](Value position, ValueRange carried) {
          Value value =
              e.loadScalar(isFloat ? e.f32() : e.i32(), e.pointer(op.getMask()), position);
          Value counts =
              isFloat
                  ? Value(arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNE, value, e.real(0.0)))
                  : compare(e, arith::CmpIPredicate::ne, value, e.integer(0));
          Value kept =
              both(e, counts, e.less(carried[0], e.index(static_cast<int64_t>(op.getCapacity()))));
          e.ifThen(kept, [&] {
            e.storeScalar(toInteger(e, position), e.pointer(op.getIndex()), carried[0]);
          });
          return SmallVector<Value>{e.add(carried[0], arith::ExtUIOp::create(e.b, e.i64(), kept))};
        })[0];
    e.storeScalar(toInteger(e, count), e.pointer(op.getCount()), e.index(0));
  });
  return success();
}

// One score per item: 1 + how many keys before it are at least as great. NaN is below every number.
LogicalResult emitPrefixRank(PrefixRankOp op, KernelEmitter &e) {
  Matrix score = matrixOf(op.getScore()), keys = matrixOf(op.getKeys());
  e.loop(e.begin(), e.end(), 1, [&](Value item) {
    Value sequence = e.div(item, score.columns), t = e.rem(item, score.columns);
    Value position = e.index(keys.columns - score.columns);
    if (op.getPosition())
      position = e.toIndex(e.loadScalar(e.i32(), e.pointer(op.getPosition()), sequence));
    Value limit = e.max(e.min(e.add(position, t), e.index(keys.columns)), e.index(0));
    Value own = e.splat(e.loadScalar(e.f32(), e.pointer(op.getScore()), item));
    Value isNan = arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNO, own, own);
    Value start = e.mul(sequence, keys.columns);
    SmallVector<Value> counts = e.foldColumns(
        e.index(0), limit, splatInteger(e, 0), [&](Value column, Value mask, ValueRange carried) {
          Value key = e.load(e.pointer(op.getKeys()), e.add(start, column), mask);
          Value ahead = arith::OrIOp::create(
              e.b, isNan, arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGE, key, own));
          Value one =
              arith::ExtUIOp::create(e.b, e.vector(e.i32()), mask ? both(e, ahead, mask) : ahead);
          return SmallVector<Value>{arith::AddIOp::create(e.b, carried[0], one)};
        });
    Value rank = arith::AddIOp::create(e.b, laneSum(e, counts[0]), e.integer(1));
    e.storeScalar(rank, e.pointer(op.getRank()), item);
  });
  return success();
}

} // namespace

void hydra::attachSelectionKernels(MLIRContext *context) {
  attachKernel<TopKOp, emitTopK>(context);
  attachKernel<CountingSortOp, emitCountingSort>(context);
  attachKernel<NonzeroOp, emitNonzero>(context);
  attachKernel<PrefixRankOp, emitPrefixRank>(context);
}
