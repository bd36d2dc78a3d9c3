// When a run saves: every so many steps, and sooner again after a save that failed.
#ifndef HYDRA_RUNTIME_TRAIN_CHECKPOINT_SCHEDULE_H_
#define HYDRA_RUNTIME_TRAIN_CHECKPOINT_SCHEDULE_H_

#include <cstdint>

namespace hydra::train {

// Counts in steps, not in time, so that it never waits on the training thread: after a failure the
// next attempt comes 1, 2, 4, ... steps later, until one succeeds or the interval is reached again.
class CheckpointSchedule {
 public:
  // `interval`: steps between checkpoints; 0: none before the end.
  explicit CheckpointSchedule(int64_t interval) : interval_(interval) {}

  bool DueAt(int64_t step) const {
    return (interval_ > 0 && step % interval_ == 0) || step == retry_at_;
  }
  void Succeeded() { retry_at_ = -1, wait_ = 1; }
  // Returns the step of the next attempt.
  int64_t Failed(int64_t step) {
    retry_at_ = step + wait_;
    if (interval_ > 0 && step / interval_ != retry_at_ / interval_) {
      retry_at_ = (step / interval_ + 1) * interval_;
    }
    wait_ *= 2;
    return retry_at_;
  }

 private:
  int64_t interval_;
  int64_t retry_at_ = -1;
  int64_t wait_ = 1;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_CHECKPOINT_SCHEDULE_H_
