// Kind `matmul` on a GPU: products by tiles of C, a block per tile (dialects/plan/ProductTiling.h).
// Counts and offsets that lie on the device end the loop over tiles, or the contraction; rows
// beyond them are filled with zeros where they would be loaded, never multiplied by a mask, so that
// what stands there, stale or NaN, touches nothing.
//
// A round: each thread loads its share of the next panels of A and B into registers, multiplies the
// panels in shared memory, and stores what it loaded into the other half of shared memory. A
// barrier ends the round: what was stored is there, and what was multiplied may be overwritten.
#include "compiler/codegen/GpuProduct.h"
#include "compiler/codegen/KernelEmitters.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::hydra;

// One access moves so many bytes where rows are long enough multiples of them.
constexpr int64_t kAccessBytes = 16;

GpuProduct::GpuProduct(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, GpuFunction &gpu)
    : GpuArithmetic(builder), gpu(gpu), op(&kernel.getBody().front().front()),
      shape(plan::matmulShape(op)), tiling(plan::tileProduct(op)) {}

void GpuProduct::emit() {
  prepare();
  prepareThread();
  Value counts = plan::countsOf(op) ? gpu.pointers.lookup(plan::countsOf(op)) : Value();
  if (isa<GroupedWeightGradOp>(op)) {
    Range depth = between(counts, gpu.scalars.front());
    return eachTile({index(0), index(shape.m)}, depth, index(0), index(0));
  }
  if (auto grouped = dyn_cast<GroupedMatmulOp>(op)) {
    eachGroup(static_cast<int64_t>(grouped.getWeights().size()), [&](Value group, Value base) {
      factorB.pointer = weightOf(grouped, group);
      Range rows = between(counts, group);
      eachTile(rows, {index(0), index(shape.k)}, index(0), base);
      return tilesOf(rows);
    });
    return;
  }
  Range rows{index(0), index(shape.m)}, depth{index(0), index(shape.k)};
  if (counts)
    (shape.transposeA ? depth : rows).end = clamp(loadCount(counts, index(0)));
  eachGroup(shape.groups, [&](Value group, Value base) {
    eachTile(rows, depth, group, base);
    return tilesOf(rows);
  });
}

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

Value GpuProduct::loadCount(Value counts, Value position) {
  Value count = LLVM::LoadOp::create(b, b.getI32Type(), at(counts, b.getI32Type(), position),
                                     /*alignment=*/4);
  return arith::ExtSIOp::create(b, b.getI64Type(), count);
}
Value GpuProduct::clamp(Value count) {
  Value most = index(shape.transposeA ? shape.k : shape.m);
  return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, count, most), index(0));
}
// The rows of a group.
GpuProduct::Range GpuProduct::between(Value offsets, Value group) {
  Value begin = clamp(loadCount(offsets, group));
  Value end = clamp(loadCount(offsets, add(group, 1)));
  return {begin, arith::MaxSIOp::create(b, begin, end)};
}
Value GpuProduct::weightOf(GroupedMatmulOp grouped, Value group) {
  Value chosen;
  for (auto [number, weight] : llvm::enumerate(grouped.getWeights())) {
    Value pointer = gpu.pointers.lookup(weight);
    Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, group,
                                     index(static_cast<int64_t>(number)));
    chosen = chosen ? arith::SelectOp::create(b, is, pointer, chosen).getResult() : pointer;
  }
  return chosen;
}

//===----------------------------------------------------------------------===//
// The loop over tiles
//===----------------------------------------------------------------------===//

int64_t GpuProduct::across() const {
  return static_cast<int64_t>(llvm::divideCeil(shape.n, tiling.columns));
}
Value GpuProduct::tilesOf(Range rows) {
  Value extent = arith::SubIOp::create(b, rows.end, rows.begin);
  return mul(div(add(extent, tiling.rows - 1), tiling.rows), across());
}
// body(group, the number of tiles of all groups before, modulo blocks) gives the number of its own.
void GpuProduct::eachGroup(int64_t groups, llvm::function_ref<Value(Value, Value)> body) {
  if (groups == 1) {
    body(index(0), index(0));
    return;
  }
  createLoop(b, index(0), index(groups), 1, index(0), [&](Value group, ValueRange carried) {
    Value own = body(group, carried.front());
    return SmallVector<Value>{rem(add(carried.front(), own), tiling.blocks)};
  });
}
// Tile t of the group falls to block (base + t) modulo blocks.
void GpuProduct::eachTile(Range rows, Range depth, Value group, Value base) {
  Value ahead = arith::SubIOp::create(b, add(gpu.worker, tiling.blocks), base);
  createLoop(b, rem(ahead, tiling.blocks), tilesOf(rows), tiling.blocks, {},
             [&](Value tile, ValueRange) {
               Value row = add(rows.begin, mul(div(tile, across()), tiling.rows));
               oneTile({row, rows.end}, mul(rem(tile, across()), tiling.columns), depth, group);
               return SmallVector<Value>();
             });
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

void GpuProduct::prepare() {
  thread = arith::ExtUIOp::create(b, b.getI64Type(), NVVM::ThreadIdXOp::create(b, b.getI32Type()));
  auto grouped = dyn_cast<GroupedMatmulOp>(op);
  Value weight = grouped ? grouped.getWeights().front() : op->getOperand(1);
  factorA =
      factorOf(op->getOperand(0), shape.lda, shape.groupA, shape.m, tiling.rows, !shape.transposeA);
  factorB = factorOf(weight, shape.ldb, shape.groupB, shape.n, tiling.columns, shape.transposeB);
  panelType = factorA.element;
  factorB.shared = 2 * panelElements(factorA);
  panels = gpu.sharedMemory(panelType, factorB.shared + 2 * panelElements(factorB));
}

// `all`: its extent along C, of which a panel has `extent`.
ProductFactor GpuProduct::factorOf(Value tensor, int64_t stride, int64_t groupStep, int64_t all,
                                   int64_t extent, bool deep) {
  ProductFactor factor;
  factor.pointer = gpu.pointers.lookup(tensor);
  factor.element = cast<RankedTensorType>(tensor.getType()).getElementType();
  factor.stride = stride;
  factor.columns = deep ? shape.k : all;
  factor.extent = extent;
  factor.deep = deep;
  int64_t vector = kAccessBytes / bytesOf(factor.element);
  bool aligned = stride % vector == 0 && groupStep % vector == 0 && factor.columns % vector == 0;
  factor.vector = aligned ? vector : 1;
  factor.shared = 0;
  return factor;
}

int64_t GpuProduct::slotsOf(const ProductFactor &factor) const {
  return factor.extent * tiling.depth / (factor.vector * tiling.threads());
}
// Neighbouring threads have neighbours in memory.
GpuProduct::Slot GpuProduct::slotOf(const ProductFactor &factor, int64_t slot) {
  int64_t perRow = (factor.deep ? tiling.depth : factor.extent) / factor.vector;
  Value number = add(thread, slot * tiling.threads());
  Value row = div(number, perRow), column = mul(rem(number, perRow), factor.vector);
  return factor.deep ? Slot{row, column} : Slot{column, row};
}

// This thread's share of a panel, zeros where the matrix has ended. Counts bound rows in memory
// only, so that a vector is there as a whole or not at all.
SmallVector<Value> GpuProduct::loadPanel(const ProductFactor &factor, Value base, Range along,
                                         Value depth, Value depthEnd) {
  SmallVector<Value> values;
  for (int64_t slot = 0; slot < slotsOf(factor); ++slot) {
    Slot place = slotOf(factor, slot);
    Value c = add(along.begin, place.along), k = add(depth, place.deep);
    Value there = arith::AndIOp::create(b, less(c, along.end), less(k, depthEnd));
    Value row = factor.deep ? c : k, column = factor.deep ? k : c;
    Type type = vectorOf(factor.element, factor.vector);
    auto branch = scf::IfOp::create(b, type, there, /*withElseRegion=*/true);
    values.push_back(branch.getResult(0));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value offset = add(base, add(mul(row, factor.stride), column));
    Value loaded =
        LLVM::LoadOp::create(b, type, at(factor.pointer, factor.element, offset), bytesOf(type));
    scf::YieldOp::create(b, loaded);
    b.setInsertionPointToStart(branch.elseBlock());
    Value nothing = arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
    scf::YieldOp::create(b, nothing);
  }
  return values;
}

void GpuProduct::storePanel(const ProductFactor &factor, ArrayRef<Value> values, Value start) {
  for (auto [number, value] : llvm::enumerate(values)) {
    Slot place = slotOf(factor, static_cast<int64_t>(number));
    if (factor.deep == isDeepPanel()) {
      Value offset = add(start, placeInPanel(factor, place.along, place.deep));
      LLVM::StoreOp::create(b, value, inPanels(offset), bytesOf(value.getType()));
      continue;
    }
    for (int64_t lane = 0; lane < factor.vector; ++lane) {
      Value along = add(place.along, factor.deep ? 0 : lane);
      Value deep = add(place.deep, factor.deep ? lane : 0);
      LLVM::StoreOp::create(b, extract(value, lane),
                            inPanels(add(start, placeInPanel(factor, along, deep))),
                            bytesOf(panelType));
    }
  }
}

//===----------------------------------------------------------------------===//
// One tile
//===----------------------------------------------------------------------===//

void GpuProduct::oneTile(Range rows, Value column, Range depth, Value group) {
  Value baseA = mul(group, shape.groupA), baseB = mul(group, shape.groupB);
  Range columns{column, index(shape.n)};
  auto load = [&](Value from) {
    SmallVector<Value> values = loadPanel(factorA, baseA, rows, from, depth.end);
    llvm::append_range(values, loadPanel(factorB, baseB, columns, from, depth.end));
    return values;
  };
  auto startOf = [&](const ProductFactor &factor, Value half) {
    return add(arith::MulIOp::create(b, half, index(panelElements(factor))), factor.shared);
  };
  auto store = [&](ArrayRef<Value> values, Value half) {
    auto ofA = static_cast<size_t>(slotsOf(factorA));
    storePanel(factorA, values.take_front(ofA), startOf(factorA, half));
    storePanel(factorB, values.drop_front(ofA), startOf(factorB, half));
  };
  store(load(depth.begin), index(0));
  NVVM::Barrier0Op::create(b);
  SmallVector<Value> carried(sumsOfThread(),
                             arith::ConstantOp::create(b, b.getF32FloatAttr(0)).getResult());
  carried.push_back(index(0));
  carried =
      createLoop(b, depth.begin, depth.end, tiling.depth, carried, [&](Value k, ValueRange now) {
        Value half = now.back(), other = arith::SubIOp::create(b, index(1), half);
        SmallVector<Value> ahead = load(add(k, tiling.depth));
        SmallVector<Value> next =
            multiply(now.drop_back(), startOf(factorA, half), startOf(factorB, half));
        store(ahead, other);
        NVVM::Barrier0Op::create(b);
        next.push_back(other);
        return next;
      });
  carried.pop_back();
  writeTile(carried, rows, columns, group);
}

void GpuProduct::writeTile(ArrayRef<Value> sums, Range rows, Range columns, Value group) {
  Value result = op->getResult(0), accumulator = plan::accumulatorOf(op);
  Type element = cast<RankedTensorType>(result.getType()).getElementType();
  Value base = mul(group, shape.groupC);
  auto write = [&](Value offset, Value sum) {
    bool isVector = isa<VectorType>(sum.getType());
    Type wide = sum.getType();
    Type type = isVector ? cast<VectorType>(wide).clone(element) : element;
    if (accumulator) {
      Value place = at(gpu.pointers.lookup(accumulator), element, offset);
      Value before = LLVM::LoadOp::create(b, type, place, bytesOf(type));
      if (type != wide)
        before = arith::ExtFOp::create(b, wide, before);
      sum = arith::AddFOp::create(b, before, sum);
    }
    if (type != wide)
      sum = arith::TruncFOp::create(b, type, sum);
    LLVM::StoreOp::create(b, sum, at(gpu.pointers.lookup(result), element, offset), bytesOf(type));
  };
  forEachRun(sums, [&](Value down, Value right, ArrayRef<Value> run) {
    auto width = static_cast<int64_t>(run.size());
    bool whole = shape.n % width == 0 && shape.ldc % width == 0 && shape.groupC % width == 0;
    Value row = add(rows.begin, down);
    createIf(b, less(row, rows.end), [&] {
      for (int64_t lane = 0; lane < width; lane += whole ? width : 1) {
        Value column = add(columns.begin, add(right, lane));
        createIf(b, less(column, columns.end), [&] {
          Value offset = add(base, add(mul(row, shape.ldc), column));
          write(offset, gather(whole ? run : run.slice(lane, 1)));
        });
      }
    });
  });
}

LogicalResult mlir::hydra::emitGpuProduct(plan::KernelOp kernel, int stage, ModuleOp module) {
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  GpuFunction gpu = GpuFunction::create(b, kernel, stage, module);
  Value a = kernel.getBody().front().front().getOperand(0);
  bool half = cast<RankedTensorType>(a.getType()).getElementType().isBF16();
  (half ? makeMmaProduct(b, kernel, gpu) : makeFmaProduct(b, kernel, gpu))->emit();
  LLVM::ReturnOp::create(b, ValueRange{});
  return success();
}
