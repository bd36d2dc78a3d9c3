#include "compiler/codegen/LaneProducts.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::hydra;

static bool has(const CpuFacts &level, StringRef feature) {
  return StringRef(level.llvmFeatures()).contains(("+" + feature).str());
}
bool LaneProducts::hasBf16(const CpuFacts &level) { return has(level, "avx512bf16"); }

LaneProducts::LaneProducts(KernelEmitter &e, bool half)
    : e(e), half(half), tiles(half && has(e.level(), "amx-bf16")) {}

Value LaneProducts::call(StringRef intrinsic, Type result, ValueRange operands) {
  StringAttr name = e.b.getStringAttr(intrinsic);
  if (!result) {
    LLVM::CallIntrinsicOp::create(e.b, name, operands);
    return {};
  }
  return LLVM::CallIntrinsicOp::create(e.b, result, name, operands).getResult(0);
}

static Value asPairs(KernelEmitter &e, Value words) {
  return LLVM::BitcastOp::create(e.b, VectorType::get({2 * kLanes}, e.b.getBF16Type()), words);
}

Value LaneProducts::addProduct(Value factor, Value lanes, Value sum) {
  if (!half)
    return e.fma(factor, lanes, sum);
  return call("llvm.x86.avx512bf16.dpbf16ps.512", sum.getType(),
              {sum, asPairs(e, factor), asPairs(e, lanes)});
}

Value LaneProducts::roundBoth(Value first, Value second) {
  Value values = call("llvm.x86.avx512bf16.cvtne2ps2bf16.512",
                      VectorType::get({2 * kLanes}, e.b.getBF16Type()), {second, first});
  return LLVM::BitcastOp::create(e.b, e.vector(e.f32()), values);
}

Value LaneProducts::widen(Value words, int64_t which) {
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    lanes.push_back(which * kLanes + lane);
  Type halves = VectorType::get({2 * kLanes}, e.b.getI16Type());
  Value values = LLVM::BitcastOp::create(e.b, halves, words);
  Value bits = arith::ExtUIOp::create(e.b, e.vector(e.i32()), e.shuffle(values, values, lanes));
  Value shifted = arith::ShLIOp::create(e.b, bits, e.splat(e.integer(16)));
  return arith::BitcastOp::create(e.b, e.vector(e.f32()), shifted);
}

Value LaneProducts::interleave(Value words) {
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    order.append({lane, lane + kLanes});
  Type halves = VectorType::get({2 * kLanes}, e.b.getI16Type());
  Value values = LLVM::BitcastOp::create(e.b, halves, words);
  return LLVM::BitcastOp::create(e.b, e.vector(e.f32()), e.shuffle(values, values, order));
}

void LaneProducts::multiplyVectorTile(const LaneProduct &p, Value firstRow, int64_t count) {
  // Terms per round: enough to hide the loop, few enough that code stays in the first cache.
  int64_t unrolled = std::min<int64_t>(p.depth, count > 8 ? 4 : 16);
  Value a = e.address(p.a, e.mul(firstRow, p.aRow));
  Value out = e.address(p.out, e.mul(firstRow, p.outRow));
  SmallVector<Value> sums;
  for (int64_t r = 0; r < count; ++r)
    sums.push_back(p.add ? e.load(out, e.index(r * p.outRow)) : e.splat(0.0));
  auto terms = [&](Value first, int64_t number, ValueRange carried) {
    SmallVector<Value> next = llvm::to_vector_of<Value>(carried);
    Value from = e.address(a, e.mul(first, p.aStep)), b = e.address(p.b, e.mul(first, p.bStep));
    for (int64_t i = 0; i < number; ++i) {
      Value lanes = e.load(b, e.index(i * p.bStep));
      for (int64_t r = 0; r < count; ++r) {
        Value factor = e.loadScalar(e.f32(), from, e.index(r * p.aRow + i * p.aStep));
        next[r] = addProduct(e.splat(factor), lanes, next[r]);
      }
    }
    return next;
  };
  int64_t whole = p.depth / unrolled * unrolled;
  if (whole == unrolled)
    sums = terms(e.index(0), unrolled, sums);
  else
    sums = e.fold(e.index(0), e.index(whole), unrolled, sums,
                  [&](Value i, ValueRange carried) { return terms(i, unrolled, carried); });
  if (whole < p.depth)
    sums = terms(e.index(whole), p.depth - whole, sums);
  for (int64_t r = 0; r < count; ++r)
    e.store(sums[r], out, e.index(r * p.outRow));
}

// body(first row, rows) for all rows, `tile` at a time.
static void forRowTiles(KernelEmitter &e, int64_t rows, int64_t tile,
                        llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = rows / tile * tile;
  if (whole == tile)
    body(e.index(0), tile);
  else if (whole > 0)
    e.loop(e.index(0), e.index(whole), tile, [&](Value row) { body(row, tile); });
  if (whole < rows)
    body(e.index(whole), rows - whole);
}

void LaneProducts::multiplyVectors(const LaneProduct &p) {
  forRowTiles(e, p.rows, std::min(p.rows, p.rowsAtOnce),
              [&](Value row, int64_t count) { multiplyVectorTile(p, row, count); });
}

// Rows of one tile register; a tile holds as many words per row. Every register of a function has
// one shape, so products keep to few: 16 rows, or the 8 of a shared factor of half depth.
static constexpr int64_t kTileRows = 16;

void LaneProducts::multiplyTileRows(const LaneProduct &p, Value firstRow, int64_t count) {
  assert(count % kTileRows == 0 && p.depth % (kTileRows / 2) == 0 && "padded to tiles");
  Type tile = LLVM::LLVMX86AMXType::get(e.b.getContext());
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(e.b, e.b.getI16IntegerAttr(static_cast<int16_t>(value)));
  };
  auto load = [&](Value from, int64_t tileRows, int64_t words, int64_t stride) {
    return call("llvm.x86.tileloadd64.internal", tile,
                {number(tileRows), number(4 * words), from, e.index(4 * stride)});
  };
  // The factors that all rows share are loaded once, as long as registers last.
  constexpr int64_t kShared = 2;
  SmallVector<Value> shared;
  auto shareOf = [&](int64_t first) {
    return load(e.address(p.b, e.index(first * p.bStep)), std::min(kTileRows, p.depth - first),
                kLanes, p.bStep);
  };
  if (llvm::divideCeil(p.depth, kTileRows) <= kShared)
    for (int64_t first = 0; first < p.depth; first += kTileRows)
      shared.push_back(shareOf(first));
  for (int64_t row = 0; row < count; row += kTileRows) {
    Value at = e.add(firstRow, row), out = e.address(p.out, e.mul(at, p.outRow));
    Value sum =
        p.add ? load(out, kTileRows, kLanes, p.outRow)
              : call("llvm.x86.tilezero.internal", tile, {number(kTileRows), number(4 * kLanes)});
    for (int64_t first = 0; first < p.depth; first += kTileRows) {
      int64_t words = std::min(kTileRows, p.depth - first);
      Value a = load(e.address(p.a, e.add(e.mul(at, p.aRow), first)), kTileRows, words, p.aRow);
      Value b = shared.empty() ? shareOf(first) : shared[first / kTileRows];
      sum = call("llvm.x86.tdpbf16ps.internal", tile,
                 {number(kTileRows), number(4 * kLanes), number(4 * words), sum, a, b});
    }
    call("llvm.x86.tilestored64.internal", {},
         {number(kTileRows), number(4 * kLanes), out, e.index(4 * p.outRow), sum});
  }
}

void LaneProducts::multiplyTiles(const LaneProduct &p) {
  forRowTiles(e, p.rows, std::min(p.rows, 4 * kTileRows),
              [&](Value row, int64_t count) { multiplyTileRows(p, row, count); });
}

void LaneProducts::multiply(const LaneProduct &p) {
  assert((!half || p.aStep == 1) && "pairs lie beside each other");
  if (tiles)
    multiplyTiles(p);
  else
    multiplyVectors(p);
}
