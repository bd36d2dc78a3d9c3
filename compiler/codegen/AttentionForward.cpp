// Kind `attention_forward`. One item is a tile of query rows of all heads that share a key head:
// the visible keys are packed once; then, for 8 rows at a time, all scores, their softmax, and the
// weighted sum of the values. Scores stay in scratch. Nothing here runs in place.
#include "compiler/codegen/AttentionTiles.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

LogicalResult emitAttention(AttentionOp op, KernelEmitter &e) {
  AttentionShape shape = attentionShape(op.getQ(), op.getK(), static_cast<int64_t>(op.getHeads()),
                                        static_cast<int64_t>(op.getKvHeads()));
  int64_t keysPadded = llvm::alignTo(shape.keys, kLanes);
  int64_t blockRows = std::min<int64_t>(plan::kAttentionBlock, shape.queries);
  Value scale = e.splat(e.scalar(op, "scale"));
  Value packed = e.scratch(), scores = e.address(packed, e.index(keysPadded * shape.width));
  int64_t stride = keysPadded + kLanes; // rows of scores in different cache sets
  Value lowest = e.splat(e.real(-std::numeric_limits<double>::infinity()));

  auto emitItem = [&](const AttentionItem &item) {
    Value position = e.scalarOperand(op.getPosition(), shape.keys - shape.queries, item.batch);
    // Keys that query row t sees.
    auto visible = [&](Value t) {
      Value last = e.min(e.max(e.add(position, t), e.index(0)), e.index(shape.keys - 1));
      return e.add(last, 1);
    };
    HeadRows k = shape.head(e, op.getK(), item.batch, item.kvHead, shape.keys, shape.kvHeads);
    HeadRows v = shape.head(e, op.getV(), item.batch, item.kvHead, shape.keys, shape.kvHeads);
    packTransposed(e, k, shape.width, e.index(0), visible(item.last), e.index(shape.keys - 1),
                   packed);
    Value firstHead = e.mul(item.kvHead, shape.group());
    e.loop(firstHead, e.add(firstHead, shape.group()), 1, [&](Value head) {
      HeadRows q = shape.head(e, op.getQ(), item.batch, head, shape.queries, shape.heads);
      e.loop(item.first, e.add(item.last, 1), blockRows, [&](Value blockFirst) {
        // Rows beyond the tile repeat its last row, which is then written several times alike.
        SmallVector<Value> rows, starts, limits, laneLimits, carried;
        for (int64_t r = 0; r < blockRows; ++r) {
          rows.push_back(e.min(e.add(blockFirst, r), item.last));
          starts.push_back(q.row(e, rows[r]));
          limits.push_back(visible(rows[r]));
          laneLimits.push_back(e.splat(arith::TruncIOp::create(e.b, e.i32(), limits[r])));
          carried.push_back(lowest);
        }
        Value keys = limits.back();
        carried = e.fold(e.index(0), keys, kLanes, carried, [&](Value block, ValueRange maxima) {
          SmallVector<Value> dots = dotBlock(e, q.pointer, starts, packed, block, shape.width);
          Value lane = e.add(e.splat(arith::TruncIOp::create(e.b, e.i32(), block)), e.lanes());
          SmallVector<Value> next;
          for (int64_t r = 0; r < blockRows; ++r) {
            Value seen = e.less(lane, laneLimits[r]);
            Value score = e.select(seen, e.mulf(dots[r], scale), lowest);
            e.store(score, scores, e.add(block, r * stride));
            next.push_back(e.larger(score, maxima[r]));
          }
          return next;
        });
        SmallVector<Value> maxima, splats, sums(blockRows, e.splat(0.0));
        for (Value lanes : carried) {
          maxima.push_back(e.treeLarger(lanes));
          splats.push_back(e.splat(maxima.back()));
        }
        sums = e.fold(e.index(0), keys, kLanes, sums, [&](Value block, ValueRange totals) {
          SmallVector<Value> next;
          for (int64_t r = 0; r < blockRows; ++r) {
            Value at = e.add(block, r * stride);
            Value weight = e.exp(e.subf(e.load(scores, at), splats[r]));
            e.store(weight, scores, at);
            next.push_back(e.addf(totals[r], weight));
          }
          return next;
        });
        WeightedSum output{scores,      stride, e.index(0),
                           keys,        v,      e.index(0),
                           shape.width, {},     e.pointer(op.getResult()),
                           {}};
        for (int64_t r = 0; r < blockRows; ++r) {
          Value total = e.treeSum(sums[r]);
          output.factors.push_back(e.divf(e.real(1.0), total));
          output.targets.push_back(starts[r]);
          Value row = e.add(e.mul(item.batch, shape.queries), rows[r]);
          e.storeScalar(e.addf(maxima[r], e.log(total)), e.pointer(op.getLse()),
                        e.add(e.mul(row, shape.heads), head));
        }
        emitWeightedSum(e, output);
      });
    });
  };
  e.loop(e.begin(), e.end(), 1, [&](Value index) {
    AttentionItem item = attentionItem(e, index, shape, shape.queries);
    if (!op.getCount())
      return emitItem(item);
    Value count = e.scalarOperand(op.getCount(), 0, item.batch);
    item.last = e.min(item.last, e.add(count, -1));
    e.ifThen(e.less(item.first, count), [&] { emitItem(item); });
  });
  return success();
}

} // namespace

void hydra::attachAttentionForwardKernels(MLIRContext *context) {
  attachKernel<AttentionOp, emitAttention>(context);
}
