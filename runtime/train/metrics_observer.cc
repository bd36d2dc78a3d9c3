#include "runtime/train/metrics_observer.h"

#include <filesystem>
#include <utility>

namespace hydra::train {

MetricsObserver::MetricsObserver(std::string out, std::map<std::string, std::string> environment)
    : out_(std::move(out)), environment_(std::move(environment)) {}

std::string MetricsObserver::database_path() const {
  return (std::filesystem::path(out_) / "training.db").string();
}

std::string MetricsObserver::journal_path() const {
  return (std::filesystem::path(out_) / "steps.jsonl").string();
}

absl::Status MetricsObserver::OnStart(const RunStart& start) {
  HYDRA_ASSIGN_OR_RETURN(database_, metrics::MetricsDatabase::Open(database_path()));
  HYDRA_RETURN_IF_ERROR(
      database_->BeginRun({.run_id = start.run_id,
                           .model_id = start.model,
                           .architecture_json = "{}",
                           .config_json = start.settings_json,
                           .params_millions = static_cast<double>(start.parameter_count) / 1e6,
                           .start_step = start.start_step,
                           .environment = environment_}));
  HYDRA_ASSIGN_OR_RETURN(journal_, metrics::Journal::Open(journal_path(), start.start_step));
  return absl::OkStatus();
}

absl::Status MetricsObserver::OnStep(const StepReport& report) {
  const metrics::StepRow row{
      .step = report.step,
      .losses = report.losses,
      .lr = report.lr,
      .grad_norm = report.grad_norm * report.clip_scale,
      .grad_norm_pre_clip = report.grad_norm,
      .tokens_per_second = static_cast<double>(report.tokens) / report.seconds,
      .step_milliseconds = report.seconds * 1e3,
      .batch_size = report.batch,
      .seq_len = report.seq,
      .tokens = report.tokens};
  HYDRA_RETURN_IF_ERROR(database_->RecordStep(row));
  return journal_->RecordStep(row);
}

absl::Status MetricsObserver::OnEvaluation(int64_t step, const Evaluation& evaluation,
                                           double seconds) {
  const metrics::EvaluationRow row{.step = step,
                                   .data = "validation",
                                   .loss = evaluation.loss,
                                   .tokens = evaluation.tokens,
                                   .seconds = seconds};
  HYDRA_RETURN_IF_ERROR(database_->RecordEvaluation(row));
  return journal_->RecordEvaluation(row);
}

absl::Status MetricsObserver::OnEnd() { return database_->EndRun(); }

}  // namespace hydra::train
