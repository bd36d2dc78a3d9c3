// Thresholds of depth routing (model.md 16, rule 3): what tokens are compared with where no later
// token is known.
#ifndef HYDRA_RUNTIME_APP_CALIBRATE_H_
#define HYDRA_RUNTIME_APP_CALIBRATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "runtime/train/run_record.h"

namespace hydra::app {

struct CalibrateRequest {
  std::string checkpoint = {};                    // or run directory
  std::string data = {};                          // directory, whose training tokens are run
  int64_t batches = 25;                           // at most; 0: all
  std::optional<int64_t> at_step = std::nullopt;  // whose phase; see train::ChoosePhase
  int threads = 0;
  Notices notices;
};

struct Calibration {
  std::string checkpoint;  // that was written
  train::SelectionThresholds thresholds;
  int64_t tokens = 0;  // that were run
};

// Runs the checkpoint on tokens with selection over whole sequences, as it was trained, and keeps
// in it, by block and call, the score that as many tokens exceed as were selected. An input error
// for a checkpoint whose phase selects nothing by depth.
absl::StatusOr<Calibration> Calibrate(const CalibrateRequest& request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_CALIBRATE_H_
