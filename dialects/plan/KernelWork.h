// How the work of a kernel is cut into items: a fact of the plan, known to planner and code
// generator.
#ifndef HYDRA_DIALECTS_PLAN_KERNELWORK_H
#define HYDRA_DIALECTS_PLAN_KERNELWORK_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::plan {

// Rows that one item of a row-wise kernel covers. Items at or beyond a `rows` operand are skipped;
// rows of the last tile beyond it are computed from garbage or not at all, and never read.
inline constexpr int64_t kRowTile = 8;
// Elements that a worker takes at once, at least, where rows are narrow: as many row tiles as make
// them up. Results do not depend on it.
inline constexpr int64_t kGrainElements = 4096;
// Columns that one item of a column reduction covers, each summed over all rows in ascending order.
inline constexpr int64_t kColumnTile = 64;
// Elements that one item of a flat elementwise, update or full-reduction kernel covers.
inline constexpr int64_t kFlatTile = 16384;

// Query (or key) rows of one item of attention, and how many of them are computed together.
inline constexpr int64_t kAttentionRows = 64;
inline constexpr int64_t kAttentionBlock = 8;
// Rows of one item of the first stage of rms_norm_weight_grad: at most 64 items, whole row tiles.
int64_t weightGradientChunk(int64_t rows);

struct KernelWork {
  // One per stage. A later stage starts when the earlier one is complete.
  SmallVector<int64_t> items;
  SmallVector<int64_t> grain;
  // Buffer that carries partial results from stage to stage, passed as the last argument; 0 if one
  // stage.
  int64_t partialBytes = 0;
  // Scratch that one worker needs.
  int64_t scratchBytes = 0;
};

// The work of a kernel whose body is `body` (hydra primitives, today exactly one, and hydra.yield).
KernelWork getKernelWork(Block &body);

// Whether the kernel of `op` (a primitive) computes the same if result `result` occupies the memory
// of operand `operand`, for operands that are different values. Only exact overlap is meant.
bool mayRunInPlace(Operation *op, unsigned result, unsigned operand);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_KERNELWORK_H
