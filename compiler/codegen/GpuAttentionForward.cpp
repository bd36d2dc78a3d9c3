// Kind `attention_forward` on a GPU: a block keeps queries and streams keys and values (online
// softmax). Powers are of 2. Of float32, q is scaled before its product; bf16 would be rounded once
// more, so that its scores are scaled instead.
#include "compiler/codegen/GpuAttention.h"
#include "compiler/codegen/KernelEmitters.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class Forward : GpuAttention {
public:
  Forward(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, GpuFunction &gpu)
      : GpuAttention(builder, kernel, /*stage=*/0, gpu), attention(cast<AttentionOp>(op)),
        keys(direct()), values(turned()), power(mulf(scale, real(kLog2E))) {}

  void emit();

private:
  Value pointer(Value tensor) { return gpu.pointers.lookup(tensor); }
  // The last key that a lane sees.
  Value lastKey(Value lane) {
    return max(min(add(position, rowOf(lane)), index(extents.keys - 1)), index(0));
  }
  void tile(Value lanes);
  SmallVector<Value> block(Value from, bool whole, ValueRange carried);
  void mask(MutableArrayRef<Value> scores, Value from);
  Value scaled(Value score) { return extents.half ? mulf(score, power) : score; }

  AttentionOp attention;
  Panel keys, values;
  Value power, position;
  // Of a tile.
  Kept q;
  Value end;                 // of the keys that it sees
  SmallVector<Value> limits; // the last keys that this thread's rows see, i32
};

// What is carried from block to block: two maxima, the sums of weights, sums of values.
constexpr size_t kMaxima = 2, kTotals = kMaxima + kLaneSums;

void Forward::mask(MutableArrayRef<Value> scores, Value from) {
  Value lowest = real(-std::numeric_limits<double>::infinity());
  Value mine = truncate(add(from, products.pair));
  for (int64_t side = 0; side < 2; ++side) {
    Value bound = arith::SubIOp::create(b, limits[side], mine);
    for (size_t i = 0; i < scores.size(); ++i) {
      auto piece = static_cast<int64_t>(i / kLaneSums), sum = static_cast<int64_t>(i % kLaneSums);
      if (sum / 2 != side)
        continue;
      Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, bound,
                                         integer(piece * kPiece + sum % 2));
      scores[i] = select(seen, scores[i], lowest);
    }
  }
}

SmallVector<Value> Forward::block(Value from, bool whole, ValueRange carried) {
  auto place = [&](Value key) { return keyPlace(key); };
  fill(pointer(attention.getK()), place, from, whole ? Value() : end, &keys, nullptr);
  fill(pointer(attention.getV()), place, from, whole ? Value() : end, nullptr, &values);
  barrier();
  SmallVector<Value> scores = score(q, keys, {}, blocks.stream / kPiece), next, factors, lowered;
  if (!whole)
    mask(scores, from);
  for (size_t side = 0; side < kMaxima; ++side) {
    Value best = carried[side];
    for (size_t i = 0; i < scores.size(); ++i)
      if (i % kLaneSums / 2 == side)
        best = larger(scores[i], best);
    best = largestOfRow(best);
    next.push_back(best);
    factors.push_back(exp2(scaled(subf(carried[side], best))));
    lowered.push_back(negate(scaled(best)));
  }
  for (size_t i = kMaxima; i < carried.size(); ++i)
    next.push_back(mulf(carried[i], factors[(i - kMaxima) % kLaneSums / 2]));
  SmallVector<Rows> weights;
  for (size_t i = 0; i < scores.size(); i += kLaneSums) {
    SmallVector<Value> piece;
    for (size_t sum = 0; sum < kLaneSums; ++sum)
      piece.push_back(exp2(extents.half ? fma(scores[i + sum], power, lowered[sum / 2])
                                        : addf(scores[i + sum], lowered[sum / 2])));
    weights.push_back(products.rowsOf(piece));
  }
  // Results are divided by the sum of what multiplied v: of rounded weights, which a column of ones
  // gives.
  MutableArrayRef<Value> sums(next);
  products.multiply(sums.slice(kMaxima, kLaneSums), weights,
                    SmallVector<Pair>(weights.size(), products.ones()));
  accumulate(sums.drop_front(kTotals), weights, values, {});
  barrier();
  return next;
}

void Forward::tile(Value lanes) {
  Sides mine = sides(lanes);
  SmallVector<Value> places;
  for (Value lane : mine.rows) {
    places.push_back(queryPlace(lane));
    limits.push_back(truncate(lastKey(lane)));
  }
  q = keep(pointer(attention.getQ()), places[0], places[1], extents.half ? Value() : power);
  end = add(lastKey(min(add(first, blocks.rows() - 1), add(lanes, -1))), 1);
  Value whole = mul(div(add(lastKey(first), 1), blocks.stream), blocks.stream);
  SmallVector<Value> carried(kMaxima, real(-std::numeric_limits<double>::infinity()));
  carried.append(zeros(kLaneSums + resultPieces() * kLaneSums));
  carried = createLoop(b, index(0), whole, blocks.stream, carried, [&](Value from, ValueRange now) {
    return block(from, /*whole=*/true, now);
  });
  carried = createLoop(b, whole, end, blocks.stream, carried, [&](Value from, ValueRange now) {
    return block(from, /*whole=*/false, now);
  });
  SmallVector<Value> factors, lse;
  for (size_t side = 0; side < kMaxima; ++side) {
    Value total = carried[kMaxima + 2 * side];
    factors.push_back(arith::DivFOp::create(b, real(1), total));
    lse.push_back(fma(scaled(carried[side]), real(kLn2), log(total)));
  }
  storeRows(pointer(attention.getResult()), ArrayRef<Value>(carried).drop_front(kTotals), places,
            mine.there, factors);
  storeOnce(pointer(attention.getLse()), places, mine.there, lse);
}

void Forward::emit() {
  position = attention.getPosition() ? loadCount(pointer(attention.getPosition()))
                                     : index(extents.keys - extents.queries);
  Value rows = index(extents.queries);
  if (attention.getCount())
    rows = min(loadCount(pointer(attention.getCount())), rows);
  Value lanes = mul(rows, extents.group());
  createIf(b, less(first, lanes), [&] { tile(lanes); });
}

} // namespace

LogicalResult mlir::hydra::emitGpuAttention(plan::KernelOp kernel, int stage, ModuleOp module) {
  if (failed(checkGpuAttention(&kernel.getBody().front().front())))
    return failure();
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  GpuFunction gpu = GpuFunction::create(b, kernel, stage, module);
  Forward(b, kernel, gpu).emit();
  LLVM::ReturnOp::create(b, ValueRange{});
  return success();
}
