// What changes from step to step and is not in the recipe: the variant of the program, and control
// values that follow the step or the results of earlier ones.
#ifndef HYDRA_RUNTIME_TRAIN_STEP_POLICY_H_
#define HYDRA_RUNTIME_TRAIN_STEP_POLICY_H_

#include <cstdint>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/engine.h"
#include "runtime/train/host_state.h"
#include "runtime/train/records.h"

namespace hydra::train {

// Used by one trainer. Not thread-safe.
class StepPolicy {
 public:
  virtual ~StepPolicy() = default;

  // Before `step` (from 0) is staged: chooses its variant (UseVariant) and sets its control values,
  // after those of the recipe. `visible` is the record of exactly L steps earlier, nullptr in the
  // first L steps of a run: what a decision may use, so that a run decides the same however fast
  // the device is. Called once for every step, in order; allocates nothing once every variant was
  // used.
  virtual absl::Status Prepare(int64_t step, const StepRecord* visible, TrainEngine& engine) = 0;

  // State of its own that a checkpoint keeps.
  virtual std::vector<HostModule*> modules() { return {}; }
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_STEP_POLICY_H_
