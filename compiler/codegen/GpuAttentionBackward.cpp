// Kind `attention_backward` on a GPU, in two stages; scores are recomputed from q, k and lse:
//   P = exp(scale q k - lse), dS = scale P (dy v - D) with D = dy . y of a query.
// The first keeps queries and streams keys: dq = dS k, and D, which the second one reads. That
// keeps keys and streams queries: dv = P^T dy, dk = dS^T q. No two blocks add to one element.
#include "compiler/codegen/GpuAttention.h"
#include "compiler/codegen/KernelEmitters.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

class Backward : protected GpuAttention {
public:
  Backward(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, int stage, GpuFunction &gpu)
      : GpuAttention(builder, kernel, stage, gpu), grad(cast<AttentionGradOp>(op)),
        power(mulf(scale, real(kLog2E))) {}

protected:
  Value pointer(Value tensor) { return gpu.pointers.lookup(tensor); }
  // The side of scores that a warp keeps: of float32 it is scaled, so that scores are powers of 2.
  Kept keepScaled(Value tensor, ArrayRef<Value> places) {
    return keep(pointer(tensor), places[0], places[1], extents.half ? Value() : power);
  }
  // P of a score; `lse` in powers of 2. Exactly zero where `seen`, which may be null, is false.
  Value weight(Value score, Value lse, Value seen) {
    Value exponent = extents.half ? fma(score, power, negate(lse)) : subf(score, lse);
    Value p = exp2(exponent);
    return seen ? select(seen, p, real(0)) : p;
  }
  // dS; `inner` is scale D.
  Value slope(Value weight, Value product, Value inner) {
    return mulf(weight, fma(product, scale, negate(inner)));
  }
  // Pieces of one product's contraction.
  int64_t piecesOfStep() const { return blocks.step / kPiece; }

  AttentionGradOp grad;
  Value power;
};

class QueryGradient : Backward {
public:
  QueryGradient(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, GpuFunction &gpu)
      : Backward(builder, kernel, /*stage=*/0, gpu), keys(direct()), values(direct()),
        keyColumns(turned()) {}

  void emit();

private:
  SmallVector<Value> block(Value from, bool whole, ValueRange carried);
  SmallVector<Value> step(Value from, Value row, bool whole, ValueRange carried);

  Panel keys, values, keyColumns;
  Kept q, dy;
  Value end;                             // of the keys that the tile sees
  SmallVector<Value> lse, inner, limits; // of this thread's rows; limits: their last keys, i32
};

SmallVector<Value> QueryGradient::step(Value from, Value row, bool whole, ValueRange carried) {
  SmallVector<Value> scores = score(q, keys, row, piecesOfStep());
  SmallVector<Value> slopes = score(dy, values, row, piecesOfStep());
  Value mine = truncate(add(add(from, row), products.pair));
  SmallVector<Rows> factors;
  for (size_t i = 0; i < scores.size(); i += kLaneSums) {
    SmallVector<Value> piece;
    for (size_t sum = 0; sum < kLaneSums; ++sum) {
      size_t side = sum / 2;
      Value seen;
      if (!whole) {
        auto apart = static_cast<int64_t>(i / kLaneSums * kPiece + sum % 2);
        seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, limits[side],
                                     arith::AddIOp::create(b, mine, integer(apart)));
      }
      piece.push_back(
          slope(weight(scores[i + sum], lse[side], seen), slopes[i + sum], inner[side]));
    }
    factors.push_back(products.rowsOf(piece));
  }
  SmallVector<Value> next(carried);
  accumulate(next, factors, keyColumns, row);
  return next;
}

SmallVector<Value> QueryGradient::block(Value from, bool whole, ValueRange carried) {
  auto place = [&](Value key) { return keyPlace(key); };
  fill(pointer(grad.getK()), place, from, whole ? Value() : end, &keys, &keyColumns);
  fill(pointer(grad.getV()), place, from, whole ? Value() : end, &values, nullptr);
  barrier();
  SmallVector<Value> next =
      createLoop(b, index(0), index(blocks.stream), blocks.step, carried,
                 [&](Value row, ValueRange now) { return step(from, row, whole, now); });
  barrier();
  return next;
}

void QueryGradient::emit() {
  Value lanes = index(extents.queries * extents.group());
  Sides mine = sides(lanes);
  SmallVector<Value> places;
  for (Value lane : mine.rows) {
    places.push_back(queryPlace(lane));
    limits.push_back(truncate(rowOf(lane)));
    lse.push_back(mulf(loadFloat(pointer(grad.getLse()), places.back()), real(kLog2E)));
  }
  q = keepScaled(grad.getQ(), places);
  dy = keep(pointer(grad.getDy()), places[0], places[1]);
  SmallVector<Value> own;
  for (size_t side = 0; side < 2; ++side) {
    Value sum = real(0), start = mul(places[side], extents.width);
    for (int64_t number = 0; number < blocks.columns / kPiece; ++number) {
      Rows upstream = piece(dy, number);
      auto left = products.widen(side == 0 ? upstream.top : upstream.bottom);
      Pair right = loadPair(pointer(grad.getY()), start, number, /*half=*/false);
      for (size_t i = 0; i < 2; ++i)
        sum = fma(left[i], right[i], sum);
    }
    own.push_back(sumOfRow(sum));
    inner.push_back(mulf(own.back(), scale));
  }
  storeOnce(gpu.partial, places, mine.there, own);
  end = add(rowOf(add(min(add(first, blocks.rows()), lanes), -1)), 1);
  Value whole = mul(div(add(rowOf(first), 1), blocks.stream), blocks.stream);
  SmallVector<Value> sums = zeros(resultPieces() * kLaneSums);
  sums = createLoop(b, index(0), whole, blocks.stream, sums,
                    [&](Value from, ValueRange now) { return block(from, true, now); });
  sums = createLoop(b, whole, end, blocks.stream, sums,
                    [&](Value from, ValueRange now) { return block(from, false, now); });
  storeRows(pointer(grad.getDq()), sums, places, mine.there, {});
}

class KeyGradient : Backward {
public:
  KeyGradient(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, GpuFunction &gpu)
      : Backward(builder, kernel, /*stage=*/1, gpu), queries(direct()), upstream(direct()),
        queryColumns(turned()), upstreamColumns(turned()), sums(words(f32())), inner(words(f32())),
        rows(words(i32())), lanes(extents.queries * extents.group()) {}

  void emit();

private:
  void describe(Value from, bool whole);
  SmallVector<Value> block(Value from, bool whole, ValueRange carried);
  SmallVector<Value> step(Value row, bool whole, ValueRange carried);
  // What stands at this thread's two columns of a piece.
  Value ofColumns(Value words, Type type, Value row, int64_t piece) {
    Value place = add(add(row, products.pair), piece * kPiece);
    return load(vectorOf(type, 2), at(words, type, place));
  }

  Panel queries, upstream, queryColumns, upstreamColumns;
  Value sums, inner, rows; // of streamed queries: lse in powers of 2, scale D, the row
  int64_t lanes;           // of a key head
  Kept k, v;
  SmallVector<Value> own; // this thread's keys, i32
};

// Queries that are not there have an infinite sum, so that their weights are zero.
void KeyGradient::describe(Value from, bool whole) {
  createLoop(b, thread, index(blocks.stream), blocks.threads(), {}, [&](Value number, ValueRange) {
    Value wanted = add(from, number), lane = whole ? wanted : min(wanted, index(lanes - 1));
    Value place = queryPlace(lane);
    Value lse = mulf(loadFloat(pointer(grad.getLse()), place), real(kLog2E));
    Value product = mulf(loadFloat(gpu.partial, place), scale);
    if (!whole) {
      Value there = less(wanted, index(lanes));
      lse = select(there, lse, real(std::numeric_limits<double>::infinity()));
      product = select(there, product, real(0));
      store(truncate(rowOf(lane)), at(rows, i32(), number));
    }
    store(lse, at(sums, f32(), number));
    store(product, at(inner, f32(), number));
    return SmallVector<Value>();
  });
}

// Carried: sums of dk, then those of dv.
SmallVector<Value> KeyGradient::step(Value row, bool whole, ValueRange carried) {
  SmallVector<Value> scores = score(k, queries, row, piecesOfStep());
  SmallVector<Value> slopes = score(v, upstream, row, piecesOfStep());
  SmallVector<Rows> weights, factors;
  for (int64_t number = 0; number < piecesOfStep(); ++number) {
    Value lse = ofColumns(sums, f32(), row, number), product = ofColumns(inner, f32(), row, number);
    Value last = whole ? Value() : ofColumns(rows, i32(), row, number);
    SmallVector<Value> p, ds;
    for (int64_t sum = 0; sum < kLaneSums; ++sum) {
      int64_t i = number * kLaneSums + sum;
      Value seen;
      if (!whole)
        seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, own[sum / 2],
                                     extract(last, sum % 2));
      p.push_back(weight(scores[i], extract(lse, sum % 2), seen));
      ds.push_back(slope(p.back(), slopes[i], extract(product, sum % 2)));
    }
    weights.push_back(products.rowsOf(p));
    factors.push_back(products.rowsOf(ds));
  }
  SmallVector<Value> next(carried);
  auto half = next.size() / 2;
  accumulate(MutableArrayRef<Value>(next).take_front(half), factors, queryColumns, row);
  accumulate(MutableArrayRef<Value>(next).drop_front(half), weights, upstreamColumns, row);
  return next;
}

SmallVector<Value> KeyGradient::block(Value from, bool whole, ValueRange carried) {
  auto place = [&](Value lane) { return queryPlace(lane); };
  Value end = whole ? Value() : index(lanes);
  fill(pointer(grad.getQ()), place, from, end, &queries, &queryColumns);
  fill(pointer(grad.getDy()), place, from, end, &upstream, &upstreamColumns);
  describe(from, whole);
  barrier();
  SmallVector<Value> next =
      createLoop(b, index(0), index(blocks.stream), blocks.step, carried,
                 [&](Value row, ValueRange now) { return step(row, whole, now); });
  barrier();
  return next;
}

void KeyGradient::emit() {
  Value keys = index(extents.keys);
  Sides mine = sides(keys);
  SmallVector<Value> places;
  for (Value key : mine.rows) {
    places.push_back(keyPlace(key));
    own.push_back(truncate(key));
  }
  k = keepScaled(grad.getK(), places);
  v = keep(pointer(grad.getV()), places[0], places[1]);
  // Blocks of lanes: from `seen` on all of them see every key of the tile, up to `whole` all their
  // lanes are there. First these, then those before and behind.
  int64_t group = extents.group(), whole = lanes / blocks.stream;
  Value begin = div(mul(first, group), blocks.stream);
  Value last = add(min(add(first, blocks.rows()), keys), -1);
  Value seen = div(add(mul(last, group), blocks.stream - 1), blocks.stream);
  Value behind = max(seen, index(whole));
  Value before = sub(seen, begin);
  Value rest = sub(index(static_cast<int64_t>(llvm::divideCeil(lanes, blocks.stream))), behind);
  SmallVector<Value> carried = zeros(2 * resultPieces() * kLaneSums);
  carried = createLoop(b, seen, index(whole), 1, carried, [&](Value number, ValueRange now) {
    return block(mul(number, blocks.stream), true, now);
  });
  carried =
      createLoop(b, index(0), add(before, rest), 1, carried, [&](Value number, ValueRange now) {
        Value chosen =
            select(less(number, before), add(begin, number), add(behind, sub(number, before)));
        return block(mul(chosen, blocks.stream), false, now);
      });
  auto half = carried.size() / 2;
  storeRows(pointer(grad.getDk()), ArrayRef<Value>(carried).take_front(half), places, mine.there,
            {});
  storeRows(pointer(grad.getDv()), ArrayRef<Value>(carried).drop_front(half), places, mine.there,
            {});
}

} // namespace

LogicalResult mlir::hydra::emitGpuAttentionGrad(plan::KernelOp kernel, int stage, ModuleOp module) {
  if (failed(checkGpuAttention(&kernel.getBody().front().front())))
    return failure();
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  GpuFunction gpu = GpuFunction::create(b, kernel, stage, module);
  if (stage == 0)
    QueryGradient(b, kernel, gpu).emit();
  else
    KeyGradient(b, kernel, gpu).emit();
  LLVM::ReturnOp::create(b, ValueRange{});
  return success();
}
