// Learning rate of a step (model.md 13): warm-up, constant, cosine to the minimum.
#ifndef HYDRA_RUNTIME_TRAIN_SCHEDULE_H_
#define HYDRA_RUNTIME_TRAIN_SCHEDULE_H_

#include <cstdint>
#include <optional>

#include "runtime/base/status.h"

namespace hydra::train {

struct ScheduleOptions {
  int64_t steps = 0;                                   // X, the length of the whole run
  double max_lr = 0;                                   // lr_max
  std::optional<double> min_lr = std::nullopt;         // lr_min; else 0.3 * max_lr
  std::optional<int64_t> warmup_steps = std::nullopt;  // W; else max(100, trunc(0.01 X))
  double stable_fraction = 0.85;
  bool floor_warmup = true;  // lr_min holds during warm-up too (model.md, Q25)
};

// Pure function of the step; immutable after construction and thread-safe.
class Schedule {
 public:
  // A usage error for steps below 1, negative lengths or rates, or min_lr above max_lr.
  static absl::StatusOr<Schedule> Create(const ScheduleOptions& options);

  // Rate of `step` >= 0, counted from 0. Steps beyond the run keep the minimum.
  double LearningRate(int64_t step) const;

  int64_t warmup_steps() const { return warmup_; }
  int64_t decay_start() const { return decay_start_; }
  int64_t decay_steps() const { return decay_steps_; }
  double max_lr() const { return max_lr_; }
  double min_lr() const { return min_lr_; }

 private:
  Schedule() = default;
  int64_t warmup_ = 0;
  int64_t decay_start_ = 0;
  int64_t decay_steps_ = 0;
  double max_lr_ = 0;
  double min_lr_ = 0;
  bool floor_warmup_ = true;
};

// Norm above which a step counts as a spike (training.md 15.1).
double DefaultSpikeNorm(int64_t parameters);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_SCHEDULE_H_
