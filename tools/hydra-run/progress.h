// Training progress on stderr: a bar on a terminal, a line now and then elsewhere.
#ifndef HYDRA_TOOLS_HYDRA_RUN_PROGRESS_H_
#define HYDRA_TOOLS_HYDRA_RUN_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "runtime/train/observer.h"

namespace hydra::tools {

class Progress final : public train::TrainObserver {
 public:
  // `stop_step`: where this invocation ends; `log_interval`: steps between lines without a
  // terminal.
  Progress(int64_t stop_step, int64_t log_interval);

  void OnStart(const train::RunStart& start) override;
  void OnStep(const train::StepReport& report) override;
  void OnEvaluation(int64_t step, const train::Evaluation& evaluation, double seconds) override;
  void OnSample(int64_t step, const train::TextSample& sample) override;
  void OnCheckpoint(int64_t step, const std::string& path) override;
  void OnWarning(const std::string& message) override;
  void OnEnd() override;

  // Share of the steps' time in which the device had nothing to do: what the host costs. 0 before
  // there were two steps.
  double host_share() const { return seconds_ > 0 ? 1 - device_seconds_ / seconds_ : 0; }

 private:
  void Line(const std::string& text);
  std::string Describe(const train::StepReport& report) const;

  const bool bar_;
  const int64_t stop_step_;
  const int64_t log_interval_;
  int64_t total_steps_ = 0;
  double seconds_per_step_ = 0;              // moving average
  double seconds_ = 0, device_seconds_ = 0;  // of all steps but the first, which is cold
  bool warm_ = false;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_drawn_;
};

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_PROGRESS_H_
