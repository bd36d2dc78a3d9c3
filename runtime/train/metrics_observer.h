// Writes a run's metrics: OUT/training.db (SQLite), OUT/steps.jsonl and OUT/tensorboard.
#ifndef HYDRA_RUNTIME_TRAIN_METRICS_OBSERVER_H_
#define HYDRA_RUNTIME_TRAIN_METRICS_OBSERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/metrics/metrics_writer.h"
#include "runtime/train/observer.h"

namespace hydra::train {

class MetricsObserver final : public TrainObserver {
 public:
  // `environment`: facts that stay out of checkpoints, e.g. threads and host. `warn` is called on
  // the training thread: each trouble of a file once, and at the end what is missing from it.
  // Nothing is opened before OnStart.
  MetricsObserver(std::string out, std::map<std::string, std::string> environment,
                  std::function<void(const std::string&)> warn);

  void OnStart(const RunStart& start) override;
  void OnStep(const StepReport& report) override;
  void OnEvaluation(int64_t step, const Evaluation& evaluation, double seconds) override;
  void OnSample(int64_t step, const TextSample& sample) override;
  void OnEnd() override;

  std::string database_path() const;
  std::string journal_path() const;

 private:
  void PassWarnings();

  std::string out_;
  std::map<std::string, std::string> environment_;
  std::function<void(const std::string&)> warn_;
  std::unique_ptr<metrics::MetricsWriter> writer_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_METRICS_OBSERVER_H_
