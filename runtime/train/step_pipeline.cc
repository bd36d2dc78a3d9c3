#include "runtime/train/step_pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hydra::train {

int64_t RecordLag(const Settings& settings, absl::string_view rules) {
  if (!settings.automatic("record_lag")) return settings.Integer("record_lag");
  return rules == "pytorch" ? 1 : 2;
}

absl::StatusOr<StepPipeline> StepPipeline::Create(TrainEngine& engine, Recipe recipe,
                                                  const data::TrainingBatches& batches,
                                                  int64_t lag) {
  if (engine.steps_in_flight() < lag) {
    return FailureError(absl::StrCat("a record lag of ", lag, " steps; the engine keeps ",
                                     engine.steps_in_flight(), " in flight"));
  }
  StepPipeline pipeline(engine, std::move(recipe), batches, lag);
  // A program may not need all of them: a model without depth routing has no mod_aux_weight.
  const auto keep = [&](absl::string_view name, double value) {
    const std::optional<size_t> index = engine.FindControl(name);
    if (index) pipeline.constants_.push_back({*index, value});
  };
  keep("loss_scale", 1.0 / static_cast<double>(engine.micro_batches()));
  for (const auto& [name, value] : pipeline.recipe_.controls()) keep(name, value);
  pipeline.learning_rate_ = engine.FindControl("lr");
  StepReport& report = pipeline.report_;
  report.batch = engine.batch();
  report.seq = engine.seq();
  report.tokens = engine.batch() * engine.seq() * engine.micro_batches();
  for (const std::string& term : engine.loss_terms()) report.losses.emplace_back(term, 0.0);
  pipeline.results_.losses.resize(report.losses.size());
  return pipeline;
}

absl::Status StepPipeline::Submit(int64_t step) {
  for (const Control& control : constants_) engine_->SetControl(control.index, control.value);
  if (learning_rate_) engine_->SetControl(*learning_rate_, recipe_.schedule().LearningRate(step));
  for (int64_t micro = 0; micro < engine_->micro_batches(); ++micro) {
    HYDRA_ASSIGN_OR_RETURN(const TrainEngine::BatchMemory memory, engine_->StageBatch(micro));
    HYDRA_RETURN_IF_ERROR(batches_.Fill(step, micro, memory.tokens, memory.targets));
  }
  Pending& pending = pending_[static_cast<size_t>(submitted_ % lag_)];
  pending.step = step;
  pending.submitted = Clock::now();
  HYDRA_ASSIGN_OR_RETURN(pending.number, engine_->SubmitStep());
  ++submitted_;
  return absl::OkStatus();
}

absl::StatusOr<StepReport*> StepPipeline::ReadOldest() {
  const Pending& oldest = pending_[static_cast<size_t>(read_ % lag_)];
  HYDRA_RETURN_IF_ERROR(engine_->ReadStep(oldest.number, results_));
  ++read_;
  const Clock::time_point now = Clock::now();
  // From one finished step to the next; the first after a pause counts from its submission.
  report_.seconds =
      std::chrono::duration<double>(now - std::max(oldest.submitted, last_read_)).count();
  last_read_ = now;
  report_.step = oldest.step + 1;
  report_.lr = recipe_.EffectiveLearningRate(oldest.step, results_.grad_norm);
  report_.grad_norm = results_.grad_norm;
  report_.clip_scale = results_.clip_scale;
  for (size_t term = 0; term < report_.losses.size(); ++term) {
    report_.losses[term].second = results_.losses[term];
  }
  return &report_;
}

absl::Status StepPipeline::Discard() {
  while (pending() > 0) HYDRA_RETURN_IF_ERROR(ReadOldest().status());
  return absl::OkStatus();
}

}  // namespace hydra::train
