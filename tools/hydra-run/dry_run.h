// What `train --dry-run` prints: sizes, work and expected speed of a run that is not started.
#ifndef HYDRA_TOOLS_HYDRA_RUN_DRY_RUN_H_
#define HYDRA_TOOLS_HYDRA_RUN_DRY_RUN_H_

#include "runtime/app/train_run.h"
#include "runtime/base/status.h"

namespace hydra::tools {

// Measures the run that was prepared, and prints. Returns the exit code.
absl::StatusOr<int> DryRun(app::TrainRun& run, bool json);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_DRY_RUN_H_
