// Where a run begins: its directory, locked, and the checkpoint to go on from, if any.
#ifndef HYDRA_RUNTIME_TRAIN_CHECKPOINT_START_H_
#define HYDRA_RUNTIME_TRAIN_CHECKPOINT_START_H_

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/status.h"
#include "runtime/train/checkpoint_store.h"

namespace hydra::train {

enum class StartMode {
  kNew,             // refused if the directory has checkpoints
  kResume,          // refused if it has none
  kResumeIfPresent  // whichever of the two fits
};

struct StartRequest {
  std::string out;  // the run directory
  StartMode mode = StartMode::kNew;
  std::optional<int64_t> step = std::nullopt;  // resume from this one, not from the newest
};

struct StartingPoint {
  CheckpointStore store;
  std::optional<Checkpoint> checkpoint;  // nothing: the run begins
};

// Opens the run directory, making it if it is new, and checks the checkpoint, each file once.
// kUsage for a new run where there is one; kInput if there is nothing to resume from; a failure
// that names it if another process trains there.
absl::StatusOr<StartingPoint> OpenStartingPoint(const StartRequest& request);

// What a run was started with and its checkpoints do not say, since equal runs write equal
// checkpoints wherever they lie: OUT/inputs.json.
struct RunInputs {
  std::string data;  // absolute path of the data directory
};
absl::Status WriteRunInputs(const std::string& out, const RunInputs& inputs);
// kInput if the run has none.
absl::StatusOr<RunInputs> ReadRunInputs(const std::string& out);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_CHECKPOINT_START_H_
