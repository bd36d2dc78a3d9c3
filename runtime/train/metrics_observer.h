// Writes a run's metrics: OUT/training.db (SQLite) and OUT/steps.jsonl.
#ifndef HYDRA_RUNTIME_TRAIN_METRICS_OBSERVER_H_
#define HYDRA_RUNTIME_TRAIN_METRICS_OBSERVER_H_

#include <map>
#include <optional>
#include <string>

#include "runtime/base/status.h"
#include "runtime/metrics/journal.h"
#include "runtime/metrics/metrics_database.h"
#include "runtime/train/observer.h"

namespace hydra::train {

class MetricsObserver final : public TrainObserver {
 public:
  // `environment`: facts that stay out of checkpoints, e.g. threads and host. Nothing is opened
  // before OnStart.
  MetricsObserver(std::string out, std::map<std::string, std::string> environment);

  absl::Status OnStart(const RunStart& start) override;
  absl::Status OnStep(const StepReport& report) override;
  absl::Status OnEvaluation(int64_t step, const Evaluation& evaluation, double seconds) override;
  absl::Status OnEnd() override;

  std::string database_path() const;
  std::string journal_path() const;

 private:
  std::string out_;
  std::map<std::string, std::string> environment_;
  std::optional<metrics::MetricsDatabase> database_;
  std::optional<metrics::Journal> journal_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_METRICS_OBSERVER_H_
