#include "dialects/plan/ProductTiling.h"

#include "dialects/target/GpuFacts.h"

using namespace mlir;
using namespace mlir::plan;
using mlir::hydra::allGpuFacts;
using mlir::hydra::GpuFacts;
using mlir::hydra::GroupedMatmulOp;
using mlir::hydra::kWarp;

namespace {

struct Cut {
  int64_t rows, columns;
  int64_t side;                  // of a thread's square part
  int64_t warpRows, warpColumns; // of a warp's part
};
// From the fastest per element to the one with most tiles.
constexpr Cut kCuts[] = {
    {128, 128, 8, 64, 32}, {64, 64, 4, 32, 32}, {32, 32, 4, 32, 32}, {16, 32, 4, 16, 32}};
// 64 bytes of a row or column of a factor.
constexpr int64_t kDepth = 16, kHalfDepth = 32;
// Blocks that a multiprocessor holds of the largest cut, by its registers and shared memory.
constexpr int64_t kResident = 2;

int64_t mostMultiprocessors() {
  int64_t most = 0;
  for (const GpuFacts &facts : allGpuFacts())
    most = std::max(most, facts.multiprocessors);
  return most;
}

int64_t tilesOf(Operation *product, const MatmulShape &shape, const Cut &cut) {
  auto rows = static_cast<int64_t>(llvm::divideCeil(shape.m, cut.rows));
  // Each further group may begin a tile that the one before it did not fill.
  if (auto grouped = dyn_cast<GroupedMatmulOp>(product))
    rows += static_cast<int64_t>(grouped.getWeights().size()) - 1;
  return rows * static_cast<int64_t>(llvm::divideCeil(shape.n, cut.columns)) * shape.groups;
}

} // namespace

// The largest tiles of which there is one for every multiprocessor, else the smallest.
ProductTiling mlir::plan::tileProduct(Operation *product) {
  MatmulShape shape = matmulShape(product);
  int64_t processors = mostMultiprocessors();
  const Cut *chosen = std::begin(kCuts);
  while (chosen + 1 != std::end(kCuts) && tilesOf(product, shape, *chosen) < processors)
    ++chosen;
  ProductTiling tiling;
  tiling.rows = chosen->rows;
  tiling.columns = chosen->columns;
  bool half = cast<RankedTensorType>(product->getOperand(0).getType()).getElementType().isBF16();
  tiling.depth = half ? kHalfDepth : kDepth;
  tiling.partRows = half ? chosen->warpRows : chosen->side;
  tiling.partColumns = half ? chosen->warpColumns : chosen->side;
  tiling.partThreads = half ? kWarp : 1;
  tiling.tiles = std::max<int64_t>(tilesOf(product, shape, *chosen), 1);
  tiling.blocks = std::min(tiling.tiles, kResident * processors);
  return tiling;
}
