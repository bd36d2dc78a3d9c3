#include "runtime/train/metrics_observer.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "runtime/metrics/database_store.h"
#include "runtime/metrics/journal.h"
#include "runtime/metrics/tensorboard_store.h"
#include "runtime/metrics/timestamp.h"
#include "runtime/train/routing_record.h"

namespace hydra::train {
namespace {

// How long one attempt waits for another program that holds the database: the journal waits, too.
constexpr int kBusyMilliseconds = 250;

// What the row has no other place for: not the loss terms, the norm, the rate and the routing.
std::vector<std::pair<std::string, std::vector<double>>> RestOf(const StepReport& report) {
  std::vector<std::pair<std::string, std::vector<double>>> rest;
  for (const StepField& field : report.fields) {
    const bool term = absl::StartsWith(field.name, "loss.") && field.elements == 1;
    // Any number of invalid scores but 0 ends the run.
    if (term || absl::StartsWith(field.name, "route.") ||
        absl::StartsWith(field.name, kInvalidScores) || field.name == "grad_norm" ||
        field.name == "lr")
      continue;
    const absl::Span<const double> values = report.values.subspan(field.first, field.elements);
    rest.emplace_back(field.name, std::vector<double>(values.begin(), values.end()));
  }
  if (report.graphs) {
    rest.push_back({"graph.launches", {static_cast<double>(report.graphs->launches)}});
    rest.push_back({"graph.nodes", {static_cast<double>(report.graphs->nodes)}});
    rest.push_back({"graph.fallbacks", {static_cast<double>(report.graphs->fallbacks)}});
  }
  return rest;
}

}  // namespace

MetricsObserver::MetricsObserver(std::string out, std::map<std::string, std::string> environment,
                                 std::function<void(const std::string&)> warn)
    : out_(std::move(out)), environment_(std::move(environment)), warn_(std::move(warn)) {}

std::string MetricsObserver::database_path() const {
  return (std::filesystem::path(out_) / "training.db").string();
}

std::string MetricsObserver::journal_path() const {
  return (std::filesystem::path(out_) / "steps.jsonl").string();
}

void MetricsObserver::PassWarnings() {
  for (const std::string& message : writer_->TakeWarnings()) warn_(message);
}

void MetricsObserver::OnStart(const RunStart& start) {
  const metrics::RunInfo info{.run_id = start.run_id,
                              .model_id = start.model,
                              .architecture_json = "{}",
                              .config_json = start.settings_json,
                              .params_millions = static_cast<double>(start.parameter_count) / 1e6,
                              .start_step = start.start_step,
                              .environment = environment_};
  std::vector<std::unique_ptr<metrics::RowStore>> stores;
  stores.push_back(std::make_unique<metrics::Journal>(journal_path(), info));
  stores.push_back(std::make_unique<metrics::TensorboardStore>(
      (std::filesystem::path(out_) / "tensorboard").string(), info));
  stores.push_back(
      std::make_unique<metrics::DatabaseStore>(database_path(), info, kBusyMilliseconds));
  writer_ = std::make_unique<metrics::MetricsWriter>(std::move(stores));
}

void MetricsObserver::OnStep(const StepReport& report) {
  writer_->Record(
      metrics::StepRow{.step = report.step,
                       .time = metrics::UtcTimestamp(),
                       .losses = report.losses,
                       .routing = RoutingOf(report),
                       .record = RestOf(report),
                       .lr = report.lr,
                       .grad_norm = report.grad_norm * report.clip_scale,
                       .grad_norm_pre_clip = report.grad_norm,
                       .tokens_per_second = static_cast<double>(report.tokens) / report.seconds,
                       .step_milliseconds = report.seconds * 1e3,
                       .batch_size = report.batch,
                       .seq_len = report.seq,
                       .tokens = report.tokens});
  PassWarnings();
}

void MetricsObserver::OnEvaluation(int64_t step, const Evaluation& evaluation, double seconds) {
  writer_->Record(metrics::EvaluationRow{.step = step,
                                         .time = metrics::UtcTimestamp(),
                                         .data = "validation",
                                         .loss = evaluation.loss,
                                         .tokens = evaluation.tokens,
                                         .seconds = seconds});
  PassWarnings();
}

void MetricsObserver::OnSample(int64_t step, const TextSample& sample) {
  writer_->Record(metrics::SampleRow{
      .step = step, .time = metrics::UtcTimestamp(), .prompt = sample.prompt, .text = sample.text});
  PassWarnings();
}

void MetricsObserver::OnEnd() {
  if (writer_ == nullptr) return;
  const std::vector<std::string> gaps = writer_->Finish();
  PassWarnings();
  for (const std::string& gap : gaps) warn_(gap);
}

}  // namespace hydra::train
