// hydra.sample: one item is a sequence. Nothing is sorted: the least likely id that is kept is
// found by searching its score bit by bit, and sums are of integers, so that their order does not
// matter.
//
// Scratch: a weight (i64) per id, a score (f32), later its ordered key (i32), per id, both padded
// to whole vectors with -infinity, and the weight of all.
#include "compiler/codegen/KernelEmitter.h"
#include "dialects/hydra/SamplingWeights.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/base/philox.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class SampleEmitter {
public:
  SampleEmitter(SampleOp op, KernelEmitter &emitter)
      : op(op), e(emitter), b(emitter.b), columns(tensorType(op.getLogits()).getShape()[1]),
        padded(llvm::alignTo(columns, kLanes)), weights(e.scratch()),
        keys(e.address(weights, e.index(padded), 8)), total(e.address(keys, e.index(padded))) {}

  void emitSequence(Value sequence);

private:
  using Blocks = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;
  SmallVector<Value> overIds(ValueRange initial, Blocks body) {
    return e.fold(e.index(0), e.index(padded), kLanes, initial, body);
  }
  Value idsOf(Value block) {
    return e.add(e.splat(arith::TruncIOp::create(b, e.i32(), block)), e.lanes());
  }
  Value wide(int64_t value) { return e.splat(e.index(value)); }
  Value integer(Value scalar) { return arith::TruncIOp::create(b, e.i32(), scalar); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value c) {
    return arith::CmpIOp::create(b, predicate, a, c);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value c) {
    return arith::CmpFOp::create(b, predicate, a, c);
  }
  Value both(Value a, Value c) { return arith::AndIOp::create(b, a, c); }
  Value either(Value a, Value c) { return arith::OrIOp::create(b, a, c); }
  Value reduce(vector::CombiningKind kind, Value lanes) {
    return vector::ReductionOp::create(b, kind, lanes);
  }
  Value sum(Value lanes) { return reduce(vector::CombiningKind::ADD, lanes); }
  Value weightsAt(Value block) { return e.load(weights, block, {}, e.i64()); }
  Value keysAt(Value block) { return e.load(keys, block, {}, e.i32()); }

  void emitScores(Value sequence, Value length, Value ids);
  void emitWeights(Value highest);
  Value orderedKey(Value scores);
  Value weightOf(Value scores, Value highest, Value scale);
  // Keeps the fewest most likely ids whose weights (or numbers) add up to `goal`, which is at least
  // 1 and at most what there is; the weights of the others become 0.
  void emitRestriction(Value goal, bool byWeight);
  Value nucleusWeight(Value topP);
  Value randomBits(Value sequence, Value length);
  Value pick(Value random);

  SampleOp op;
  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  int64_t columns, padded;
  Value weights, keys, total;
};

// Scores of the first `ids` ids, repeated ones made less likely; -infinity behind them.
void SampleEmitter::emitScores(Value sequence, Value length, Value ids) {
  Value logits = e.pointer(op.getLogits()), first = e.mul(sequence, columns);
  Value lowest = e.splat(e.real(-std::numeric_limits<double>::infinity()));
  Value limit = e.splat(integer(ids));
  overIds({}, [&](Value block, ValueRange) {
    Value inside = e.less(idsOf(block), limit);
    // Adding zero makes -0 and 0 one score.
    Value scores = e.addf(e.load(logits, e.add(first, block), inside), e.splat(0.0));
    e.store(e.select(inside, scores, lowest), keys, block);
    return SmallVector<Value>();
  });
  Value penalty = e.loadScalar(e.f32(), e.pointer(op.getRepeatPenalty()), e.index(0));
  e.ifThen(compare(arith::CmpFPredicate::UNE, penalty, e.real(1.0)), [&] {
    int64_t places = tensorType(op.getHistory()).getShape()[1];
    Value history = e.mul(sequence, places);
    e.loop(e.index(0), e.min(length, e.index(places)), 1, [&](Value place) {
      Value id =
          e.toIndex(e.loadScalar(e.i32(), e.pointer(op.getHistory()), e.add(history, place)));
      Value known = both(compare(arith::CmpIPredicate::sge, id, e.index(0)), e.less(id, ids));
      e.ifThen(known, [&] {
        Value score = e.addf(e.loadScalar(e.f32(), logits, e.add(first, id)), e.real(0.0));
        Value negative = compare(arith::CmpFPredicate::OLT, score, e.real(0.0));
        e.storeScalar(e.select(negative, e.mulf(score, penalty), e.divf(score, penalty)), keys, id);
      });
    });
  });
}

// Integers in the order of the scores.
Value SampleEmitter::orderedKey(Value scores) {
  Value bits = arith::BitcastOp::create(b, e.vector(e.i32()), scores);
  Value sign = arith::ShRSIOp::create(b, bits, e.splat(e.integer(31)));
  Value flip = both(sign, e.splat(e.integer(std::numeric_limits<int32_t>::max())));
  return arith::XOrIOp::create(b, bits, flip);
}

// As SamplingWeights.h says.
Value SampleEmitter::weightOf(Value scores, Value highest, Value scale) {
  auto real = [&](double value) { return e.splat(e.realDouble(value)); };
  Value y = e.mulf(e.subf(e.toDouble(scores), highest), scale);
  y = e.maxf(y, real(kLowestExponent));
  Value n = math::RoundEvenOp::create(b, y), f = e.subf(y, n);
  Value p = real(*std::rbegin(kExp2Coefficients));
  for (double coefficient : llvm::drop_begin(llvm::reverse(kExp2Coefficients)))
    p = e.fma(p, f, real(coefficient));
  Value exponent = arith::FPToSIOp::create(b, e.vector(e.i32()), n);
  exponent = arith::ExtSIOp::create(b, e.vector(e.i64()), exponent);
  constexpr int64_t kBias = 1023, kMantissa = 52;
  Value power =
      arith::ShLIOp::create(b, e.add(exponent, wide(kBias + kWeightBits)), wide(kMantissa));
  power = arith::BitcastOp::create(b, e.vector(e.f64()), power);
  Value rounded = math::RoundEvenOp::create(b, e.mulf(p, power));
  return arith::FPToSIOp::create(b, e.vector(e.i64()), rounded);
}

// Scores become keys; weights and their sum are new.
void SampleEmitter::emitWeights(Value highest) {
  Value temperature = e.loadScalar(e.f32(), e.pointer(op.getTemperature()), e.index(0));
  Value scale = e.splat(e.divf(e.realDouble(kLog2E), e.toDouble(temperature)));
  Value top = e.splat(e.toDouble(highest));
  Value lanes = overIds(wide(0), [&](Value block, ValueRange carried) {
    Value scores = e.load(keys, block), weight = weightOf(scores, top, scale);
    e.store(orderedKey(scores), keys, block);
    e.store(weight, weights, block);
    return SmallVector<Value>{e.add(carried[0], weight)};
  })[0];
  e.storeScalar(sum(lanes), total, e.index(0));
}

void SampleEmitter::emitRestriction(Value goal, bool byWeight) {
  Value zero = wide(0), one = wide(1);
  auto measure = [&](Value block) { return byWeight ? weightsAt(block) : one; };
  auto measured = [&](Value block, Value chosen) { return e.select(chosen, measure(block), zero); };
  // The largest key that reaches the goal with all above it, from its highest bit down; bits are
  // those of an unsigned number, whose order the flipped sign makes that of the keys.
  Value flip = e.integer(std::numeric_limits<int32_t>::min());
  auto bit = [&](Value round, int32_t first) {
    return arith::ShRUIOp::create(b, e.integer(first), integer(round));
  };
  Value found = e.fold(e.index(0), e.index(32), 1, e.integer(0), [&](Value round, ValueRange t) {
    Value candidate = either(t[0], bit(round, std::numeric_limits<int32_t>::min()));
    Value key = e.splat(arith::XOrIOp::create(b, candidate, flip));
    Value reached = sum(overIds(zero, [&](Value block, ValueRange carried) {
      Value above = compare(arith::CmpIPredicate::sge, keysAt(block), key);
      return SmallVector<Value>{e.add(carried[0], measured(block, above))};
    })[0]);
    Value enough = compare(arith::CmpIPredicate::sge, reached, goal);
    return SmallVector<Value>{e.select(enough, candidate, t[0])};
  })[0];
  Value key = e.splat(arith::XOrIOp::create(b, found, flip));

  // Of the ids with that key, whose weights are equal, the first few by id.
  auto isTie = [&](Value block) {
    Value equal = compare(arith::CmpIPredicate::eq, keysAt(block), key);
    return both(equal, compare(arith::CmpIPredicate::sgt, measure(block), zero));
  };
  SmallVector<Value> sums = overIds({zero, zero, zero}, [&](Value block, ValueRange carried) {
    Value above = compare(arith::CmpIPredicate::sgt, keysAt(block), key), tie = isTie(block);
    return SmallVector<Value>{e.add(carried[0], measured(block, above)),
                              e.add(carried[1], measured(block, tie)),
                              e.add(carried[2], e.select(tie, one, zero))};
  });
  Value above = sum(sums[0]), ties = sum(sums[2]);
  Value each = arith::DivSIOp::create(b, sum(sums[1]), ties);
  Value missing = e.add(e.sub(goal, above), e.add(each, -1));
  Value quota = arith::DivSIOp::create(b, missing, each);
  Value cut = e.less(quota, ties);
  Value rounds = e.select(cut, e.index(31), e.index(0));
  Value last = e.fold(e.index(0), rounds, 1, e.integer(0), [&](Value round, ValueRange id) {
    Value candidate = either(id[0], bit(round, 1 << 30));
    Value bound = e.splat(candidate);
    Value before = sum(overIds(zero, [&](Value block, ValueRange carried) {
      Value counted = both(isTie(block), e.less(idsOf(block), bound));
      return SmallVector<Value>{e.add(carried[0], e.select(counted, one, zero))};
    })[0]);
    return SmallVector<Value>{e.select(e.less(before, quota), candidate, id[0])};
  })[0];
  last = e.splat(e.select(cut, last, e.integer(std::numeric_limits<int32_t>::max())));

  Value lanes = overIds(zero, [&](Value block, ValueRange carried) {
    Value tie = both(isTie(block), compare(arith::CmpIPredicate::sle, idsOf(block), last));
    Value kept = either(compare(arith::CmpIPredicate::sgt, keysAt(block), key), tie);
    Value weight = e.select(kept, weightsAt(block), zero);
    e.store(weight, weights, block);
    return SmallVector<Value>{e.add(carried[0], weight)};
  })[0];
  e.storeScalar(sum(lanes), total, e.index(0));
}

Value SampleEmitter::nucleusWeight(Value topP) {
  Value all = e.loadScalar(e.i64(), total, e.index(0));
  Value whole = arith::SIToFPOp::create(b, e.f64(), all);
  Value wanted = math::CeilOp::create(b, e.mulf(e.toDouble(topP), whole));
  Value some = compare(arith::CmpFPredicate::OGE, wanted, e.realDouble(1.0));
  Value inside = both(some, compare(arith::CmpFPredicate::OLT, wanted, whole));
  // Converted only where it is known to fit.
  Value fitting = e.select(inside, wanted, e.realDouble(1.0));
  Value goal = arith::FPToSIOp::create(b, e.i64(), fitting);
  return e.select(inside, goal, e.select(some, all, e.index(1)));
}

// Two words of Philox, the first one above.
Value SampleEmitter::randomBits(Value sequence, Value length) {
  Value low = e.index(0xFFFFFFFF);
  auto word = [&](Value tensor, Value offset) {
    return arith::ExtUIOp::create(b, e.i64(), e.loadScalar(e.i32(), e.pointer(tensor), offset));
  };
  auto high = [&](Value value) -> Value { return arith::ShRUIOp::create(b, value, e.index(32)); };
  auto mix = [&](Value a, Value c, Value d) -> Value {
    return arith::XOrIOp::create(b, arith::XOrIOp::create(b, a, c), d);
  };
  Value counter[] = {e.index(0), both(length, low), word(op.getSequence(), sequence),
                     e.index(kSampleStream)};
  Value seed = e.mul(sequence, 2);
  Value key[] = {word(op.getSeed(), seed), word(op.getSeed(), e.add(seed, 1))};
  for (int round = 0; round < ::hydra::kPhiloxRounds; ++round) {
    Value first = e.mul(counter[0], int64_t{::hydra::kPhiloxMultipliers[0]});
    Value second = e.mul(counter[2], int64_t{::hydra::kPhiloxMultipliers[1]});
    Value mixed[] = {mix(high(second), counter[1], key[0]), both(second, low),
                     mix(high(first), counter[3], key[1]), both(first, low)};
    llvm::copy(mixed, counter);
    for (int i = 0; i < 2; ++i)
      key[i] = both(e.add(key[i], int64_t{::hydra::kPhiloxKeySteps[i]}), low);
  }
  return either(arith::ShLIOp::create(b, counter[0], e.index(32)), counter[1]);
}

// The first id whose weight and those before it exceed random / 2^64 of all.
Value SampleEmitter::pick(Value random) {
  Value all = e.loadScalar(e.i64(), total, e.index(0));
  Value target = arith::MulUIExtendedOp::create(b, random, all).getHigh();
  auto passes = [&](Value sum) { return compare(arith::CmpIPredicate::sgt, sum, target); };
  // The block, then the id within it.
  SmallVector<Value> found =
      overIds({e.index(0), e.index(0), e.index(0)}, [&](Value block, ValueRange carried) {
        Value before = carried[0], after = e.add(before, sum(weightsAt(block)));
        Value here = both(passes(after), compare(arith::CmpIPredicate::sle, before, target));
        return SmallVector<Value>{after, e.select(here, block, carried[1]),
                                  e.select(here, before, carried[2])};
      });
  Value block = found[1];
  return e.fold(
      e.index(0), e.index(kLanes), 1, {found[2], block}, [&](Value lane, ValueRange carried) {
        Value before = carried[0], id = e.add(block, lane);
        Value after = e.add(before, e.loadScalar(e.i64(), weights, id));
        Value here = both(passes(after), compare(arith::CmpIPredicate::sle, before, target));
        return SmallVector<Value>{after, e.select(here, id, carried[1])};
      })[1];
}

void SampleEmitter::emitSequence(Value sequence) {
  Value result = e.pointer(op.getResult());
  auto control = [&](Type type, Value tensor) {
    return e.loadScalar(type, e.pointer(tensor), e.index(0));
  };
  e.storeScalar(e.integer(-1), result, sequence);
  Value count = e.scalarOperand(op.getCount(), 0, sequence);
  e.ifThen(compare(arith::CmpIPredicate::sgt, count, e.index(0)), [&] {
    Value length = e.add(e.scalarOperand(op.getPosition(), 0, sequence), count);
    Value ids = e.max(e.min(e.scalarOperand(op.getVocabulary(), 0), e.index(columns)), e.index(1));
    emitScores(sequence, length, ids);
    // The highest score, and whether one is NaN or +infinity.
    double infinity = std::numeric_limits<double>::infinity();
    Value none = e.splat(e.integer(0)), some = e.splat(e.integer(1));
    SmallVector<Value> lanes =
        overIds({e.splat(e.real(-infinity)), none}, [&](Value block, ValueRange carried) {
          Value scores = e.load(keys, block);
          Value bad = compare(arith::CmpFPredicate::UGE, scores, e.splat(e.real(infinity)));
          return SmallVector<Value>{e.larger(scores, carried[0]),
                                    either(carried[1], e.select(bad, some, none))};
        });
    Value highest = e.treeLarger(lanes[0]);
    Value bad = reduce(vector::CombiningKind::OR, lanes[1]);
    Value fine = both(compare(arith::CmpIPredicate::eq, bad, e.integer(0)),
                      compare(arith::CmpFPredicate::OGT, highest, e.real(-infinity)));
    e.ifThen(fine, [&] {
      Value beyond = e.splat(e.integer(std::numeric_limits<int32_t>::max()));
      Value top = e.splat(highest);
      Value likeliest = overIds(beyond, [&](Value block, ValueRange carried) {
        Value equal = compare(arith::CmpFPredicate::OEQ, e.load(keys, block), top);
        return SmallVector<Value>{e.min(e.select(equal, idsOf(block), beyond), carried[0])};
      })[0];
      e.storeScalar(reduce(vector::CombiningKind::MINSI, likeliest), result, sequence);
      Value temperature = control(e.f32(), op.getTemperature());
      e.ifThen(compare(arith::CmpFPredicate::OGT, temperature, e.real(0.0)), [&] {
        emitWeights(highest);
        Value topK = e.scalarOperand(op.getTopK(), 0);
        e.ifThen(both(compare(arith::CmpIPredicate::sgt, topK, e.index(0)), e.less(topK, ids)),
                 [&] { emitRestriction(topK, /*byWeight=*/false); });
        Value topP = control(e.f32(), op.getTopP());
        e.ifThen(compare(arith::CmpFPredicate::ULT, topP, e.real(1.0)),
                 [&] { emitRestriction(nucleusWeight(topP), /*byWeight=*/true); });
        e.storeScalar(integer(pick(randomBits(sequence, length))), result, sequence);
      });
    });
  });
}

LogicalResult emitSample(SampleOp op, KernelEmitter &e) {
  SampleEmitter emitter(op, e);
  e.loop(e.begin(), e.end(), 1, [&](Value sequence) { emitter.emitSequence(sequence); });
  return success();
}

} // namespace

void mlir::hydra::attachSampleKernels(MLIRContext *context) {
  attachKernel<SampleOp, emitSample>(context);
}
