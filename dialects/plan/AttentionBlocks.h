// How attention and its gradient are cut on a device with blocks of threads: a pure function of the
// op, asked by the planner for stages and launches and by the emitters for their loops. On a CPU
// they are cut as AttentionTiling.h says.
#ifndef HYDRA_DIALECTS_PLAN_ATTENTIONBLOCKS_H
#define HYDRA_DIALECTS_PLAN_ATTENTIONBLOCKS_H

#include "dialects/plan/AttentionTiling.h"
#include "dialects/plan/ProductTiling.h"
#include "dialects/target/GpuFacts.h"

namespace mlir::plan {

// Head widths beyond it have no code for GPUs.
inline constexpr int64_t kMostBlockWidth = 256;

// Each launch keeps rows of one side (of all heads that share a key head) and streams those of the
// other through shared memory. attention keeps queries; its gradient has two stages: the first
// keeps queries, makes dq, and leaves D = dy . y of each in the buffer between stages; the second
// keeps keys and makes dk and dv. So nothing is added by two blocks, and sums are in ascending
// order.
struct AttentionBlocks {
  int64_t rowGroups; // of kWarpRows kept rows each, in a block
  int64_t parts;     // warps that share kept rows, each with its columns of the results
  int64_t stream;    // streamed rows that lie in shared memory at once
  int64_t columns;   // the head width in whole products and parts
  int64_t step;      // of the contraction, in one product
  int64_t units;     // blocks of the launch: tiles of kept rows of all key heads
  // Panels in shared memory: streamed rows as they are, and turned (a row per column).
  int64_t direct, turned;
  int64_t sharedBytes;

  int64_t rows() const { return rowGroups * kWarpRows; }
  int64_t partColumns() const { return columns / parts; }
  int64_t threads() const { return rowGroups * parts * hydra::kWarp; }
  // Elements from one row of a panel to the next: rows that are read at once lie in different
  // banks.
  static int64_t strideOf(int64_t depth) { return depth + (depth > 8 ? 8 : 4); }
};

AttentionBlocks attentionBlocks(Operation *op, int stage);

// Bytes between the stages of the gradient: a float per query and head.
int64_t attentionPartialBytes(Operation *gradient);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_ATTENTIONBLOCKS_H
