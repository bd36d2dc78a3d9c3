// Curriculum quantities of model.md 11: pure functions of the step. Steps count from 0.
#ifndef HYDRA_RUNTIME_TRAIN_CURRICULUM_H_
#define HYDRA_RUNTIME_TRAIN_CURRICULUM_H_

#include <cstdint>
#include <optional>

namespace hydra::train {

// (e, T): the step at which recursion routing starts and the length of its ramp.
struct RecursionCurriculum {
  int64_t enable_step = 0;
  int64_t rampup_steps = 0;

  friend bool operator==(const RecursionCurriculum&, const RecursionCurriculum&) = default;
};

// q10(x) = max(0.1, round(10 x) / 10), rounding halves to even.
double QuantiseRamp(double x);

// Share of the routed output in the recursion blend, in [0, 1]. nullopt: never configured, 1.
double RecursionBlend(const std::optional<RecursionCurriculum>& curriculum, int64_t step);

// Multiplier of the advantage loss. nullopt: never configured, e = 0 and T = 1000.
double AdvantageRamp(const std::optional<RecursionCurriculum>& curriculum, int64_t step);

// Whether depth routing selects tokens (hard) instead of running dense.
struct DepthCurriculum {
  int64_t mlp_warmup = 1000;
  // Unset: unlocked from the start. Otherwise unlocked below it, or from force_enable_step on.
  std::optional<double> loss_threshold = std::nullopt;
  std::optional<int64_t> force_enable_step = std::nullopt;
};
// `lowest_loss`: the smallest moving cross-entropy of the steps the decision may see.
bool DepthRoutingEnabled(const DepthCurriculum& curriculum, int64_t step,
                         std::optional<double> lowest_loss);

struct RecursionChoice {
  int64_t max_steps = 0;                              // X
  bool already_enabled = false;                       // resuming with routing on
  std::optional<int64_t> enable_step = std::nullopt;  // e, if it is given
  double enable_fraction = 0.1;
  int64_t enable_min_steps = 3000;
  int64_t rampup_steps = 5000;
};
// The trainer's (e, T) of a run.
RecursionCurriculum ChooseRecursionCurriculum(const RecursionChoice& choice);

// The curriculum after the moving cross-entropy `loss_ema` of step `step` is known: recursion
// starts at once, with a shorter ramp, when it fell below `threshold` after enable_min_steps.
// nullopt: no change.
std::optional<RecursionCurriculum> EarlyRecursion(const RecursionCurriculum& current,
                                                  const RecursionChoice& choice, int64_t step,
                                                  double loss_ema, double threshold);

// The curriculum of recursion that starts early at `step`: min(1000, max(100, trunc(0.05 X))) steps
// of ramp.
RecursionCurriculum EarlyStart(const RecursionChoice& choice, int64_t step);

// Steps over which the ponder loss warms up: trunc(0.3 X).
int64_t PonderWarmup(int64_t max_steps);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_CURRICULUM_H_
