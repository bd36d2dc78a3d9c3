// Kind `attention_backward`, two stages; scores are recomputed from q, k and lse in both.
//   0: a tile of query rows per item: D = dy . y, dS, dq. D and lse are left in the partial buffer,
//      one row of the sequence per head, for stage 1.
//   1: a tile of key rows per item: for each head of the group in order, P and dS of later queries,
//      dv += P^T dy, dk += scale dS^T q.
// Nothing here runs in place.
#include "compiler/codegen/AttentionTiles.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Values shared by the two stages.
struct Backward {
  AttentionGradOp op;
  KernelEmitter &e;
  AttentionShape shape;
  int64_t padded, stride, blockRows; // stride: rows of weights in different cache sets
  Value scale, packedA, packedB, weightsA, weightsB;

  Backward(AttentionGradOp op, KernelEmitter &e)
      : op(op), e(e),
        shape(attentionShape(op.getQ(), op.getK(), static_cast<int64_t>(op.getHeads()),
                             static_cast<int64_t>(op.getKvHeads()))),
        padded(llvm::alignTo(shape.keys, kLanes)), stride(padded + kLanes),
        blockRows(std::min<int64_t>(plan::kAttentionBlock, shape.keys)) {
    scale = e.splat(e.scalar(op, "scale"));
    packedA = e.scratch();
    packedB = e.address(packedA, e.index(padded * shape.width));
    weightsA = e.address(packedB, e.index(padded * shape.width));
    weightsB = e.address(weightsA, e.index(stride * plan::kAttentionBlock));
  }

  HeadRows query(Value tensor, Value batch, Value head) {
    return shape.head(e, tensor, batch, head, shape.queries, shape.heads);
  }
  HeadRows key(Value tensor, const AttentionItem &item) {
    return shape.head(e, tensor, item.batch, item.kvHead, shape.keys, shape.kvHeads);
  }
  // Where D of a head starts in the partial buffer; its lse lies `lseOffset()` further on.
  Value partialRow(Value batch, Value head) {
    return e.mul(e.add(e.mul(batch, shape.heads), head), padded);
  }
  int64_t lseOffset() const { return shape.batch * shape.heads * padded; }
  Value laneNumbers(Value block) {
    return e.add(e.splat(arith::TruncIOp::create(e.b, e.i32(), block)), e.lanes());
  }
  Value narrow(Value index) { return e.splat(arith::TruncIOp::create(e.b, e.i32(), index)); }

  void queryStage();
  void queryBlock(const AttentionItem &item, Value head, Value blockFirst);
  void keyStage();
  void keyBlock(const AttentionItem &item, Value head, Value blockFirst);
};

void Backward::queryStage() {
  e.loop(e.begin(), e.end(), 1, [&](Value itemIndex) {
    AttentionItem item = attentionItem(e, itemIndex, shape, shape.queries);
    Value count = e.add(item.last, 1), last = e.index(shape.keys - 1);
    packTransposed(e, key(op.getK(), item), shape.width, e.index(0), count, last, packedA);
    packTransposed(e, key(op.getV(), item), shape.width, e.index(0), count, last, packedB);
    Value firstHead = e.mul(item.kvHead, shape.group());
    e.loop(firstHead, e.add(firstHead, shape.group()), 1, [&](Value head) {
      e.loop(item.first, count, blockRows,
             [&](Value blockFirst) { queryBlock(item, head, blockFirst); });
    });
  });
}

void Backward::queryBlock(const AttentionItem &item, Value head, Value blockFirst) {
  HeadRows q = query(op.getQ(), item.batch, head), dy = query(op.getDy(), item.batch, head);
  Value y = e.pointer(op.getY());
  // Rows beyond the tile repeat its last row, which is then written several times alike.
  SmallVector<Value> rows, starts, inner, lse;
  for (int64_t r = 0; r < blockRows; ++r) {
    Value row = e.min(e.add(blockFirst, r), item.last);
    rows.push_back(row);
    starts.push_back(q.row(e, row));
    Value lanes =
        e.foldColumns(shape.width, e.splat(0.0), [&](Value column, Value mask, ValueRange carried) {
          Value at = e.add(starts[r], column);
          return SmallVector<Value>{
              e.fma(e.load(dy.pointer, at, mask), e.load(y, at, mask), carried[0])};
        })[0];
    Value d = e.treeSum(lanes);
    Value lseAt = e.add(e.mul(e.add(e.mul(item.batch, shape.queries), row), shape.heads), head);
    Value l = e.loadScalar(e.f32(), e.pointer(op.getLse()), lseAt);
    Value at = e.add(partialRow(item.batch, head), row);
    e.storeScalar(d, e.partial(), at);
    e.storeScalar(l, e.partial(), e.add(at, lseOffset()));
    inner.push_back(e.splat(d));
    lse.push_back(e.splat(l));
  }
  Value keys = e.add(rows.back(), 1);
  e.loop(e.index(0), keys, kLanes, [&](Value block) {
    SmallVector<Value> dots = dotBlock(e, q.pointer, starts, packedA, block, shape.width);
    SmallVector<Value> slopes = dotBlock(e, dy.pointer, starts, packedB, block, shape.width);
    Value lane = laneNumbers(block);
    for (int64_t r = 0; r < blockRows; ++r) {
      Value p = e.exp(e.subf(e.mulf(dots[r], scale), lse[r]));
      Value ds = e.mulf(e.mulf(p, e.subf(slopes[r], inner[r])), scale);
      Value seen = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, lane, narrow(rows[r]));
      e.store(e.select(seen, ds, e.splat(0.0)), weightsA, e.add(block, r * stride));
    }
  });
  WeightedSum sum{weightsA,
                  stride,
                  e.index(0),
                  keys,
                  key(op.getK(), item),
                  e.index(0),
                  shape.width,
                  {},
                  e.pointer(op.getDq()),
                  starts};
  emitWeightedSum(e, sum);
}

void Backward::keyStage() {
  e.loop(e.begin(), e.end(), 1, [&](Value itemIndex) {
    AttentionItem item = attentionItem(e, itemIndex, shape, shape.keys);
    HeadRows dk = key(op.getDk(), item), dv = key(op.getDv(), item);
    e.loop(item.first, e.add(item.last, 1), 1, [&](Value row) {
      e.fill(dk.pointer, dk.row(e, row), shape.width, e.splat(0.0));
      e.fill(dv.pointer, dv.row(e, row), shape.width, e.splat(0.0));
    });
    Value firstHead = e.mul(item.kvHead, shape.group());
    Value count = e.sub(e.index(shape.queries), item.first), last = e.index(shape.queries - 1);
    e.loop(firstHead, e.add(firstHead, shape.group()), 1, [&](Value head) {
      packTransposed(e, query(op.getQ(), item.batch, head), shape.width, item.first, count, last,
                     packedA);
      packTransposed(e, query(op.getDy(), item.batch, head), shape.width, item.first, count, last,
                     packedB);
      e.loop(item.first, e.add(item.last, 1), blockRows,
             [&](Value blockFirst) { keyBlock(item, head, blockFirst); });
    });
  });
}

void Backward::keyBlock(const AttentionItem &item, Value head, Value blockFirst) {
  HeadRows k = key(op.getK(), item), v = key(op.getV(), item);
  SmallVector<Value> rows, starts;
  for (int64_t r = 0; r < blockRows; ++r) {
    rows.push_back(e.min(e.add(blockFirst, r), item.last));
    starts.push_back(k.row(e, rows[r]));
  }
  // Queries are counted from the first row of the tile; those before the block see none of it.
  Value begin = e.mul(e.div(e.sub(blockFirst, item.first), kLanes), kLanes);
  Value end = e.sub(e.index(shape.queries), item.first);
  Value partial = e.add(partialRow(item.batch, head), item.first);
  Value zero = e.splat(0.0);
  e.loop(begin, end, kLanes, [&](Value block) {
    SmallVector<Value> dots = dotBlock(e, k.pointer, starts, packedA, block, shape.width);
    SmallVector<Value> slopes = dotBlock(e, v.pointer, starts, packedB, block, shape.width);
    Value inner = e.load(e.partial(), e.add(partial, block));
    Value lse = e.load(e.partial(), e.add(e.add(partial, block), lseOffset()));
    Value lane = laneNumbers(e.add(block, item.first));
    Value exists = e.less(lane, e.splat(e.integer(shape.queries)));
    for (int64_t r = 0; r < blockRows; ++r) {
      Value p = e.exp(e.subf(e.mulf(dots[r], scale), lse));
      Value ds = e.mulf(e.mulf(p, e.subf(slopes[r], inner)), scale);
      Value later = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, lane, narrow(rows[r]));
      Value seen = arith::AndIOp::create(e.b, later, exists);
      Value at = e.add(block, r * stride);
      e.store(e.select(seen, p, zero), weightsA, at);
      e.store(e.select(seen, ds, zero), weightsB, at);
    }
  });
  WeightedSum sum{weightsA,
                  stride,
                  begin,
                  end,
                  query(op.getDy(), item.batch, head),
                  item.first,
                  shape.width,
                  {},
                  e.pointer(op.getDv()),
                  starts,
                  true};
  emitWeightedSum(e, sum);
  sum.weights = weightsB;
  sum.rows = query(op.getQ(), item.batch, head);
  sum.target = e.pointer(op.getDk());
  emitWeightedSum(e, sum);
}

LogicalResult emitAttentionGrad(AttentionGradOp op, KernelEmitter &e) {
  Backward backward(op, e);
  if (e.stage() == 0)
    backward.queryStage();
  else
    backward.keyStage();
  return success();
}

} // namespace

void hydra::attachAttentionBackwardKernels(MLIRContext *context) {
  attachKernel<AttentionGradOp, emitAttentionGrad>(context);
}
