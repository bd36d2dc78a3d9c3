// Kind `attention_backward`; scores are recomputed from q, k and lse, once. One item is a part of
// the query rows of all heads that share a key head: tile by tile, and block by block of the keys
// that the tile sees,
//   P = exp(scale q k - lse), dS = P (dy v - D) with D = dy . y of a query,
//   dq += scale dS k, dv += P^T dy, dk += scale dS^T q.
// dq of a tile stays in scratch; dk and dv of the block are added to memory: to the results if
// there is one part, else to the part's own rows of the partial buffer, which stage 1 adds in
// order. Nothing here runs in place.
#include "compiler/codegen/AttentionLanes.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Where dk or dv of one head of one sequence stand: row u at start + u * stride.
struct KeyGradients {
  Value pointer, start;
  int64_t stride;
};

class Backward : AttentionLanes {
public:
  Backward(AttentionGradOp op, KernelEmitter &e, plan::AttentionTilingAttr tiling)
      : AttentionLanes(e, op, tiling), op(op), bounds(tiling.getParts()),
        scale(e.splat(e.scalar(op, "scale"))) {}

  void emitParts();
  void emitSums();

private:
  int64_t parts() const { return static_cast<int64_t>(bounds.size()) - 1; }
  // A number of bounds, chosen by a part that is known when the kernel runs.
  Value boundOf(Value part, int64_t offset);
  KeyGradients result(Value tensor, Value batch, Value kvHead) {
    return {e.pointer(tensor), keyRow(batch, e.index(0), kvHead, extents.width),
            extents.kvHeads * extents.width};
  }
  KeyGradients partial(Value part, int64_t which, Value batch, Value kvHead);
  void tile(const AttentionTile &tile, const KeyGradients &dk, const KeyGradients &dv);
  void prepare(const AttentionTile &tile, Value group);
  void packQueries(const LaneQueries &lanes, Value group);
  void differentiate(Value group, Value first);
  void differentiateHalf(Value group, Value first);
  void blockGradients(Value group, Value first);
  Value loadFloats(Value tensor, Value place, Value mask);
  void addTo(const KeyGradients &target, Value first, Value count, Value from);

  AttentionGradOp op;
  ArrayRef<int64_t> bounds;
  Value scale;
};

Value Backward::boundOf(Value part, int64_t offset) {
  Value bound = e.index(bounds[offset]);
  for (int64_t p = 1; p < parts(); ++p) {
    Value same = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, part, e.index(p));
    bound = e.select(same, e.index(bounds[p + offset]), bound);
  }
  return bound;
}

KeyGradients Backward::partial(Value part, int64_t which, Value batch, Value kvHead) {
  Value head = e.add(e.mul(batch, extents.kvHeads), kvHead);
  Value matrix = e.add(e.mul(e.add(e.mul(part, 2), which), extents.batch * extents.kvHeads), head);
  return {e.partial(), e.mul(matrix, extents.keys * extents.width), extents.width};
}

void Backward::packQueries(const LaneQueries &lanes, Value group) {
  Value qRows = ofGroup(group, at.qRows), dyRows = ofGroup(group, at.dyRows);
  auto unchanged = [](Value words, int64_t, Value) { return words; };
  if (extents.half) {
    packLanes(e.pointer(op.getQ()), lanes.words, ofGroup(group, at.q), unchanged);
    packLanes(e.pointer(op.getDy()), lanes.words, ofGroup(group, at.dy), unchanged);
    packLanePairs(e.pointer(op.getQ()), lanes, qRows);
    packLanePairs(e.pointer(op.getDy()), lanes, dyRows);
    return;
  }
  // Rows of a lane without a query of its own are zero, so that it adds nothing to dk and dv.
  auto keep = [&](Value vector, int64_t lane, Value column, Value to) {
    Value own = e.select(lanes.own[lane], vector, e.splat(0.0));
    e.store(own, to, e.add(column, lane * padded));
  };
  packLanes(e.pointer(op.getQ()), lanes.words, ofGroup(group, at.q),
            [&](Value vector, int64_t lane, Value column) {
              Value scaled = e.mulf(vector, scale);
              keep(scaled, lane, column, qRows);
              return e.mulf(scaled, e.splat(kLog2E));
            });
  packLanes(e.pointer(op.getDy()), lanes.words, ofGroup(group, at.dy),
            [&](Value vector, int64_t lane, Value column) {
              keep(vector, lane, column, dyRows);
              return vector;
            });
}

void Backward::prepare(const AttentionTile &tile, Value group) {
  LaneQueries lanes = queries(tile, group);
  packQueries(lanes, group);
  clearLanes(ofGroup(group, at.result));
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    Value start = lanes.starts[lane];
    Value sums =
        e.foldColumns(extents.width, e.splat(0.0), [&](Value column, Value mask, ValueRange sum) {
          Value place = e.add(start, column), dy = loadFloats(op.getDy(), place, mask);
          return SmallVector<Value>{e.fma(dy, e.load(e.pointer(op.getY()), place, mask), sum[0])};
        })[0];
    e.storeScalar(e.treeSum(sums), ofGroup(group, at.maxima), e.index(lane));
    Value lse = e.loadScalar(e.f32(), e.pointer(op.getLse()), lanes.places[lane]);
    e.storeScalar(e.mulf(lse, e.real(kLog2E)), ofGroup(group, at.sums), e.index(lane));
    e.storeScalar(arith::TruncIOp::create(e.b, e.i32(), lanes.rows[lane]),
                  ofGroup(group, at.limits), e.index(lane));
  }
}

// Scores become P, slopes become dS / scale.
void Backward::differentiate(Value group, Value first) {
  constexpr int64_t kUnroll = 4;
  Value scores = scratch(at.scores), slopes = scratch(at.slopes);
  maskScores(group, first, scores);
  Value lse = e.load(ofGroup(group, at.sums), e.index(0));
  Value inner = e.load(ofGroup(group, at.maxima), e.index(0));
  e.loop(e.index(0), e.index(block), kUnroll, [&](Value j) {
    for (int64_t i = 0; i < kUnroll; ++i) {
      Value place = e.mul(e.add(j, i), kLanes);
      Value p = exp2(e.subf(e.load(scores, place), lse));
      e.store(p, scores, place);
      e.store(e.mulf(p, e.subf(e.load(slopes, place), inner)), slopes, place);
    }
  });
}

// The same for bf16, rounded: rows of P and of dS, and pairs of keys of dS. q is not scaled here,
// so that scores are, and dS is whole.
void Backward::differentiateHalf(Value group, Value first) {
  Value scores = scratch(at.scores), slopes = scratch(at.slopes);
  maskScores(group, first, scores);
  Value zero = e.splat(0.0), powers = e.mulf(scale, e.splat(kLog2E));
  Value lse = e.subf(zero, e.load(ofGroup(group, at.sums), e.index(0)));
  Value inner = e.mulf(e.subf(zero, scale), e.load(ofGroup(group, at.maxima), e.index(0)));
  e.loop(e.index(0), e.index(block), 2, [&](Value j) {
    SmallVector<Value> p, ds;
    for (int64_t i = 0; i < 2; ++i) {
      Value place = e.mul(e.add(j, i), kLanes);
      p.push_back(exp2(e.fma(e.load(scores, place), powers, lse)));
      ds.push_back(e.mulf(p.back(), e.fma(e.load(slopes, place), scale, inner)));
    }
    Value place = e.mul(j, kLanes / 2), rounded = products.roundBoth(ds[0], ds[1]);
    e.store(products.roundBoth(p[0], p[1]), scratch(at.weightRows), place);
    e.store(rounded, scratch(at.slopeRows), place);
    e.store(products.interleave(rounded), scratch(at.pairs), place);
  });
}

// Sixteen elements of a float tensor, as float32.
Value Backward::loadFloats(Value tensor, Value place, Value mask) {
  if (!extents.half)
    return e.load(e.pointer(tensor), place, mask);
  Value bits = e.load(e.pointer(tensor), place, mask, e.b.getI16Type());
  Value wide = arith::ExtUIOp::create(e.b, e.vector(e.i32()), bits);
  Value shifted = arith::ShLIOp::create(e.b, wide, e.splat(e.integer(16)));
  return arith::BitcastOp::create(e.b, e.vector(e.f32()), shifted);
}

void Backward::addTo(const KeyGradients &target, Value first, Value count, Value from) {
  e.loop(e.index(0), count, 1, [&](Value j) {
    Value to = e.add(target.start, e.mul(e.add(first, j), target.stride));
    e.columns(extents.width, [&](Value column, Value mask) {
      e.store(e.load(from, e.add(e.mul(j, padded), column)), target.pointer, e.add(to, column),
              mask);
    });
  });
}

void Backward::blockGradients(Value group, Value first) {
  score(scratch(at.keys), ofGroup(group, at.q), scratch(at.scores));
  score(scratch(at.values), ofGroup(group, at.dy), scratch(at.slopes));
  bool half = extents.half;
  if (half)
    differentiateHalf(group, first);
  else
    differentiate(group, first);
  sumColumns(scratch(half ? at.columns : at.keys), scratch(half ? at.pairs : at.slopes),
             ofGroup(group, at.result));
  sumLanes(scratch(half ? at.weightRows : at.scores), ofGroup(group, at.dyRows),
           scratch(at.valueGradients));
  sumLanes(scratch(half ? at.slopeRows : at.slopes), ofGroup(group, at.qRows),
           scratch(at.keyGradients));
}

void Backward::tile(const AttentionTile &tile, const KeyGradients &dk, const KeyGradients &dv) {
  Value groups = groupCount(tile), keys = e.add(tile.last, 1);
  e.loop(e.index(0), groups, 1, [&](Value group) { prepare(tile, group); });
  e.loop(e.index(0), keys, block, [&](Value first) {
    Value count = e.min(e.sub(keys, first), e.index(block));
    packKeys(op.getK(), tile, first, count, scratch(at.keys));
    packKeys(op.getV(), tile, first, count, scratch(at.values));
    if (extents.half)
      packColumns(scratch(at.keys), scratch(at.columns));
    for (auto [target, place] : {std::pair(dk, at.keyGradients), std::pair(dv, at.valueGradients)})
      packRows(target.pointer, e.add(target.start, e.mul(first, target.stride)), target.stride,
               extents.width, count, scratch(place));
    e.loop(e.index(0), groups, 1, [&](Value group) {
      Value sees = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, first, lastLimit(group));
      e.ifThen(sees, [&] { blockGradients(group, first); });
    });
    addTo(dk, first, count, scratch(at.keyGradients));
    addTo(dv, first, count, scratch(at.valueGradients));
  });
  // dS of bf16 is whole, that of float32 lacks the scale.
  Value factor = extents.half ? e.splat(1.0) : scale;
  e.loop(e.index(0), groups, 1, [&](Value group) {
    unpackLanes(ofGroup(group, at.result), factor, e.pointer(op.getDq()),
                queries(tile, group).starts);
  });
}

void Backward::emitParts() {
  e.loop(e.begin(), e.end(), 1, [&](Value item) {
    Value part = e.rem(item, parts()), head = e.div(item, parts());
    Value batch = e.div(head, extents.kvHeads), kvHead = e.rem(head, extents.kvHeads);
    Value begin = e.mul(boundOf(part, 0), rows);
    Value end = e.min(e.mul(boundOf(part, 1), rows), e.index(extents.queries));
    bool alone = parts() == 1;
    KeyGradients dk = alone ? result(op.getDk(), batch, kvHead) : partial(part, 0, batch, kvHead);
    KeyGradients dv = alone ? result(op.getDv(), batch, kvHead) : partial(part, 1, batch, kvHead);
    e.loop(e.index(0), end, 1, [&](Value row) {
      for (const KeyGradients &gradients : {dk, dv})
        e.fill(gradients.pointer, e.add(gradients.start, e.mul(row, gradients.stride)),
               extents.width, e.splat(0.0));
    });
    e.loop(begin, end, rows, [&](Value first) {
      Value last = e.add(e.min(e.add(first, rows), end), -1);
      tile({batch, kvHead, first, last}, dk, dv);
    });
  });
}

// A tile of key rows of all heads of a sequence per item: the parts that saw it, in order.
void Backward::emitSums() {
  int64_t tiles = llvm::divideCeil(extents.queries, rows);
  e.loop(e.begin(), e.end(), 1, [&](Value item) {
    Value batch = e.div(item, tiles), tileNumber = e.rem(item, tiles);
    Value begin = e.mul(tileNumber, rows);
    Value end = e.min(e.add(begin, rows), e.index(extents.keys));
    // The first part whose rows reach the tile.
    Value firstPart = e.index(0);
    for (int64_t p = 1; p < parts(); ++p)
      firstPart = e.select(e.less(tileNumber, e.index(bounds[p])), firstPart, e.index(p));
    e.loop(e.index(0), e.index(extents.kvHeads), 1, [&](Value kvHead) {
      e.loop(begin, end, 1, [&](Value row) {
        for (auto [which, tensor] : {std::pair(0, op.getDk()), std::pair(1, op.getDv())}) {
          KeyGradients target = result(tensor, batch, kvHead);
          Value to = e.add(target.start, e.mul(row, target.stride));
          e.columns(extents.width, [&, which = which](Value column, Value mask) {
            Value zero = e.splat(0.0);
            Value sum =
                e.fold(firstPart, e.index(parts()), 1, zero, [&](Value part, ValueRange carried) {
                  KeyGradients from = partial(part, which, batch, kvHead);
                  Value place = e.add(e.add(from.start, e.mul(row, from.stride)), column);
                  return SmallVector<Value>{e.addf(carried[0], e.load(from.pointer, place, mask))};
                })[0];
            e.store(sum, target.pointer, e.add(to, column), mask);
          });
        }
      });
    });
  });
}

LogicalResult emitAttentionGrad(AttentionGradOp op, KernelEmitter &e) {
  if (failed(requireBf16(op, op.getQ(), e.level())))
    return failure();
  Backward backward(op, e, e.kernel().getTilingAttr());
  if (e.stage() == 0)
    backward.emitParts();
  else
    backward.emitSums();
  return success();
}

} // namespace

void hydra::attachAttentionBackwardKernels(MLIRContext *context) {
  attachKernel<AttentionGradOp, emitAttentionGrad>(context);
}
