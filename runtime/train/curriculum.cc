#include "runtime/train/curriculum.h"

#include <algorithm>
#include <cmath>

namespace hydra::train {
namespace {

// Python's round(): halves go to the even neighbour, whatever the floating-point environment says.
double RoundHalfEven(double x) {
  const double low = std::floor(x);
  const double rest = x - low;
  if (rest < 0.5) return low;
  if (rest > 0.5) return low + 1;
  return std::fmod(low, 2.0) == 0.0 ? low : low + 1;
}

int64_t Truncate(double x) { return static_cast<int64_t>(x); }

// The ramp when no curriculum was ever configured (model.md, Q11).
constexpr RecursionCurriculum kUnconfiguredAdvantage{.enable_step = 0, .rampup_steps = 1000};

}  // namespace

double QuantiseRamp(double x) { return std::max(0.1, RoundHalfEven(10.0 * x) / 10.0); }

double RecursionBlend(const std::optional<RecursionCurriculum>& curriculum, int64_t step) {
  if (!curriculum) return 1.0;
  if (step < curriculum->enable_step) return 0.0;
  if (curriculum->rampup_steps <= 0) return 1.0;
  const double progress = static_cast<double>(step - curriculum->enable_step + 1) /
                          static_cast<double>(curriculum->rampup_steps);
  return QuantiseRamp(std::min(1.0, progress));
}

double AdvantageRamp(const std::optional<RecursionCurriculum>& curriculum, int64_t step) {
  const RecursionCurriculum c = curriculum.value_or(kUnconfiguredAdvantage);
  if (step < c.enable_step) return 0.0;
  if (step >= c.enable_step + c.rampup_steps) return 1.0;
  return QuantiseRamp(static_cast<double>(step - c.enable_step) /
                      static_cast<double>(std::max<int64_t>(1, c.rampup_steps)));
}

bool DepthRoutingEnabled(const DepthCurriculum& curriculum, int64_t step,
                         std::optional<double> lowest_loss) {
  if (step < curriculum.mlp_warmup) return false;
  if (!curriculum.loss_threshold) return true;
  if (curriculum.force_enable_step && step >= *curriculum.force_enable_step) return true;
  return lowest_loss && *lowest_loss < *curriculum.loss_threshold;
}

RecursionCurriculum ChooseRecursionCurriculum(const RecursionChoice& choice) {
  const double steps = static_cast<double>(choice.max_steps);
  RecursionCurriculum result;
  result.enable_step = choice.already_enabled ? 0
                       : choice.enable_step   ? *choice.enable_step
                                              : std::max(choice.enable_min_steps,
                                                         Truncate(choice.enable_fraction * steps));
  int64_t rampup = choice.rampup_steps;
  if (choice.max_steps <= 10000) {
    rampup = std::max<int64_t>(100, Truncate(RoundHalfEven(0.1 * steps)));
  }
  // Routing on from the start: the bound 2e would leave no ramp, and the floor below decides.
  rampup = std::min({rampup, 2 * result.enable_step, choice.max_steps - result.enable_step});
  result.rampup_steps = std::max(rampup, std::min<int64_t>(100, Truncate(0.1 * steps)));
  return result;
}

std::optional<RecursionCurriculum> EarlyRecursion(const RecursionCurriculum& current,
                                                  const RecursionChoice& choice, int64_t step,
                                                  double loss_ema, double threshold) {
  if (!(threshold > 0) || !(loss_ema > 0) || !(loss_ema < threshold)) return std::nullopt;
  if (step < choice.enable_min_steps || step >= current.enable_step) return std::nullopt;
  return EarlyStart(choice, step);
}

RecursionCurriculum EarlyStart(const RecursionChoice& choice, int64_t step) {
  const int64_t rampup = std::min<int64_t>(
      1000, std::max<int64_t>(100, Truncate(0.05 * static_cast<double>(choice.max_steps))));
  return RecursionCurriculum{.enable_step = step, .rampup_steps = rampup};
}

int64_t PonderWarmup(int64_t max_steps) { return Truncate(0.3 * static_cast<double>(max_steps)); }

}  // namespace hydra::train
