// What a training run takes of a device that is not here: sizes and work that the artifact itself
// says, nothing that is measured.
#ifndef HYDRA_RUNTIME_APP_RUN_PLAN_H_
#define HYDRA_RUNTIME_APP_RUN_PLAN_H_

#include <cstdint>
#include <vector>

#include "runtime/artifact/artifact.h"
#include "runtime/base/status.h"
#include "runtime/exec/memory_regions.h"

namespace hydra::app {

struct RunPlan {
  int64_t parameters = 0;
  int64_t batch = 0, seq = 0;
  uint64_t flops = 0;              // of a step
  std::vector<MemoryLine> memory;  // planned; nothing is obtained
};

// Of steps of `micro_batches` of that shape (0: the largest there is) on a GPU. A usage error for a
// shape that the artifact does not have.
absl::StatusOr<RunPlan> PlanRunOnGpu(const artifact::Artifact& artifact, int64_t batch, int64_t seq,
                                     int micro_batches);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_RUN_PLAN_H_
