// What happens during training, for those who watch: metrics, progress bar, log.
#ifndef HYDRA_RUNTIME_TRAIN_OBSERVER_H_
#define HYDRA_RUNTIME_TRAIN_OBSERVER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/train/engine.h"
#include "runtime/train/evaluate.h"

namespace hydra::train {

struct RunStart {
  std::string run_id;
  std::string model;
  int64_t parameter_count = 0;
  int64_t start_step = 0;  // updates already done
  int64_t total_steps = 0;
  std::vector<std::string> lines;  // what the settings come to, for the user
  std::string settings_json;
};

// One finished step; `step` counts updates, so the first is 1.
struct StepReport {
  int64_t step = 0;
  std::vector<std::pair<std::string, double>> losses;  // terms without "loss."
  double lr = 0;                                       // that was applied: a spike lowers it
  double grad_norm = 0;                                // before clipping
  double clip_scale = 1;
  double loss_ema = 0;
  int64_t batch = 0;
  int64_t seq = 0;
  int64_t tokens = 0;
  double seconds = 0;  // from the end of the step before it, or from its start if it was later
  double device_seconds = 0;                       // of them, on the device
  std::optional<StepResults::Graphs> graphs = {};  // none on a device without
  // Everything in the step's record, beside what has a name above. Valid during the call.
  absl::Span<const StepField> fields;
  absl::Span<const double> values;
};

// A text that the model continued between two steps.
struct TextSample {
  std::string prompt;
  std::string text;  // without the prompt
};

// Called on the training thread. Who watches cannot stop training: nothing here can fail.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void OnStart(const RunStart& start) {}
  virtual void OnStep(const StepReport& report) {}
  virtual void OnEvaluation(int64_t step, const Evaluation& evaluation, double seconds) {}
  virtual void OnSample(int64_t step, const TextSample& sample) {}
  virtual void OnCheckpoint(int64_t step, const std::string& path) {}
  virtual void OnWarning(const std::string& message) {}
  // After the last checkpoint, whatever ended the run.
  virtual void OnEnd() {}
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_OBSERVER_H_
