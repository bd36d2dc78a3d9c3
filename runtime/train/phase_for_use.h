// How a program is used where it is not trained: evaluation, generation, measurements.
#ifndef HYDRA_RUNTIME_TRAIN_PHASE_FOR_USE_H_
#define HYDRA_RUNTIME_TRAIN_PHASE_FOR_USE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/engine.h"
#include "runtime/train/run_record.h"

namespace hydra::train {

struct PhaseForUse {
  int64_t step = 0;  // whose phase it is, from 1; 0: none, everything is on
  // Of eval and extend, and of accumulate; "": the one in which everything routes (VariantForUse).
  std::string variant;
  // Values of the control block; none: their initial values, with which everything is on. A program
  // may not have all of them.
  std::vector<std::pair<std::string, double>> controls;
};

// The phase of step `at_step`, else that of the last step of `run` (null: no checkpoint), else
// everything on. Its curriculum is the run's; without a run, that of the default settings. A usage
// error for an `at_step` of a program that does the same in every step.
absl::StatusOr<PhaseForUse> ChoosePhase(const EngineFacts& facts, const RunRecord* run,
                                        std::optional<int64_t> at_step);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_PHASE_FOR_USE_H_
