// The steps in flight: submitted with their batches and control values, read in order when the lag
// says so. Between submitting a step and reading an older one nothing waits for the newer one.
#ifndef HYDRA_RUNTIME_TRAIN_STEP_PIPELINE_H_
#define HYDRA_RUNTIME_TRAIN_STEP_PIPELINE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/train/engine.h"
#include "runtime/train/observer.h"
#include "runtime/train/recipe.h"
#include "runtime/train/settings.h"
#include "runtime/train/source_experts.h"

namespace hydra::train {

// Lag of a run (L): record_lag if it is set, else 2, or 1 where the model reproduces the PyTorch
// HYDRA (rules "pytorch"), whose host sees every result at once.
int64_t RecordLag(const Settings& settings, absl::string_view rules);

// Borrows the engine and the data. Not thread-safe. Submit and ReadOldest allocate nothing.
class StepPipeline {
 public:
  // Resolves every control value that a step writes and every record field that is named in a
  // report, once. A failure if the engine keeps fewer steps in flight than `lag`; an input error if
  // its program records no gradient norm or no loss.
  static absl::StatusOr<StepPipeline> Create(TrainEngine& engine, Recipe recipe,
                                             const data::TrainingBatches& batches, int64_t lag,
                                             SourceExperts experts = {});

  const Recipe& recipe() const { return recipe_; }
  int64_t lag() const { return lag_; }
  // Where the data of a run that goes on are: step `step` begins with window number `windows`.
  void StartDataAt(int64_t step, uint64_t windows) { batches_.StartAt(step, windows); }
  const data::TrainingBatches& batches() const { return batches_; }
  // Steps that were submitted and not read, at most `lag`.
  int64_t pending() const { return submitted_ - read_; }

  // The recipe's control values of a step, for the next Submit.
  void SetControls(int64_t step);
  // Starts step `step` of the run (from 0) with the engine's control values and variant, and
  // returns; waits for none of those before it. Fewer than `lag` are pending.
  absl::Status Submit(int64_t step);
  // Waits for the oldest pending step alone. The report, without averages, is valid until the next
  // call.
  absl::StatusOr<StepReport*> ReadOldest();
  // Waits for what is pending and forgets it.
  absl::Status Discard();

 private:
  using Clock = std::chrono::steady_clock;
  struct Control {
    size_t index = 0;
    double value = 0;
  };
  struct Pending {
    int64_t step = 0;
    int64_t number = 0;  // the engine's
    Clock::time_point submitted;
  };

  StepPipeline(TrainEngine& engine, Recipe recipe, const data::TrainingBatches& batches,
               int64_t lag, SourceExperts experts)
      : engine_(&engine),
        recipe_(std::move(recipe)),
        batches_(batches),
        experts_(std::move(experts)),
        lag_(lag),
        pending_(lag) {}

  absl::Status ResolveFields();
  // One stream per expert layer; micro-batches follow each other in it.
  void FillNoise(int64_t step, int64_t micro, absl::Span<const absl::Span<float>> noise) const;

  TrainEngine* engine_;
  Recipe recipe_;
  data::TrainingBatches batches_;
  SourceExperts experts_;
  int64_t lag_;
  std::vector<Control> constants_;       // the same in every step
  std::optional<size_t> learning_rate_;  // control value
  std::vector<Pending> pending_;         // step number n of this object is at n mod lag
  int64_t submitted_ = 0, read_ = 0;
  Clock::time_point last_read_;
  // Places of what every report names, among the values of a record.
  std::vector<size_t> losses_;  // by report_.losses
  size_t grad_norm_ = 0;
  std::optional<size_t> clip_scale_, applied_rate_;
  StepResults results_;
  StepReport report_;
};

// What a run trains on, and the experts that its sources ask for, by its settings. A usage error
// for experts of a model without any.
struct RunBatches {
  data::TrainingBatches batches;
  SourceExperts experts;
};
absl::StatusOr<RunBatches> BatchesOf(const Settings& settings, const data::Dataset& dataset,
                                     const TrainEngine& engine);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_STEP_PIPELINE_H_
