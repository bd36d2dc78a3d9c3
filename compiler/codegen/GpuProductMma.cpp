// Products of bf16 on a GPU: tensor cores (mma.sync m16n8k16, sums in float32), a part of the tile
// per warp. Panels have their rows along the contraction, so that a register of a fragment, two
// neighbours of the contraction, is one word. What a lane holds: PTX ISA, matrix fragments for
// mma.m16n8k16 with floating point types.
#include "compiler/codegen/GpuProduct.h"
#include "compiler/codegen/WarpProducts.h"
#include "dialects/target/GpuFacts.h"

using namespace mlir;
using namespace mlir::hydra;
using plan::kWarpColumns;
using plan::kWarpDepth;
using plan::kWarpRows;

namespace {

// Elements between the rows of a panel: 16 bytes, so that the eight rows that a warp reads at once
// begin in different banks.
constexpr int64_t kGap = 8;
// Two columns of two rows.
constexpr int64_t kSums = kLaneSums;

class MmaProduct : public GpuProduct {
public:
  using GpuProduct::GpuProduct;

protected:
  void prepareThread() override {
    Value warp = div(thread, kWarp), lane = rem(thread, kWarp);
    int64_t parts = tiling.columns / tiling.partColumns;
    quad = div(lane, 4);
    pair = mul(rem(lane, 4), 2);
    down = add(mul(div(warp, parts), tiling.partRows), quad);
    right = mul(rem(warp, parts), tiling.partColumns);
  }
  bool isDeepPanel() const override { return true; }
  int64_t panelElements(const ProductFactor &factor) const override {
    return factor.extent * rowElements();
  }
  Value placeInPanel(const ProductFactor &, Value along, Value deep) override {
    return add(mul(along, rowElements()), deep);
  }
  int64_t sumsOfThread() const override { return productsDown() * productsAcross() * kSums; }

  SmallVector<Value> multiply(ValueRange sums, Value a, Value b0) override {
    SmallVector<Value> next(sums);
    for (int64_t k = 0; k < tiling.depth; k += kWarpDepth) {
      SmallVector<SmallVector<Value>> left, top;
      for (int64_t i = 0; i < productsDown(); ++i) {
        Value row = add(down, i * kWarpRows), below = add(row, kWarpRows / 2);
        left.push_back({word(a, row, k), word(a, below, k), word(a, row, k + kWarpDepth / 2),
                        word(a, below, k + kWarpDepth / 2)});
      }
      for (int64_t j = 0; j < productsAcross(); ++j) {
        Value column = add(add(right, quad), j * kWarpColumns);
        top.push_back({word(b0, column, k), word(b0, column, k + kWarpDepth / 2)});
      }
      for (int64_t i = 0; i < productsDown(); ++i)
        for (int64_t j = 0; j < productsAcross(); ++j)
          createMma(b, /*half=*/true, left[i], top[j],
                    MutableArrayRef<Value>(next).slice((i * productsAcross() + j) * kSums, kSums));
    }
    return next;
  }

  void forEachRun(ArrayRef<Value> sums, Visit visit) override {
    for (int64_t i = 0; i < productsDown(); ++i)
      for (int64_t j = 0; j < productsAcross(); ++j)
        for (int64_t half = 0; half < 2; ++half)
          visit(add(down, i * kWarpRows + half * kWarpRows / 2),
                add(add(right, pair), j * kWarpColumns),
                sums.slice((i * productsAcross() + j) * kSums + 2 * half, 2));
  }

private:
  int64_t rowElements() const { return tiling.depth + kGap; }
  int64_t productsDown() const { return tiling.partRows / kWarpRows; }
  int64_t productsAcross() const { return tiling.partColumns / kWarpColumns; }

  // This lane's two neighbours of the contraction from `k` on, of a row or column of C.
  Value word(Value panel, Value along, int64_t k) {
    Value place = add(panel, add(mul(along, rowElements()), add(pair, k)));
    return LLVM::LoadOp::create(b, b.getI32Type(), inPanels(place), /*alignment=*/4);
  }
  Value quad, pair;  // of this lane: its row or column, and its first of the contraction
  Value down, right; // its first row, and its warp's first column, in a tile
};

} // namespace

std::unique_ptr<GpuProduct> mlir::hydra::makeMmaProduct(ImplicitLocOpBuilder &builder,
                                                        plan::KernelOp kernel, GpuFunction &gpu) {
  return std::make_unique<MmaProduct>(builder, kernel, gpu);
}
