// Results of past steps, and which of them a host decision may use.
//
// A decision for step s uses the record of exactly step s - L, never "the newest that has arrived",
// so that a slow and a fast device take the same decisions (L is the setting record_lag).
#ifndef HYDRA_RUNTIME_TRAIN_RECORDS_H_
#define HYDRA_RUNTIME_TRAIN_RECORDS_H_

#include <cstdint>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/train/host_state.h"

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

// The last L records. Not thread-safe; Push allocates nothing.
class StepRecords final : public HostModule {
 public:
  // kInvalidArgument unless lag >= 1.
  static absl::StatusOr<StepRecords> Create(int64_t lag);

  // Records come in order of their steps.
  void Push(const StepRecord& record);

  // The record a decision for `step` uses: that of step - lag. nullptr in the first steps of a run.
  const StepRecord* VisibleAt(int64_t step) const;

  // Of all records kept, the first that is not finite decides.
  absl::Status CheckAllFinite() const;

  int64_t lag() const { return lag_; }
  const std::vector<StepRecord>& records() const { return records_; }

  absl::string_view key() const override { return "records"; }
  int64_t version() const override { return 1; }
  JsonValue Save() const override;
  // kDataLoss if the steps do not follow each other. The lag stays that of this run.
  absl::Status Restore(const JsonView& state, int64_t version) override;

 private:
  explicit StepRecords(int64_t lag) : lag_(lag) { records_.reserve(static_cast<size_t>(lag)); }
  int64_t lag_;
  std::vector<StepRecord> records_;  // oldest first
};

// How many windows of the data the steps so far have taken: where a run in epochs goes on, also
// with other micro-batches than before.
class DataPosition final : public HostModule {
 public:
  void Set(uint64_t windows) { windows_ = windows; }
  uint64_t windows() const { return windows_; }

  absl::string_view key() const override { return "data"; }
  int64_t version() const override { return 1; }
  JsonValue Save() const override { return {{"windows", windows_}}; }
  absl::Status Restore(const JsonView& state, int64_t version) override;

 private:
  uint64_t windows_ = 0;
};

// Moving averages of the losses, with factor 0.05; 0: no step yet (training.md 19).
class LossAverages final : public HostModule {
 public:
  void Push(const StepRecord& record);
  double loss() const { return loss_; }
  double ce() const { return ce_; }

  absl::string_view key() const override { return "averages"; }
  int64_t version() const override { return 1; }
  JsonValue Save() const override;
  absl::Status Restore(const JsonView& state, int64_t version) override;

 private:
  double loss_ = 0;
  double ce_ = 0;
};

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_RECORDS_H_
