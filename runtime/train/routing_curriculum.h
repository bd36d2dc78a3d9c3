// When routing switches on in a run: the curriculum that its settings choose, and the decision that
// depends on results, an early start of recursion routing by the loss (model.md 11).
#ifndef HYDRA_RUNTIME_TRAIN_ROUTING_CURRICULUM_H_
#define HYDRA_RUNTIME_TRAIN_ROUTING_CURRICULUM_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/engine.h"
#include "runtime/train/host_state.h"
#include "runtime/train/phase.h"
#include "runtime/train/settings.h"
#include "runtime/train/step_policy.h"

namespace hydra::train {

// The policy of every run: variant and control values of a step are those of its phase.
class RoutingCurriculum final : public StepPolicy, public HostModule {
 public:
  // A usage error for settings of parts that the program does not have.
  static absl::StatusOr<RoutingCurriculum> Create(const Settings& settings,
                                                  const TrainEngine& engine);
  // One that computes phases and gives no engine anything.
  static absl::StatusOr<RoutingCurriculum> Create(const Settings& settings,
                                                  const EngineFacts& facts);

  absl::Status Prepare(int64_t step, const StepRecord* visible, TrainEngine& engine) override;
  std::vector<HostModule*> modules() override { return {this}; }

  // The phase of `step`; of the steps to come, as the curriculum stands.
  Phase PhaseOf(int64_t step) const;
  // The step at which recursion started early, if it did.
  std::optional<int64_t> started_early() const { return started_early_; }
  // What is in effect, for the run's first lines; empty if the program routes nothing.
  std::vector<std::string> Describe() const;

  absl::string_view key() const override { return "routing_curriculum"; }
  int64_t version() const override { return 1; }
  JsonValue Save() const override;
  absl::Status Restore(const JsonView& state, int64_t version) override;

 private:
  // The moving cross-entropy that the decision about a step saw; 0: none yet.
  struct Average {
    int64_t step = 0;
    double ce = 0;
  };

  explicit RoutingCurriculum(const PhaseModel& model) : model_(model) {}
  // Gives the engine the variant and the control values of a phase.
  absl::Status Use(const Phase& phase, TrainEngine& engine) const;
  void ReadSettings(const Settings& settings, const EngineFacts& facts);
  void DecideEarlyStart(int64_t step, const StepRecord* visible);
  // The average for `step`, which `visible` moves.
  double AverageFor(int64_t step, const StepRecord* visible);

  PhaseModel model_;
  bool chooses_variant_ = true;     // rather than the setting `variant`
  bool router_knows_step_ = false;  // Q1
  double advantage_weight_ = 1;
  double early_loss_ = 0;  // threshold; 0: never early
  RecursionChoice choice_;
  PhaseCurriculum curriculum_;
  std::array<std::optional<size_t>, 4> controls_;  // of Phase::Controls, in the engine

  std::optional<int64_t> started_early_;
  // Of the last steps prepared, as many as may be in flight and one more: steps behind one that was
  // not finite never counted, and are prepared again when the run is resumed.
  std::vector<Average> averages_;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_ROUTING_CURRICULUM_H_
