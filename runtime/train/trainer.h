// The training loop: one launch per optimizer step, records, evaluations, checkpoints.
#ifndef HYDRA_RUNTIME_TRAIN_TRAINER_H_
#define HYDRA_RUNTIME_TRAIN_TRAINER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/train/checkpoint_store.h"
#include "runtime/train/engine.h"
#include "runtime/train/observer.h"
#include "runtime/train/records.h"
#include "runtime/train/schedule.h"
#include "runtime/train/settings.h"

namespace hydra::train {

struct TrainerOptions {
  std::string out;                                // checkpoints go to OUT/checkpoints
  std::optional<int64_t> stop_at = std::nullopt;  // end with a checkpoint after this many updates
  bool resume = false;
  CheckpointAttachments attachments = {};
  std::function<bool()> interrupted =
      nullptr;  // asked before every step; true ends with a checkpoint
};

enum class TrainOutcome { kFinished, kStopped, kInterrupted };

// Owns nothing but its own state; engine, data and observers must outlive it. Not thread-safe.
//
// A checkpoint depends on settings, seed, data and step alone: stopping and resuming anywhere gives
// the same bytes as never stopping.
class Trainer {
 public:
  // Takes the settings of the checkpoint for everything that was not given when resuming.
  // kInvalidArgument for settings, for a run that exists already (without resume).
  static absl::StatusOr<Trainer> Create(TrainEngine& engine, const data::Dataset& dataset,
                                        Settings settings, TrainerOptions options,
                                        std::vector<TrainObserver*> observers);

  // Trains to the end, to stop_at, or until interrupted; always ends with a checkpoint.
  // kOutOfRange if the norm or the loss stops being finite: the last checkpoint stays as it is.
  absl::StatusOr<TrainOutcome> Run();

  int64_t step() const { return record_.step; }
  const std::string& last_checkpoint() const { return last_checkpoint_; }
  // The last evaluation of this invocation, and the step that it was made at.
  const std::optional<Evaluation>& last_evaluation() const { return last_evaluation_; }
  int64_t evaluated_step() const { return evaluated_step_; }

 private:
  Trainer(TrainEngine& engine, const data::Dataset& dataset, Settings settings,
          TrainerOptions options, std::vector<TrainObserver*> observers, CheckpointStore store,
          Schedule schedule, data::TrainingBatches batches, StepRecords records);

  absl::StatusOr<TrainOutcome> RunSteps();
  absl::Status Start(std::optional<CheckpointStore::Newest> newest);
  absl::Status WriteControls(int64_t step);
  absl::Status Step();
  absl::StatusOr<StepReport> ReadResults(int64_t step, double lr);
  absl::Status EvaluateNow();
  absl::Status Save();
  void Warn(const std::string& message);

  TrainEngine& engine_;
  const data::Dataset& dataset_;
  Settings settings_;
  TrainerOptions options_;
  std::vector<TrainObserver*> observers_;
  CheckpointStore store_;
  Schedule schedule_;
  data::TrainingBatches batches_;
  StepRecords records_;
  RunRecord record_;
  std::vector<int32_t> tokens_, targets_;
  int64_t saved_step_ = -1;
  int64_t evaluated_step_ = -1;
  std::string last_checkpoint_;
  std::optional<Evaluation> last_evaluation_;
};

// Checks the settings that no other part checks: counts, weights, intervals.
absl::Status CheckSettings(const Settings& settings);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_TRAINER_H_
