// A training run from a request to its end: which model and checkpoint, what is compiled, where it
// starts, what it goes without. What a user sees of it is the program's.
#ifndef HYDRA_RUNTIME_APP_TRAIN_RUN_H_
#define HYDRA_RUNTIME_APP_TRAIN_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/model.h"
#include "runtime/app/training_samples.h"
#include "runtime/base/status.h"
#include "runtime/train/checkpoint_start.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/metrics_observer.h"
#include "runtime/train/observer.h"
#include "runtime/train/settings.h"
#include "runtime/train/trainer.h"

namespace hydra::app {

struct TrainRequest {
  ModelRequest model = {};         // `model.model` may be empty for a run that goes on
  train::StartRequest start = {};  // `start.out` may be empty for a dry run
  std::string data = {};           // "" for a run that goes on: the one it was started with
  std::string weights = {};        // safetensors file to begin from
  // Settings for those that `model.settings` does not give: a JSON file, run.json of a checkpoint,
  // a checkpoint, or a run directory.
  std::string config = {};
  // A checkpoint or run directory whose state a new run begins with, optimizer, step and all.
  std::string branch = {};
  std::optional<int64_t> stop_at = std::nullopt;
  // Texts that the model continues while it is trained; none without prompts.
  SampleRequest samples = {};
  bool dry_run = false;  // nothing is begun, and nothing needs to be there to begin with
};

// A run that is loaded and could be started. Not thread-safe.
class TrainRun {
 public:
  // Usage errors for requests that contradict themselves, the run or the model; input errors for
  // what is missing. A request that is refused leaves no directory behind.
  static absl::StatusOr<std::unique_ptr<TrainRun>> Prepare(TrainRequest request);

  // As resolved: those of the checkpoint where none were given.
  const train::Settings& settings() const { return settings_; }
  Model& model() { return model_; }
  // Not of a dry run for a GPU that is not here, whose model has no session either.
  train::ExecutorEngine& engine() { return *engine_; }
  // Where this invocation ends.
  int64_t last_step() const;

  // What a run came to.
  struct Result {
    train::TrainOutcome outcome = train::TrainOutcome::kFinished;
    int64_t step = 0;
    std::string checkpoint;
    std::optional<train::Evaluation> evaluation;  // the last one
    int64_t evaluated_step = -1;
    std::string metrics_database, journal;
  };
  // Trains, once; not of a dry run. `interrupted` is asked before every step. Errors are those of
  // Trainer; warnings go to `observer`, which must outlive the call, once it runs.
  absl::StatusOr<Result> Run(train::TrainObserver& observer, std::function<bool()> interrupted);

 private:
  TrainRun(TrainRequest request, Model model, train::Settings settings)
      : request_(std::move(request)), model_(std::move(model)), settings_(std::move(settings)) {}

  // The checkpoint that the run goes on from, its own or its parent's; nullptr for one that begins.
  const train::Checkpoint* origin() const {
    if (branch_) return &*branch_;
    return start_ && start_->checkpoint ? &*start_->checkpoint : nullptr;
  }
  const Notices& notices() const { return request_.model.notices; }
  absl::StatusOr<data::Dataset> OpenData(std::string& path) const;
  absl::Status CheckEvaluation(const data::Dataset& dataset) const;
  absl::Status CheckSameModel(const train::CheckpointAttachments& attachments) const;

  TrainRequest request_;
  Model model_;
  train::Settings settings_;
  std::unique_ptr<train::ExecutorEngine> engine_;
  std::optional<train::StartingPoint> start_;
  std::optional<train::Checkpoint> branch_;  // of another run
};

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_TRAIN_RUN_H_
