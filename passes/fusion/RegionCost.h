// What running a row program costs, read off the program and its schedule: integers, from the facts
// of dialects/target.
#ifndef HYDRA_PASSES_FUSION_REGIONCOST_H
#define HYDRA_PASSES_FUSION_REGIONCOST_H

#include "dialects/plan/RowSchedule.h"
#include "dialects/rows/RowBuilder.h"
#include "dialects/target/CpuFacts.h"

namespace mlir::hydra {

struct RegionCost {
  int64_t bytes = 0;       // of tensors read and written, each element once
  int64_t picoseconds = 0; // with all workers
  // Of `picoseconds`, what comes of values that do not fit into registers.
  int64_t spilling = 0;
  // Arithmetic of one worker, without spilling.
  int64_t tenthsOfCycles = 0;
  int64_t launches = 0;
  // What limits are about.
  int64_t live = 0; // vectors, at the widest point of a sweep
  int64_t reductions = 0, columnSums = 0, sweeps = 0, scratchBytes = 0, ops = 0;
  int64_t items = 0; // of the first stage

  // Of regions that run one after the other.
  RegionCost operator+(const RegionCost &other) const;
};

RegionCost costOf(rows::ProgramOp program, plan::RowScheduleAttr schedule, const CpuFacts &facts);

// What moving `bytes` of a tensor inside of another command costs: no launch.
RegionCost costOfTraffic(int64_t bytes, int64_t tensorBytes, const CpuFacts &facts);

// The cost of a region of primitives as one row program, or why it is none. The region is not
// changed.
struct RegionEstimate {
  std::optional<RegionCost> cost;
  rows::RowRefusal refusal;
};
RegionEstimate estimateRegion(Block &primitives, const CpuFacts &facts);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_REGIONCOST_H
