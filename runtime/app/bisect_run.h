// Where a training step stops being finite: what `bisect` reports.
#ifndef HYDRA_RUNTIME_APP_BISECT_RUN_H_
#define HYDRA_RUNTIME_APP_BISECT_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/base/status.h"
#include "runtime/diagnostics/replay_engine.h"
#include "runtime/diagnostics/value_statistics.h"

namespace hydra::app {

struct BisectRequest {
  ModelRequest model = {};   // a checkpoint, a run directory, or a model with `weights`
  std::string data = {};     // ""; those of the run
  std::string weights = {};  // safetensors file to use instead of the checkpoint's
  std::optional<int64_t> step = std::nullopt;  // batch and schedule of this step; else the next one
  double limit = 1e9;                          // magnitude above which a finite value is outlying
  bool as_compiled = false;  // the artifact as it is: kernels may hold several ops
};

// One value of the batch that the finding's first bad element may belong to.
struct BatchPosition {
  int64_t row = 0, sequence = 0, position = 0;
  int32_t token = 0, target = 0;
};

struct BisectReport {
  std::string run_id;  // "" without a checkpoint
  int64_t step = 0;    // from 0: the number of updates before it
  bool unfused = false;
  // Of the state before the step: what is not finite in it already.
  std::vector<std::pair<std::string, ValueStatistics>> already;
  ReplayReport replay;
  // Where the first value that is not finite stands, if rows of the result are tokens.
  std::optional<BatchPosition> position;
};

// Loads the state and replays one step with its own batches, noise, control values and routing
// phase, op by op. Unless `as_compiled`, the model is compiled again without fusion, which keeps
// the bits and makes every kernel one op; without hydra-opt or a spec the artifact is taken as it
// is, which is noted.
absl::StatusOr<BisectReport> BisectRun(BisectRequest request);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_BISECT_RUN_H_
