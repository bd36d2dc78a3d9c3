// How a stage of a kernel is launched on a device with blocks of threads: a pure function of the
// kernel, asked by the planner for the geometry and by the emitters for their loops.
#ifndef HYDRA_DIALECTS_PLAN_GPULAUNCH_H
#define HYDRA_DIALECTS_PLAN_GPULAUNCH_H

#include "dialects/plan/PlanDialect.h"

namespace mlir::plan {

// A unit is what one worker does at a time: a row, a segment of one or a chunk of rows (a warp), an
// element of a flat program or a column of totals (a thread), an item of a kernel whose kind has an
// emitter of its own (a thread), a tile of a product (a block; ProductTiling.h), rows of attention
// (a block; AttentionBlocks.h). Worker w does units w, w + workers(), ...
struct GpuLaunch {
  int64_t units = 0;
  int64_t lanes = 1; // threads of one worker: 1, or those of a warp or a block
  int64_t blocks = 1, threads = 1;

  int64_t workers() const { return blocks * threads / lanes; }
};

// As many workers as units; at most one per part of scratch memory where the kernel uses it.
GpuLaunch gpuLaunch(KernelOp kernel, int stage);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_GPULAUNCH_H
