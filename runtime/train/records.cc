#include "runtime/train/records.h"

#include <cmath>
#include <utility>

namespace hydra::train {
namespace {

constexpr double kEmaFactor = 0.05;

double Move(double average, double value) {
  return average == 0 ? value : (1 - kEmaFactor) * average + kEmaFactor * value;
}

absl::Status ReadNumber(const JsonView& object, absl::string_view key, double& value) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView member, object.Get(key));
  HYDRA_ASSIGN_OR_RETURN(value, member.Double());
  return absl::OkStatus();
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

void StepRecords::Push(const StepRecord& record) {
  // Few of them: moving them up costs less than keeping track of a ring.
  while (static_cast<int64_t>(records_.size()) >= lag_) records_.erase(records_.begin());
  records_.push_back(record);
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

JsonValue StepRecords::Save() const {
  JsonValue records = JsonValue::array();
  for (const StepRecord& record : records_) {
    records.push_back({{"step", record.step},
                       {"loss", record.loss},
                       {"ce", record.ce},
                       {"grad_norm", record.grad_norm}});
  }
  return {{"lag", lag_}, {"last", std::move(records)}};
}

absl::Status StepRecords::Restore(const JsonView& state, int64_t version) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView last, state.Get("last"));
  HYDRA_ASSIGN_OR_RETURN(const std::vector<JsonView> list, last.Array());
  std::vector<StepRecord> records;
  for (const JsonView& item : list) {
    StepRecord record;
    HYDRA_ASSIGN_OR_RETURN(const JsonView step, item.Get("step"));
    HYDRA_ASSIGN_OR_RETURN(record.step, step.Int(0));
    if (!records.empty() && record.step != records.back().step + 1) {
      return step.Error(absl::StrCat("step records should follow each other, found step ",
                                     record.step, " after ", records.back().step));
    }
    HYDRA_RETURN_IF_ERROR(ReadNumber(item, "loss", record.loss));
    HYDRA_RETURN_IF_ERROR(ReadNumber(item, "ce", record.ce));
    HYDRA_RETURN_IF_ERROR(ReadNumber(item, "grad_norm", record.grad_norm));
    records.push_back(record);
  }
  records_.clear();
  for (const StepRecord& record : records) Push(record);
  return absl::OkStatus();
}

absl::Status DataPosition::Restore(const JsonView& state, int64_t version) {
  HYDRA_ASSIGN_OR_RETURN(const JsonView windows, state.Get("windows"));
  HYDRA_ASSIGN_OR_RETURN(const int64_t count, windows.Int(0));
  windows_ = static_cast<uint64_t>(count);
  return absl::OkStatus();
}

void LossAverages::Push(const StepRecord& record) {
  loss_ = Move(loss_, record.loss);
  ce_ = Move(ce_, record.ce);
}

JsonValue LossAverages::Save() const { return {{"loss", loss_}, {"ce", ce_}}; }

absl::Status LossAverages::Restore(const JsonView& state, int64_t version) {
  HYDRA_RETURN_IF_ERROR(ReadNumber(state, "loss", loss_));
  return ReadNumber(state, "ce", ce_);
}

}  // namespace hydra::train
