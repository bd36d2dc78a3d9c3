#include "compiler/codegen/AttentionLanes.h"

using namespace mlir;
using namespace mlir::hydra;

AttentionLanes::AttentionLanes(KernelEmitter &e, Operation *op, plan::AttentionTilingAttr tiling)
    : e(e), extents(plan::AttentionExtents::of(op)), at(extents, tiling), rows(tiling.getRows()),
      block(tiling.getBlock()), padded(extents.paddedWidth()), registers(e.level()),
      products(e, extents.half) {}

Value AttentionLanes::groupCount(const AttentionTile &tile) {
  Value lanes = e.mul(e.add(e.sub(tile.last, tile.first), 1), extents.group());
  return e.div(e.add(lanes, kLanes - 1), kLanes);
}

LaneQueries AttentionLanes::queries(const AttentionTile &tile, Value group) {
  LaneQueries lanes;
  Value last = e.add(e.mul(e.add(e.sub(tile.last, tile.first), 1), extents.group()), -1);
  Value firstHead = e.mul(tile.kvHead, extents.group());
  Value sequence = e.mul(tile.batch, extents.queries);
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    Value wanted = e.add(e.mul(group, kLanes), lane), number = e.min(wanted, last);
    Value row = e.add(tile.first, e.div(number, extents.group()));
    Value head = e.add(firstHead, e.rem(number, extents.group()));
    lanes.rows.push_back(row);
    lanes.places.push_back(e.add(e.mul(e.add(sequence, row), extents.heads), head));
    lanes.starts.push_back(e.mul(lanes.places.back(), extents.width));
    lanes.words.push_back(e.mul(lanes.places.back(), extents.words()));
    lanes.own.push_back(arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, wanted, last));
  }
  return lanes;
}

Value AttentionLanes::keyRow(Value batch, Value row, Value kvHead, int64_t width) {
  Value place = e.add(e.mul(e.add(e.mul(batch, extents.keys), row), extents.kvHeads), kvHead);
  return e.mul(place, width);
}

void AttentionLanes::chunks(int64_t columns, llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = columns / kLanes * kLanes;
  if (whole == kLanes)
    body(e.index(0), kLanes);
  else if (whole > 0)
    e.loop(e.index(0), e.index(whole), kLanes, [&](Value column) { body(column, kLanes); });
  if (whole < columns)
    body(e.index(whole), columns - whole);
}

void AttentionLanes::packRows(Value from, Value first, int64_t stride, int64_t columns, Value count,
                              Value to) {
  int64_t paddedColumns = llvm::alignTo(columns, kLanes);
  e.loop(e.index(0), count, 1, [&](Value j) {
    Value source = e.add(first, e.mul(j, stride)), target = e.mul(j, paddedColumns);
    e.columns(columns, [&](Value column, Value mask) {
      e.store(e.load(from, e.add(source, column), mask), to, e.add(target, column));
    });
  });
  e.loop(count, e.index(block), 1,
         [&](Value j) { e.fill(to, e.mul(j, paddedColumns), paddedColumns, e.splat(0.0)); });
}

void AttentionLanes::packKeys(Value tensor, const AttentionTile &tile, Value first, Value count,
                              Value to) {
  int64_t words = extents.words();
  packRows(e.pointer(tensor), keyRow(tile.batch, first, tile.kvHead, words),
           extents.kvHeads * words, words, count, to);
}

// 16 x 16: halves of blocks change places, for blocks of 2, 4, 8 and 16 rows.
static void transpose(KernelEmitter &e, SmallVector<Value> &rows) {
  for (int64_t step = 1; step < kLanes; step *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      bool second = lane & step;
      low.push_back(second ? kLanes + lane - step : lane);
      high.push_back(second ? kLanes + lane : lane + step);
    }
    for (int64_t row = 0; row < kLanes; ++row) {
      if (row & step)
        continue;
      Value a = rows[row], c = rows[row + step];
      rows[row] = e.shuffle(a, c, low);
      rows[row + step] = e.shuffle(a, c, high);
    }
  }
}

void AttentionLanes::packLanes(Value pointer, ArrayRef<Value> starts, Value to, EachRow each) {
  chunks(extents.words(), [&](Value column, int64_t columns) {
    SmallVector<Value> vectors;
    for (auto [lane, start] : llvm::enumerate(starts))
      vectors.push_back(each(e.load(pointer, e.add(start, column), e.staticMask(columns)),
                             static_cast<int64_t>(lane), column));
    transpose(e, vectors);
    for (int64_t c = 0; c < columns; ++c)
      e.store(vectors[c], to, e.mul(e.add(column, c), kLanes));
  });
  for (int64_t word = extents.words(); word < extents.depth(); ++word)
    e.store(e.splat(0.0), to, e.index(word * kLanes));
}

void AttentionLanes::unpackLanes(Value from, Value factor, Value pointer, ArrayRef<Value> starts) {
  chunks(extents.width, [&](Value column, int64_t columns) {
    SmallVector<Value> vectors(kLanes, e.splat(0.0));
    for (int64_t c = 0; c < columns; ++c)
      vectors[c] = e.mulf(factor, e.load(from, e.mul(e.add(column, c), kLanes)));
    transpose(e, vectors);
    for (auto [vector, start] : llvm::zip(vectors, starts))
      e.store(vector, pointer, e.add(start, column), e.staticMask(columns));
  });
}

// The bf16 values at even (odd) places of two vectors of words, in pairs.
static std::pair<Value, Value> pairUp(KernelEmitter &e, Value first, Value second) {
  auto bits = [&](Value v) -> Value { return arith::BitcastOp::create(e.b, e.vector(e.i32()), v); };
  auto words = [&](Value v) -> Value {
    return arith::BitcastOp::create(e.b, e.vector(e.f32()), v);
  };
  Value a = bits(first), c = bits(second), half = e.splat(e.integer(16));
  Value low = e.splat(e.integer(0xffff)), high = e.splat(e.integer(-0x10000));
  Value even = arith::OrIOp::create(e.b, arith::AndIOp::create(e.b, a, low),
                                    arith::ShLIOp::create(e.b, c, half));
  Value odd = arith::OrIOp::create(e.b, arith::ShRUIOp::create(e.b, a, half),
                                   arith::AndIOp::create(e.b, c, high));
  return {words(even), words(odd)};
}

void AttentionLanes::packColumns(Value packedRows, Value to) {
  int64_t stride = extents.paddedWords(), columnStride = block / 2;
  e.loop(e.index(0), e.index(columnStride), kLanes, [&](Value pair) {
    chunks(extents.words(), [&](Value word, int64_t words) {
      SmallVector<Value> even, odd;
      for (int64_t j = 0; j < kLanes; ++j) {
        Value row = e.add(e.mul(e.add(pair, j), 2 * stride), word);
        auto [a, c] = pairUp(e, e.load(packedRows, row), e.load(packedRows, e.add(row, stride)));
        even.push_back(a);
        odd.push_back(c);
      }
      transpose(e, even);
      transpose(e, odd);
      for (int64_t w = 0; w < words; ++w) {
        Value place = e.add(e.mul(e.add(word, w), 2 * columnStride), pair);
        e.store(even[w], to, place);
        e.store(odd[w], to, e.add(place, columnStride));
      }
    });
  });
}

void AttentionLanes::packLanePairs(Value pointer, const LaneQueries &lanes, Value to) {
  chunks(extents.words(), [&](Value word, int64_t words) {
    auto row = [&](int64_t lane) {
      Value loaded = e.load(pointer, e.add(lanes.words[lane], word), e.staticMask(words));
      return e.select(lanes.own[lane], loaded, e.splat(0.0));
    };
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < kLanes / 2; ++i) {
      low.append({i, i + kLanes});
      high.append({i + kLanes / 2, i + kLanes / 2 + kLanes});
    }
    for (int64_t pair = 0; pair < kLanes / 2; ++pair) {
      auto [even, odd] = pairUp(e, row(2 * pair), row(2 * pair + 1));
      Value place = e.add(e.mul(word, 2), pair * padded);
      e.store(e.shuffle(even, odd, low), to, place);
      if (2 * words > kLanes)
        e.store(e.shuffle(even, odd, high), to, e.add(place, kLanes));
    }
  });
}

void AttentionLanes::clearLanes(Value place) {
  e.loop(e.index(0), e.index(extents.width * kLanes), kLanes,
         [&](Value offset) { e.store(e.splat(0.0), place, offset); });
}

void AttentionLanes::score(Value keys, Value lanes, Value scores) {
  products.multiply({keys, extents.paddedWords(), 1, lanes, kLanes, scores, kLanes, block,
                     extents.depth(), false, registers.scoreRows});
}

void AttentionLanes::sumColumns(Value rowsOfBlock, Value weights, Value result) {
  LaneProduct product{rowsOfBlock,
                      1,
                      padded,
                      weights,
                      kLanes,
                      result,
                      kLanes,
                      extents.resultRows(),
                      block,
                      true,
                      registers.columnRows};
  if (extents.half) {
    product.aRow = product.depth = block / 2;
    product.aStep = 1;
  }
  products.multiply(product);
}

void AttentionLanes::sumLanes(Value weights, Value lanes, Value gradients) {
  int64_t depth = extents.half ? kLanes / 2 : kLanes;
  chunks(padded, [&](Value first, int64_t) {
    products.multiply({weights, depth, 1, e.address(lanes, first), padded,
                       e.address(gradients, first), padded, block, depth, true,
                       registers.scoreRows});
  });
}

Value AttentionLanes::limit(Value group, int64_t lane) {
  return e.toIndex(e.loadScalar(e.i32(), ofGroup(group, at.limits), e.index(lane)));
}

void AttentionLanes::maskScores(Value group, Value first, Value scores) {
  Value seesLess = e.less(firstLimit(group), e.add(first, block - 1));
  e.ifThen(seesLess, [&] {
    Value limits = e.load(ofGroup(group, at.limits), e.index(0), {}, e.i32());
    Value lowest = e.splat(-std::numeric_limits<double>::infinity());
    e.loop(e.index(0), e.index(block), 1, [&](Value j) {
      Value key = e.splat(arith::TruncIOp::create(e.b, e.i32(), e.add(first, j)));
      Value seen = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, key, limits);
      Value place = e.mul(j, kLanes);
      e.store(e.select(seen, e.load(scores, place), lowest), scores, place);
    });
  });
}

Value AttentionLanes::exp2(Value x) {
  static constexpr double kFull[] = {1.535336188319500e-4,
                                     1.339887440266574e-3,
                                     9.618437357674640e-3,
                                     5.550332471162809e-2,
                                     2.402264791363012e-1,
                                     6.931472028550421e-1,
                                     1.0};
  static constexpr double kShort[] = {9.570101e-3, 5.5917705e-2, 2.4022118e-1, 6.9312102e-1, 1.0};
  ArrayRef<double> coefficients = extents.half ? ArrayRef<double>(kShort) : ArrayRef<double>(kFull);
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  Value round = e.splat(12582912.0), lowest = e.splat(-127.0);
  Value tooLow = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OLT, x, lowest);
  x = e.select(tooLow, lowest, x);
  Value shifted = e.addf(x, round), rest = e.subf(x, e.subf(shifted, round));
  Value sum = e.splat(coefficients.front());
  for (double coefficient : coefficients.drop_front())
    sum = e.fma(sum, rest, e.splat(coefficient));
  auto bits = [&](Value v) { return arith::BitcastOp::create(e.b, e.vector(e.i32()), v); };
  Value exponent = arith::ShLIOp::create(e.b, bits(shifted), e.splat(e.integer(23)));
  Value scaled = arith::AddIOp::create(e.b, bits(sum), exponent);
  return arith::BitcastOp::create(e.b, e.vector(e.f32()), scaled);
}

LogicalResult mlir::hydra::requireBf16(Operation *op, Value q, const CpuFacts &level) {
  if (!tensorType(q).getElementType().isBF16() || LaneProducts::hasBf16(level))
    return success();
  return op->emitOpError("takes bf16, which code for ")
         << level.name << " does not multiply; expected float32 operands";
}
