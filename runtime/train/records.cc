#include "runtime/train/records.h"

#include <cmath>
#include <utility>

namespace hydra::train {
namespace {

constexpr double kEmaFactor = 0.05;

double Move(double average, double value) {
  return average == 0 ? value : (1 - kEmaFactor) * average + kEmaFactor * value;
}

absl::Status CheckLag(int64_t lag) {
  if (lag >= 1) return absl::OkStatus();
  return UsageError(absl::StrCat("record_lag must be at least 1, found ", lag));
}

}  // namespace

absl::Status CheckFinite(const StepRecord& record) {
  if (std::isfinite(record.grad_norm) && std::isfinite(record.loss)) return absl::OkStatus();
  return NumericalError(absl::StrCat("step ", record.step, ": the gradient norm is ",
                                     record.grad_norm, " and the loss ", record.loss,
                                     ", expected finite numbers"));
}

absl::StatusOr<StepRecords> StepRecords::Create(int64_t lag) {
  HYDRA_RETURN_IF_ERROR(CheckLag(lag));
  return StepRecords(lag);
}

absl::StatusOr<StepRecords> StepRecords::Restore(int64_t lag, std::deque<StepRecord> records,
                                                 double loss_ema, double ce_ema) {
  HYDRA_RETURN_IF_ERROR(CheckLag(lag));
  for (size_t i = 1; i < records.size(); ++i) {
    if (records[i].step != records[i - 1].step + 1) {
      return InputError(absl::StrCat("step records should follow each other, found step ",
                                     records[i].step, " after ", records[i - 1].step));
    }
  }
  StepRecords result(lag);
  result.records_ = std::move(records);
  result.loss_ema_ = loss_ema;
  result.ce_ema_ = ce_ema;
  return result;
}

void StepRecords::Push(const StepRecord& record) {
  records_.push_back(record);
  while (static_cast<int64_t>(records_.size()) > lag_) records_.pop_front();
  loss_ema_ = Move(loss_ema_, record.loss);
  ce_ema_ = Move(ce_ema_, record.ce);
}

const StepRecord* StepRecords::VisibleAt(int64_t step) const {
  for (const StepRecord& record : records_) {
    if (record.step == step - lag_) return &record;
  }
  return nullptr;
}

absl::Status StepRecords::CheckAllFinite() const {
  for (const StepRecord& record : records_) HYDRA_RETURN_IF_ERROR(CheckFinite(record));
  return absl::OkStatus();
}

}  // namespace hydra::train
