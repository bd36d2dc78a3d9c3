// Kind `attention_forward`. One item is a tile of query rows of all heads that share a key head:
// block by block the keys that it sees are packed once, and each lane group of the tile makes its
// scores, moves its maximum, and adds the weighted values (online softmax). Nothing here runs in
// place.
#include "compiler/codegen/AttentionLanes.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class Forward : AttentionLanes {
public:
  Forward(AttentionOp op, KernelEmitter &e, plan::AttentionTilingAttr tiling)
      : AttentionLanes(e, op, tiling), op(op),
        // Powers are of 2: the scores are scaled to that.
        scale(e.mulf(e.splat(e.scalar(op, "scale")), e.splat(kLog2E))) {}

  void emit();

private:
  void tile(const AttentionTile &tile);
  void prepare(const AttentionTile &tile, Value position, Value group);
  void softmax(Value group, Value first);
  void finish(const AttentionTile &tile, Value group);
  // The last key that query row t sees.
  Value lastKey(Value position, Value t) {
    return e.min(e.max(e.add(position, t), e.index(0)), e.index(extents.keys - 1));
  }

  AttentionOp op;
  Value scale;
};

void Forward::prepare(const AttentionTile &tile, Value position, Value group) {
  LaneQueries lanes = queries(tile, group);
  // bf16 queries are not rounded once more; their scores are scaled instead.
  packLanes(
      e.pointer(op.getQ()), lanes.words, ofGroup(group, at.q),
      [&](Value words, int64_t, Value) { return extents.half ? words : e.mulf(words, scale); });
  clearLanes(ofGroup(group, at.result));
  e.store(e.splat(0.0), ofGroup(group, at.sums), e.index(0));
  e.store(e.splat(-std::numeric_limits<double>::infinity()), ofGroup(group, at.maxima), e.index(0));
  for (int64_t lane = 0; lane < kLanes; ++lane)
    e.storeScalar(arith::TruncIOp::create(e.b, e.i32(), lastKey(position, lanes.rows[lane])),
                  ofGroup(group, at.limits), e.index(lane));
}

// Scores become weights relative to the new maximum; sums and results so far are scaled to it.
void Forward::softmax(Value group, Value first) {
  constexpr int64_t kChains = 4;
  Value scores = scratch(at.scores), zero = e.index(0);
  maskScores(group, first, scores);
  Value before = e.load(ofGroup(group, at.maxima), zero);
  SmallVector<Value> maxima(kChains, before);
  maxima = e.fold(zero, e.index(block), kChains, maxima, [&](Value j, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t chain = 0; chain < kChains; ++chain) {
      Value score = e.load(scores, e.mul(e.add(j, chain), kLanes));
      next.push_back(e.larger(extents.half ? e.mulf(score, scale) : score, carried[chain]));
    }
    return next;
  });
  Value maximum = e.larger(e.larger(maxima[0], maxima[1]), e.larger(maxima[2], maxima[3]));
  Value factor = exp2(e.subf(before, maximum));
  Value lowered = e.subf(e.splat(0.0), maximum);
  auto weightAt = [&](Value place) {
    Value score = e.load(scores, place);
    return exp2(extents.half ? e.fma(score, scale, lowered) : e.subf(score, maximum));
  };
  SmallVector<Value> sum = {e.mulf(e.load(ofGroup(group, at.sums), zero), factor)};
  sum = e.fold(zero, e.index(block), kChains, sum, [&](Value j, ValueRange carried) {
    Value total = carried[0];
    SmallVector<Value> weights;
    for (int64_t chain = 0; chain < kChains; ++chain) {
      Value place = e.mul(e.add(j, chain), kLanes);
      weights.push_back(weightAt(place));
      if (extents.half)
        continue;
      e.store(weights.back(), scores, place);
      total = e.addf(total, weights.back());
    }
    // Results are divided by the sum of what multiplied v: one of weights that are not rounded
    // would leave an error of the size of v in them, which the gradient of scores cannot afford.
    for (int64_t pair = 0; extents.half && pair < kChains; pair += 2) {
      Value rounded = products.roundBoth(weights[pair], weights[pair + 1]);
      e.store(products.interleave(rounded), scratch(at.pairs), e.mul(e.add(j, pair), kLanes / 2));
      for (int64_t half : {0, 1})
        total = e.addf(total, products.widen(rounded, half));
    }
    return SmallVector<Value>{total};
  });
  e.store(maximum, ofGroup(group, at.maxima), zero);
  e.store(sum[0], ofGroup(group, at.sums), zero);
  Value result = ofGroup(group, at.result);
  e.loop(zero, e.index(extents.width * kLanes), kLanes,
         [&](Value place) { e.store(e.mulf(factor, e.load(result, place)), result, place); });
}

void Forward::finish(const AttentionTile &tile, Value group) {
  LaneQueries lanes = queries(tile, group);
  Value sum = e.load(ofGroup(group, at.sums), e.index(0));
  unpackLanes(ofGroup(group, at.result), e.divf(e.splat(1.0), sum), e.pointer(op.getResult()),
              lanes.starts);
  Value maximum = e.load(ofGroup(group, at.maxima), e.index(0));
  Value lse = e.fma(maximum, e.splat(kLn2), e.log(sum));
  for (int64_t lane = 0; lane < kLanes; ++lane)
    e.storeScalar(e.extract(lse, lane), e.pointer(op.getLse()), lanes.places[lane]);
}

void Forward::tile(const AttentionTile &tile) {
  Value position = e.scalarOperand(op.getPosition(), extents.keys - extents.queries, tile.batch);
  Value groups = groupCount(tile), keys = e.add(lastKey(position, tile.last), 1);
  e.loop(e.index(0), groups, 1, [&](Value group) { prepare(tile, position, group); });
  e.loop(e.index(0), keys, block, [&](Value first) {
    Value count = e.min(e.sub(keys, first), e.index(block));
    packKeys(op.getK(), tile, first, count, scratch(at.keys));
    packKeys(op.getV(), tile, first, count, scratch(at.values));
    if (extents.half)
      packColumns(scratch(at.values), scratch(at.columns));
    e.loop(e.index(0), groups, 1, [&](Value group) {
      Value sees = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, first, lastLimit(group));
      e.ifThen(sees, [&] {
        score(scratch(at.keys), ofGroup(group, at.q), scratch(at.scores));
        softmax(group, first);
        sumColumns(scratch(extents.half ? at.columns : at.values),
                   scratch(extents.half ? at.pairs : at.scores), ofGroup(group, at.result));
      });
    });
  });
  e.loop(e.index(0), groups, 1, [&](Value group) { finish(tile, group); });
}

void Forward::emit() {
  int64_t tiles = llvm::divideCeil(extents.queries, rows);
  e.loop(e.begin(), e.end(), 1, [&](Value item) {
    Value first = e.mul(e.rem(item, tiles), rows), head = e.div(item, tiles);
    Value last = e.min(e.add(first, rows - 1), e.index(extents.queries - 1));
    AttentionTile one{e.div(head, extents.kvHeads), e.rem(head, extents.kvHeads), first, last};
    if (!op.getCount())
      return tile(one);
    Value count = e.scalarOperand(op.getCount(), 0, one.batch);
    one.last = e.min(last, e.add(count, -1));
    e.ifThen(e.less(first, count), [&] { tile(one); });
  });
}

LogicalResult emitAttention(AttentionOp op, KernelEmitter &e) {
  if (failed(requireBf16(op, op.getQ(), e.level())))
    return failure();
  Forward(op, e, e.kernel().getTilingAttr()).emit();
  return success();
}

} // namespace

void hydra::attachAttentionForwardKernels(MLIRContext *context) {
  attachKernel<AttentionOp, emitAttention>(context);
}
