#include "runtime/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hydra::train {

absl::StatusOr<Schedule> Schedule::Create(const ScheduleOptions& options) {
  if (options.steps <= 0) {
    return UsageError(absl::StrCat("--steps must be at least 1, found ", options.steps));
  }
  if (!(options.max_lr >= 0) || !std::isfinite(options.max_lr)) {
    return UsageError(
        absl::StrCat("the learning rate (--lr) must not be negative, found ", options.max_lr));
  }
  if (options.warmup_steps.value_or(0) < 0) {
    return UsageError(
        absl::StrCat("warmup_steps must not be negative, found ", *options.warmup_steps));
  }
  if (!(options.stable_fraction >= 0 && options.stable_fraction <= 1)) {
    return UsageError(
        absl::StrCat("stable_fraction must lie in [0, 1], found ", options.stable_fraction));
  }
  Schedule schedule;
  const int64_t steps = options.steps;
  schedule.max_lr_ = options.max_lr;
  schedule.min_lr_ = options.min_lr.value_or(0.3 * options.max_lr);
  if (schedule.min_lr_ > schedule.max_lr_) {
    return UsageError(absl::StrCat("min_lr ", schedule.min_lr_, " is above the learning rate ",
                                   schedule.max_lr_, "; lower min_lr"));
  }
  schedule.warmup_ = options.warmup_steps.value_or(
      std::max<int64_t>(100, static_cast<int64_t>(0.01 * static_cast<double>(steps))));
  const int64_t stable =
      static_cast<int64_t>(options.stable_fraction * static_cast<double>(steps - schedule.warmup_));
  schedule.decay_start_ = schedule.warmup_ + stable;
  schedule.decay_steps_ = steps - schedule.decay_start_;
  schedule.floor_warmup_ = options.floor_warmup;
  return schedule;
}

double Schedule::LearningRate(int64_t step) const {
  if (step < warmup_) {
    const double lr = max_lr_ * static_cast<double>(step + 1) / static_cast<double>(warmup_);
    return floor_warmup_ ? std::max(min_lr_, lr) : lr;
  }
  if (step < decay_start_) return max_lr_;
  const double t = std::min(1.0, static_cast<double>(step - decay_start_) /
                                     static_cast<double>(std::max<int64_t>(1, decay_steps_)));
  const double lr = max_lr_ - (max_lr_ - min_lr_) * 0.5 * (1.0 - std::cos(std::numbers::pi * t));
  return std::max(min_lr_, lr);
}

double DefaultSpikeNorm(int64_t parameters) {
  const double count = static_cast<double>(parameters);
  const double least = count >= 450e6 ? 1e9 : 1e6;
  return std::max(least, 2000.0 * std::sqrt(count));
}

}  // namespace hydra::train
