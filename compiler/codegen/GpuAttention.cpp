#include "compiler/codegen/GpuAttention.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::hydra;

// Bytes of a row up to which a warp keeps its rows in registers.
static constexpr int64_t kKeptBytes = 128;
static constexpr int64_t kAccessBytes = 16;
// Loads that a thread has under way while a panel is filled.
static constexpr int64_t kLoads = 8;

GpuAttention::GpuAttention(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, int stage,
                           GpuFunction &gpu)
    : GpuArithmetic(builder), op(&kernel.getBody().front().front()), gpu(gpu),
      extents(plan::AttentionExtents::of(op)), blocks(plan::attentionBlocks(op, stage)),
      products(builder, extents.half, gpu.lane) {
  shared = gpu.sharedMemory(b.getI8Type(), blocks.sharedBytes);
  thread = arith::ExtUIOp::create(b, b.getI64Type(), NVVM::ThreadIdXOp::create(b, i32()));
  Value warp = div(thread, kWarp), part = rem(warp, blocks.parts);
  group = mul(div(warp, blocks.parts), plan::kWarpRows);
  column = mul(part, blocks.partColumns());
  isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, part, index(0));
  int64_t tiles = blocks.units / (extents.batch * extents.kvHeads);
  Value head = div(gpu.worker, tiles);
  batch = div(head, extents.kvHeads);
  kvHead = rem(head, extents.kvHeads);
  first = mul(rem(gpu.worker, tiles), blocks.rows());
  Value wide = arith::BitcastOp::create(b, b.getF64Type(), gpu.scalars.front());
  scale = arith::TruncFOp::create(b, f32(), wide);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

GpuAttention::Panel GpuAttention::panel(int64_t rows, int64_t depth) {
  Panel result;
  result.memory = at(shared, b.getI8Type(), index(taken));
  result.depth = depth;
  result.mine = add(mul(products.quad, result.stride()), products.pair);
  taken += rows * result.stride() * bytesOf(products.element());
  return result;
}

Value GpuAttention::words(Type type) {
  Value memory = at(shared, b.getI8Type(), index(taken));
  taken += blocks.stream * bytesOf(type);
  return memory;
}

GpuAttention::Pair GpuAttention::panelPair(const Panel &panel, Value row, int64_t rowPiece,
                                           Value column, int64_t piece) {
  Value place = add(panel.mine, rowPiece * kPiece * panel.stride() + piece * kPiece);
  if (row)
    place = add(place, mul(row, panel.stride()));
  if (column)
    place = add(place, column);
  return products.loadPair(at(panel.memory, products.element(), place));
}

void GpuAttention::fill(Value tensor, PlaceOf placeOf, Value first, Value end,
                        const Panel *straight, const Panel *across) {
  Type element = products.element();
  int64_t vector = kAccessBytes / bytesOf(element);
  while (extents.width % vector != 0)
    vector /= 2;
  int64_t perRow = blocks.columns / vector, all = blocks.stream * perRow;
  Type type = vectorOf(element, vector);
  struct Slot {
    Value row, column, exists, loaded; // exists: null if it does in any thread
  };
  auto load = [&](int64_t number) {
    Value place = add(thread, number * blocks.threads());
    Slot slot{div(place, perRow), mul(rem(place, perRow), vector), {}, {}};
    if ((number + 1) * blocks.threads() > all)
      slot.exists = less(place, index(all));
    Value row = add(first, slot.row), there = slot.exists;
    auto require = [&](Value condition) {
      there = there ? arith::AndIOp::create(b, there, condition).getResult() : condition;
    };
    if (end)
      require(less(row, end));
    if (blocks.columns > extents.width)
      require(less(slot.column, index(extents.width)));
    auto read = [&]() -> Value {
      Value offset = add(mul(placeOf(row), extents.width), slot.column);
      return GpuArithmetic::load(type, at(tensor, element, offset));
    };
    if (!there) {
      slot.loaded = read();
      return slot;
    }
    auto branch = scf::IfOp::create(b, type, there, /*withElseRegion=*/true);
    slot.loaded = branch.getResult(0);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(b, read());
    b.setInsertionPointToStart(branch.elseBlock());
    Value nothing = arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
    scf::YieldOp::create(b, nothing);
    return slot;
  };
  auto place = [&](const Slot &slot) {
    if (straight)
      store(slot.loaded,
            at(straight->memory, element, add(mul(slot.row, straight->stride()), slot.column)));
    for (int64_t lane = 0; across && lane < vector; ++lane)
      store(extract(slot.loaded, lane),
            at(across->memory, element,
               add(mul(add(slot.column, lane), across->stride()), slot.row)));
  };
  auto slots = static_cast<int64_t>(llvm::divideCeil(all, blocks.threads()));
  for (int64_t begin = 0; begin < slots; begin += kLoads) {
    SmallVector<Slot> some;
    for (int64_t number = begin; number < std::min(begin + kLoads, slots); ++number)
      some.push_back(load(number));
    for (const Slot &slot : some)
      createIf(b, slot.exists, [&] { place(slot); });
  }
}

//===----------------------------------------------------------------------===//
// Rows in memory
//===----------------------------------------------------------------------===//

Value GpuAttention::queryPlace(Value lane) {
  Value row = add(mul(batch, extents.queries), rowOf(lane));
  Value head = add(mul(kvHead, extents.group()), rem(lane, extents.group()));
  return add(mul(row, extents.heads), head);
}
Value GpuAttention::keyPlace(Value key) {
  return add(mul(add(mul(batch, extents.keys), key), extents.kvHeads), kvHead);
}
GpuAttention::Sides GpuAttention::sides(Value end) {
  Sides sides;
  for (int64_t down : {int64_t{0}, plan::kWarpRows / 2}) {
    Value mine = add(add(add(first, group), products.quad), down);
    sides.there.push_back(less(mine, end));
    sides.rows.push_back(min(mine, add(end, -1)));
  }
  return sides;
}

Value GpuAttention::loadFloat(Value tensor, Value place) {
  return load(f32(), at(tensor, f32(), place));
}
Value GpuAttention::loadCount(Value tensor) {
  return arith::ExtSIOp::create(b, b.getI64Type(), load(i32(), at(tensor, i32(), batch)));
}

GpuAttention::Pair GpuAttention::loadPair(Value pointer, Value start, int64_t number, bool half) {
  int64_t from = number * kPiece, width = extents.width;
  Type element = half ? Type(b.getBF16Type()) : f32();
  if (from >= width)
    return half ? Pair{integer(0)} : Pair{real(0), real(0)};
  Value wanted = add(products.pair, from);
  bool whole = from + kPiece <= width;
  // Where the width ends, a lane looks at the last column and forgets it.
  auto keepIf = [&](Value there, Value loaded) {
    Value nothing = arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(loaded.getType())));
    return select(there, loaded, nothing);
  };
  if (width % 2 != 0) {
    Pair pair;
    for (int64_t i = 0; i < 2; ++i) {
      Value mine = add(wanted, i), last = index(width - 1);
      Value loaded = load(element, at(pointer, element, add(start, min(mine, last))));
      pair.push_back(whole ? loaded : keepIf(less(mine, index(width)), loaded));
    }
    return pair;
  }
  Value mine = whole ? wanted : min(wanted, index(width - 2));
  Value address = at(pointer, element, add(start, mine));
  Value both = load(half ? i32() : vectorOf(f32(), 2), address);
  Pair pair = half ? Pair{both} : Pair{extract(both, 0), extract(both, 1)};
  for (Value &value : pair)
    value = whole ? value : keepIf(less(wanted, index(width)), value);
  return pair;
}

GpuAttention::Kept GpuAttention::keep(Value tensor, Value topPlace, Value bottomPlace,
                                      Value factor) {
  Kept kept{tensor, mul(topPlace, extents.width), mul(bottomPlace, extents.width), factor, {}};
  if (blocks.columns * bytesOf(products.element()) > kKeptBytes)
    return kept;
  SmallVector<Rows> pieces;
  for (int64_t number = 0; number < blocks.columns / kPiece; ++number)
    pieces.push_back(piece(kept, number));
  kept.pieces = std::move(pieces);
  return kept;
}

GpuAttention::Rows GpuAttention::piece(const Kept &kept, int64_t number) {
  if (!kept.pieces.empty())
    return kept.pieces[number];
  Rows rows{loadPair(kept.pointer, kept.top, number, extents.half),
            loadPair(kept.pointer, kept.bottom, number, extents.half)};
  if (kept.factor)
    for (Pair *pair : {&rows.top, &rows.bottom})
      for (Value &value : *pair)
        value = mulf(value, kept.factor);
  return rows;
}

void GpuAttention::storeRows(Value tensor, ArrayRef<Value> sums, ArrayRef<Value> places,
                             ArrayRef<Value> there, ArrayRef<Value> factors) {
  int64_t run = extents.width % 2 == 0 ? 2 : 1;
  for (size_t side = 0; side < 2; ++side)
    createIf(b, there[side], [&] {
      Value start = mul(places[side], extents.width);
      for (int64_t number = 0; number < resultPieces(); ++number)
        for (int64_t lane = 0; lane < 2; lane += run) {
          Value mine = add(add(column, products.pair), number * kPiece + lane);
          Value inside =
              blocks.columns > extents.width ? less(mine, index(extents.width)) : Value();
          createIf(b, inside, [&] {
            SmallVector<Value> values;
            for (int64_t i = lane; i < lane + run; ++i) {
              Value sum = sums[number * kLaneSums + 2 * side + i];
              values.push_back(factors.empty() ? sum : mulf(sum, factors[side]));
            }
            store(gather(values), at(tensor, f32(), add(start, mine)));
          });
        }
    });
}

void GpuAttention::storeOnce(Value tensor, ArrayRef<Value> places, ArrayRef<Value> there,
                             ArrayRef<Value> values) {
  Value one = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, products.pair, index(0));
  one = arith::AndIOp::create(b, one, isFirst);
  for (auto [place, exists, value] : llvm::zip(places, there, values))
    createIf(b, arith::AndIOp::create(b, one, exists),
             [&, place = place, value = value] { store(value, at(tensor, f32(), place)); });
}

//===----------------------------------------------------------------------===//
// Products and streams
//===----------------------------------------------------------------------===//

SmallVector<Value> GpuAttention::score(const Kept &kept, const Panel &panel, Value row,
                                       int64_t pieces) {
  SmallVector<Value> sums = zeros(pieces * kLaneSums);
  int64_t step = products.piecesOfProduct();
  for (int64_t deep = 0; deep < blocks.columns / kPiece; deep += step) {
    SmallVector<Rows> left;
    for (int64_t i = deep; i < deep + step; ++i)
      left.push_back(piece(kept, i));
    for (int64_t number = 0; number < pieces; ++number) {
      SmallVector<Pair> right;
      for (int64_t i = deep; i < deep + step; ++i)
        right.push_back(panelPair(panel, row, number, {}, i));
      products.multiply(MutableArrayRef<Value>(sums).slice(number * kLaneSums, kLaneSums), left,
                        right);
    }
  }
  return sums;
}

void GpuAttention::accumulate(MutableArrayRef<Value> sums, ArrayRef<Rows> factors,
                              const Panel &turned, Value row) {
  for (int64_t number = 0; number < resultPieces(); ++number) {
    SmallVector<Pair> right;
    for (size_t i = 0; i < factors.size(); ++i)
      right.push_back(panelPair(turned, blocks.parts > 1 ? column : Value(), number, row,
                                static_cast<int64_t>(i)));
    products.multiply(sums.slice(number * kLaneSums, kLaneSums), factors, right);
  }
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value GpuAttention::larger(Value x, Value best) {
  return select(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, best), x, best);
}
Value GpuAttention::largestOfRow(Value x) {
  for (int64_t distance : {1, 2})
    x = larger(createExchange(b, x, distance), x);
  return x;
}
Value GpuAttention::sumOfRow(Value x) {
  for (int64_t distance : {1, 2})
    x = addf(x, createExchange(b, x, distance));
  return x;
}
Value GpuAttention::exp2(Value x) {
  return LLVM::CallIntrinsicOp::create(b, f32(), b.getStringAttr("llvm.nvvm.ex2.approx.ftz.f32"),
                                       ValueRange{x})
      .getResult(0);
}
Value GpuAttention::log(Value x) { return math::LogOp::create(b, x); }
Value GpuAttention::fma(Value a, Value c, Value d) { return math::FmaOp::create(b, a, c, d); }
void GpuAttention::barrier() { NVVM::Barrier0Op::create(b); }

LogicalResult mlir::hydra::checkGpuAttention(Operation *op) {
  int64_t width = plan::AttentionExtents::of(op).width;
  if (width <= plan::kMostBlockWidth)
    return success();
  return op->emitOpError("has heads of ")
         << width << " columns; code for GPUs is for at most " << plan::kMostBlockWidth;
}
