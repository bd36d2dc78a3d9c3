// Products of float32 on a GPU: fused multiply-adds, a square part of the tile per thread. Panels
// have their rows along C, so that a thread reads its factors as vectors.
#include "compiler/codegen/GpuProduct.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Elements of a vector, and of the gap between two rows of a panel, so that rows begin in different
// banks.
constexpr int64_t kVector = 4;

class FmaProduct : public GpuProduct {
public:
  using GpuProduct::GpuProduct;

protected:
  void prepareThread() override {
    int64_t parts = tiling.columns / tiling.partColumns;
    down = mul(div(thread, parts), kVector);
    right = mul(rem(thread, parts), kVector);
  }
  bool isDeepPanel() const override { return false; }
  int64_t panelElements(const ProductFactor &factor) const override {
    return tiling.depth * rowOf(factor);
  }
  Value placeInPanel(const ProductFactor &factor, Value along, Value deep) override {
    return add(mul(deep, rowOf(factor)), along);
  }
  int64_t sumsOfThread() const override { return tiling.partRows * tiling.partColumns; }

  SmallVector<Value> multiply(ValueRange sums, Value a, Value b0) override {
    return createLoop(b, index(0), index(tiling.depth), 1, sums, [&](Value k, ValueRange carried) {
      SmallVector<Value> left = readRow(factorA, add(a, mul(k, rowOf(factorA))), down);
      SmallVector<Value> top = readRow(factorB, add(b0, mul(k, rowOf(factorB))), right);
      SmallVector<Value> next;
      for (auto [number, sum] : llvm::enumerate(carried))
        next.push_back(math::FmaOp::create(b, left[number / tiling.partColumns],
                                           top[number % tiling.partColumns], sum));
      return next;
    });
  }

  void forEachRun(ArrayRef<Value> sums, Visit visit) override {
    for (int64_t i = 0; i < tiling.partRows; ++i)
      for (int64_t j = 0; j < tiling.partColumns; j += kVector)
        visit(add(down, apart(i, tiling.rows, tiling.partRows)),
              add(right, apart(j, tiling.columns, tiling.partColumns)),
              sums.slice(i * tiling.partColumns + j, kVector));
  }

private:
  static int64_t rowOf(const ProductFactor &factor) { return factor.extent + kVector; }
  // A part is runs of kVector, evenly apart over the tile: what the threads of a warp read at once
  // lies together.
  static int64_t apart(int64_t number, int64_t extent, int64_t part) {
    return number / kVector * (extent / (part / kVector)) + number % kVector;
  }
  SmallVector<Value> readRow(const ProductFactor &factor, Value row, Value mine) {
    int64_t part = &factor == &factorA ? tiling.partRows : tiling.partColumns;
    SmallVector<Value> elements;
    for (int64_t i = 0; i < part; i += kVector) {
      Value place = inPanels(add(row, add(mine, apart(i, factor.extent, part))));
      Type type = vectorOf(f32(), kVector);
      Value vector = LLVM::LoadOp::create(b, type, place, bytesOf(type));
      for (int64_t lane = 0; lane < kVector; ++lane)
        elements.push_back(extract(vector, lane));
    }
    return elements;
  }

  Value down, right; // of this thread's first element in a tile
};

} // namespace

std::unique_ptr<GpuProduct> mlir::hydra::makeFmaProduct(ImplicitLocOpBuilder &builder,
                                                        plan::KernelOp kernel, GpuFunction &gpu) {
  return std::make_unique<FmaProduct>(builder, kernel, gpu);
}
