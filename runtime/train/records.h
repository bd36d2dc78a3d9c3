// Results of past steps, and which of them a host decision may use.
//
// A decision for step s uses the record of exactly step s - L, never "the newest that has arrived",
// so that a slow and a fast device take the same decisions (L is the setting record_lag).
#ifndef HYDRA_RUNTIME_TRAIN_RECORDS_H_
#define HYDRA_RUNTIME_TRAIN_RECORDS_H_

#include <cstdint>
#include <deque>

#include "runtime/base/status.h"

namespace hydra::train {

struct StepRecord {
  int64_t step = 0;  // counted from 0
  double loss = 0;   // total, mean of the micro-batches
  double ce = 0;
  double grad_norm = 0;

  friend bool operator==(const StepRecord&, const StepRecord&) = default;
};

// kOutOfRange if the norm or the loss is not finite.
absl::Status CheckFinite(const StepRecord& record);

// The last L records and the averages that a checkpoint keeps with them. Not thread-safe.
class StepRecords {
 public:
  // kInvalidArgument unless lag >= 1.
  static absl::StatusOr<StepRecords> Create(int64_t lag);
  // As restored from a checkpoint; kDataLoss if the steps do not follow each other.
  static absl::StatusOr<StepRecords> Restore(int64_t lag, std::deque<StepRecord> records,
                                             double loss_ema, double ce_ema);

  // Records come in order of their steps.
  void Push(const StepRecord& record);

  // The record a decision for `step` uses: that of step - lag. nullptr in the first steps of a run.
  const StepRecord* VisibleAt(int64_t step) const;

  // Of all records kept, the first that is not finite decides.
  absl::Status CheckAllFinite() const;

  int64_t lag() const { return lag_; }
  const std::deque<StepRecord>& records() const { return records_; }
  // Moving averages with factor 0.05; 0: no step yet (training.md 19).
  double loss_ema() const { return loss_ema_; }
  double ce_ema() const { return ce_ema_; }

 private:
  explicit StepRecords(int64_t lag) : lag_(lag) {}
  int64_t lag_;
  std::deque<StepRecord> records_;
  double loss_ema_ = 0;
  double ce_ema_ = 0;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_RECORDS_H_
