#include "dialects/plan/AttentionTiling.h"

#include "dialects/hydra/HydraDialect.h"

#include <cmath>

using namespace mlir;
using namespace mlir::plan;
using namespace mlir::hydra;

// Keys of a block: the scores of 16 queries against it are 4 KiB.
static constexpr int64_t kBlock = 64;
static constexpr int64_t kMaxRows = 64, kMinRows = 16;
// What the lane groups of a tile may hold in scratch: a part of the smallest level-2 cache.
static constexpr int64_t kGroupBytes = 128 << 10;
// Distance between arrays that are used together, so that they do not lie a multiple of a page
// apart.
static constexpr int64_t kSkew = 3 * kLanes;

AttentionExtents AttentionExtents::of(Operation *op) {
  auto from = [](auto attention) {
    auto q = cast<RankedTensorType>(attention.getQ().getType());
    auto k = cast<RankedTensorType>(attention.getK().getType());
    auto heads = static_cast<int64_t>(attention.getHeads());
    return AttentionExtents{q.getShape()[0],
                            q.getShape()[1],
                            k.getShape()[1],
                            heads,
                            static_cast<int64_t>(attention.getKvHeads()),
                            q.getShape()[2] / heads,
                            q.getElementType().isBF16()};
  };
  if (auto grad = dyn_cast<AttentionGradOp>(op))
    return from(grad);
  return from(cast<AttentionOp>(op));
}

// Tiles where the parts of a causal sequence begin: a part of the last rows is shorter, because
// they see more keys. As many parts as there are too few heads for the workers.
static SmallVector<int64_t> partsOf(const AttentionExtents &extents, int64_t tiles) {
  int64_t wanted = llvm::divideCeil(cpuMatmulLibrary().workers, extents.batch * extents.kvHeads);
  SmallVector<int64_t> parts = {0};
  for (int64_t part = 1; part < wanted; ++part) {
    double share = static_cast<double>(part) / static_cast<double>(wanted);
    auto begin = std::llround(static_cast<double>(tiles) * std::sqrt(share));
    if (begin > parts.back() && begin < tiles)
      parts.push_back(begin);
  }
  parts.push_back(tiles);
  return parts;
}

AttentionTilingAttr mlir::plan::tileAttention(Operation *op) {
  if (!isa<AttentionOp, AttentionGradOp>(op))
    return {};
  AttentionExtents extents = AttentionExtents::of(op);
  bool gradient = isa<AttentionGradOp>(op);
  int64_t lanesBytes = extents.width * static_cast<int64_t>(sizeof(float)) * (gradient ? 5 : 2);
  int64_t rows = kMaxRows;
  while (rows > kMinRows && rows * extents.group() * lanesBytes > kGroupBytes)
    rows /= 2;
  rows = std::min(rows, extents.queries);
  SmallVector<int64_t> parts;
  if (gradient)
    parts = partsOf(extents, llvm::divideCeil(extents.queries, rows));
  return AttentionTilingAttr::get(op->getContext(), rows, kBlock, parts);
}

AttentionScratch::AttentionScratch(const AttentionExtents &extents, AttentionTilingAttr tiling) {
  bool gradient = !tiling.getParts().empty();
  int64_t block = tiling.getBlock(), next = 0;
  auto take = [&](int64_t rows, int64_t columns) {
    int64_t at = next;
    next += llvm::alignTo(rows * columns, kLanes) + kSkew;
    return at;
  };
  keys = take(block, extents.paddedWords());
  values = take(block, extents.paddedWords());
  scores = take(block, kLanes);
  if (gradient) {
    slopes = take(block, kLanes);
    keyGradients = take(block, extents.paddedWidth());
    valueGradients = take(block, extents.paddedWidth());
  }
  if (extents.half) {
    columns = take(extents.resultRows(), block / 2);
    pairs = take(block / 2, kLanes);
  }
  if (extents.half && gradient) {
    weightRows = take(block, kLanes / 2);
    slopeRows = take(block, kLanes / 2);
  }
  groups = next;
  next = 0;
  limits = take(1, kLanes);
  sums = take(1, kLanes);
  maxima = take(1, kLanes);
  q = take(extents.depth(), kLanes);
  result = take(extents.resultRows(), kLanes);
  if (gradient) {
    dy = take(extents.depth(), kLanes);
    qRows = take(extents.half ? kLanes / 2 : kLanes, extents.paddedWidth());
    dyRows = take(extents.half ? kLanes / 2 : kLanes, extents.paddedWidth());
  }
  groupWords = next;
  words = groups + llvm::divideCeil(tiling.getRows() * extents.group(), kLanes) * groupWords;
}

AttentionRegisters::AttentionRegisters(const CpuFacts &level)
    : scoreRows(level.registerLanes < kLanes ? 4 : 8),
      columnRows(level.registerLanes < kLanes ? 4 : 16) {}
