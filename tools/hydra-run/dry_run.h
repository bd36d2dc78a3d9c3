// What `train --dry-run` prints: sizes, work and expected speed of a run that is not started.
#ifndef HYDRA_TOOLS_HYDRA_RUN_DRY_RUN_H_
#define HYDRA_TOOLS_HYDRA_RUN_DRY_RUN_H_

#include "runtime/base/status.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/settings.h"
#include "tools/hydra-run/model.h"

namespace hydra::tools {

// Runs two steps on random tokens, times the second, and prints. Returns the exit code.
absl::StatusOr<int> DryRun(Model& model, train::ExecutorEngine& engine,
                           const train::Settings& settings, bool json);

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_DRY_RUN_H_
