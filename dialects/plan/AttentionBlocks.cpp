#include "dialects/plan/AttentionBlocks.h"

#include "dialects/hydra/HydraDialect.h"

using namespace mlir;
using namespace mlir::plan;

// Static shared memory of a block is at most 48 KiB everywhere.
static constexpr int64_t kSharedBytes = 44 << 10;
static constexpr int64_t kMostStream = 64;
// Warps of a block: enough to share what is streamed, few enough that several blocks are resident.
static constexpr int64_t kWarps = 4;
// Columns whose sums a lane keeps, over all results.
static constexpr int64_t kSumColumns = 128;

static int64_t ceilDiv(int64_t a, int64_t b) {
  return static_cast<int64_t>(llvm::divideCeil(a, b));
}

AttentionBlocks mlir::plan::attentionBlocks(Operation *op, int stage) {
  AttentionExtents extents = AttentionExtents::of(op);
  bool gradient = isa<mlir::hydra::AttentionGradOp>(op), keepsKeys = gradient && stage == 1;
  int64_t lanes = extents.queries * extents.group();
  int64_t kept = keepsKeys ? extents.keys : lanes, streamed = keepsKeys ? lanes : extents.keys;

  AttentionBlocks blocks;
  blocks.step = extents.half ? kWarpDepth : kWarpDepth / 2;
  blocks.parts = ceilDiv(extents.width, keepsKeys ? kSumColumns / 2 : kSumColumns);
  blocks.columns = static_cast<int64_t>(llvm::alignTo(extents.width, blocks.step * blocks.parts));
  blocks.rowGroups =
      std::clamp<int64_t>(ceilDiv(kept, kWarpRows), 1, std::max<int64_t>(kWarps / blocks.parts, 1));
  blocks.direct = gradient ? 2 : 1;
  blocks.turned = keepsKeys ? 2 : 1;
  auto bytes = [&](int64_t stream) {
    int64_t elements = blocks.direct * stream * AttentionBlocks::strideOf(blocks.columns) +
                       blocks.turned * blocks.columns * AttentionBlocks::strideOf(stream);
    // Of each streamed query: its row, the logarithm of its sum, D.
    return elements * (extents.half ? 2 : 4) + (keepsKeys ? 3 * stream * 4 : 0);
  };
  blocks.stream = kMostStream;
  while (blocks.stream > blocks.step &&
         (bytes(blocks.stream) > kSharedBytes || blocks.stream / 2 >= streamed))
    blocks.stream /= 2;
  blocks.sharedBytes = bytes(blocks.stream);
  blocks.units = extents.batch * extents.kvHeads * ceilDiv(kept, blocks.rows());
  return blocks;
}

int64_t mlir::plan::attentionPartialBytes(Operation *gradient) {
  AttentionExtents extents = AttentionExtents::of(gradient);
  return extents.batch * extents.queries * extents.heads * static_cast<int64_t>(sizeof(float));
}
