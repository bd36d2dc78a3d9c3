// How the work of a kernel is cut into items: a fact of the plan, known to planner and code
// generator.
#ifndef HYDRA_DIALECTS_PLAN_KERNELWORK_H
#define HYDRA_DIALECTS_PLAN_KERNELWORK_H

#include "dialects/plan/RowSchedule.h"

namespace mlir::plan {

// Rows that one item of a row-wise kernel covers. Items at or beyond a `rows` operand are skipped;
// rows of the last tile beyond it are computed from garbage or not at all, and never read.
inline constexpr int64_t kRowTile = 8;
// Elements that a worker takes at once, at least, where rows are narrow: as many row tiles as make
// them up. Results do not depend on it.
inline constexpr int64_t kGrainElements = 4096;
// Elements that one item of a flat elementwise, update or full-reduction kernel covers.
inline constexpr int64_t kFlatTile = 16384;

struct KernelWork {
  // One per stage. A later stage starts when the earlier one is complete.
  SmallVector<int64_t> items;
  SmallVector<int64_t> grain;
  // Buffer that carries partial results from stage to stage, passed as the last argument; 0 if one
  // stage.
  int64_t partialBytes = 0;
  // Scratch that one worker needs.
  int64_t scratchBytes = 0;
  // Of attention and its gradient; null for every other kernel.
  AttentionTilingAttr tiling;
};

// Replaces the primitives of a kernel body by one row program, unless it is one already, and
// schedules it. Null if the body is one primitive of a kind with an emitter of its own, which
// stays. Fails, with a diagnostic, if several primitives do not merge.
FailureOr<RowScheduleAttr> formRowProgram(Block &body);

// What runs the items of kernels: workers of a CPU, or blocks of threads. It decides how attention
// is cut; all other kinds have the same work on both.
enum class Workers : uint8_t { processor, blocks };

// The work of a kernel body in that form; `schedule` is null unless it is a row program.
KernelWork getKernelWork(Block &body, RowScheduleAttr schedule, Workers workers);

// Whether the kernel computes the same if result `result` takes the memory of operand `operand`.
// Only exact overlap is meant. Derived from the schedule; what emitters of whole kinds promise is
// said here.
bool mayOverwrite(KernelOp kernel, unsigned operand, unsigned result);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_KERNELWORK_H
