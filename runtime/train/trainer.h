// The training loop: one launch per optimizer step, records, evaluations, checkpoints.
#ifndef HYDRA_RUNTIME_TRAIN_TRAINER_H_
#define HYDRA_RUNTIME_TRAIN_TRAINER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/train/best_checkpoint.h"
#include "runtime/train/checkpoint_schedule.h"
#include "runtime/train/checkpoint_start.h"
#include "runtime/train/checkpoint_store.h"
#include "runtime/train/engine.h"
#include "runtime/train/observer.h"
#include "runtime/train/recipe.h"
#include "runtime/train/records.h"
#include "runtime/train/routing_curriculum.h"
#include "runtime/train/settings.h"
#include "runtime/train/step_pipeline.h"
#include "runtime/train/step_policy.h"

namespace hydra::train {

struct TrainerOptions {
  std::optional<int64_t> stop_at = std::nullopt;  // end with a checkpoint after this many updates
  // Safetensors file that a new run takes its parameters from; "": the initial values of the seed.
  std::string weights = {};
  CheckpointAttachments attachments = {};
  // The starting point's checkpoint is that of another run: this one begins with its state, under a
  // name of its own.
  bool branch = false;
  std::function<bool()> interrupted =
      nullptr;  // asked before every step; true ends with a checkpoint
  // Asked before every step; nullptr: the routing curriculum of the settings. Must outlive the
  // trainer.
  StepPolicy* policy = nullptr;
  // Called after every `sample_interval`-th step, with nothing in flight and the run as it stands;
  // what it gives goes to the observers. It may use arena, caches and control block of the device,
  // and leaves everything else as it is. Training goes on after an error.
  std::function<absl::StatusOr<std::vector<TextSample>>(const RunRecord& run)> sample = nullptr;
  int64_t sample_interval = 0;
  // Before the last checkpoint of a run is tried again.
  std::chrono::milliseconds save_retry_pause = std::chrono::seconds(2);
};

enum class TrainOutcome { kFinished, kStopped, kInterrupted };

// Owns nothing but its own state; engine, data and observers must outlive it. Not thread-safe.
//
// A checkpoint depends on settings, seed, data and step alone: stopping and resuming anywhere gives
// the same bytes as never stopping.
class Trainer {
 public:
  // Takes the settings of the starting point's checkpoint for everything that was not given.
  // kUsage for settings.
  static absl::StatusOr<Trainer> Create(TrainEngine& engine, const data::Dataset& dataset,
                                        Settings settings, StartingPoint start,
                                        TrainerOptions options,
                                        std::vector<TrainObserver*> observers);

  // Trains to the end, to stop_at, or until interrupted; always ends with a checkpoint.
  // kNumerical if the norm or the loss stops being finite: the state before that step is saved, if
  // its parameters are finite, and the older checkpoints stay.
  absl::StatusOr<TrainOutcome> Run();

  int64_t step() const { return record_.step; }
  const std::string& last_checkpoint() const { return last_checkpoint_; }
  // The last evaluation of this invocation, and the step that it was made at.
  const std::optional<Evaluation>& last_evaluation() const { return last_evaluation_; }
  int64_t evaluated_step() const { return evaluated_step_; }

 private:
  Trainer(TrainEngine& engine, const data::Dataset& dataset, Settings settings,
          TrainerOptions options, std::vector<TrainObserver*> observers, CheckpointStore store,
          StepPipeline pipeline, StepRecords records);

  absl::StatusOr<TrainOutcome> RunSteps();
  absl::Status Start(const std::optional<Checkpoint>& checkpoint);
  absl::Status StartNew();
  // The step that is submitted next; record_.step is the first one whose record was not read.
  int64_t next_step() const { return record_.step + pipeline_.pending(); }
  absl::Status Step();
  // Reads the record of the oldest step in flight.
  absl::Status TakeRecord();
  // Reads all of them, before anything that uses the state as a whole.
  absl::Status Settle();
  absl::Status EvaluateNow();
  void SampleNow();
  absl::Status Save(int64_t keep);
  void SaveOrPostpone();
  absl::Status SaveAtEnd(int64_t keep);
  absl::Status EndWith(const absl::Status& failure);
  void Warn(const std::string& message);
  // Everything on the host that a checkpoint keeps beside step and settings.
  std::vector<HostModule*> modules();
  // If the setting asks for it and the last evaluation is the best.
  void KeepBest();
  StepPolicy& policy() { return curriculum_ ? *curriculum_ : *options_.policy; }

  TrainEngine& engine_;
  const data::Dataset& dataset_;
  Settings settings_;
  TrainerOptions options_;
  std::vector<TrainObserver*> observers_;
  CheckpointStore store_;
  CheckpointSchedule saves_;
  StepPipeline pipeline_;
  StepRecords records_;
  LossAverages averages_;
  DataPosition position_;
  std::unique_ptr<RoutingCurriculum> curriculum_;  // unless the options have a policy
  RunRecord record_;
  // Once every step in flight was read, the device's state is that of record_.
  bool state_is_whole_ = true;
  int64_t saved_step_ = -1;
  int64_t evaluated_step_ = -1;
  std::string last_checkpoint_;
  std::optional<Evaluation> last_evaluation_;
  std::optional<BestCheckpoint> best_;  // if the setting asks for it
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_TRAINER_H_
