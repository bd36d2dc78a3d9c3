#include "runtime/train/step_pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/strip.h"
#include "runtime/base/hash.h"
#include "runtime/base/philox.h"

namespace hydra::train {
namespace {

// Philox streams of expert noise, one per layer from here on.
const uint64_t kNoiseStream = Hash64("moe_noise");

}  // namespace

int64_t RecordLag(const Settings& settings, absl::string_view rules) {
  if (!settings.automatic("record_lag")) return settings.Integer("record_lag");
  return rules == "pytorch" ? 1 : 2;
}

namespace {

// The training tokens by source, in their order.
std::vector<data::SourceRange> SourcesOf(const data::Dataset& dataset) {
  std::vector<data::SourceRange> ranges;
  uint64_t begin = 0;
  for (const data::SourceMap::Run& run : dataset.train_sources().runs()) {
    ranges.push_back({dataset.sources()[run.source], begin, run.end});
    begin = run.end;
  }
  return ranges;
}

}  // namespace

absl::StatusOr<RunBatches> BatchesOf(const Settings& settings, const data::Dataset& dataset,
                                     const TrainEngine& engine) {
  const bool teaches = settings.Number("moe_teacher_weight") != 0;
  if ((teaches || !settings.Text("moe_domain_expert_map").empty()) &&
      !engine.FindControl("moe_teacher_weight")) {
    return UsageError(
        absl::StrCat("setting '", teaches ? "moe_teacher_weight" : "moe_domain_expert_map",
                     "' has no effect: the program of ", engine.facts().model, " has no experts"));
  }
  const std::vector<data::SourceRange> sources = SourcesOf(dataset);
  HYDRA_ASSIGN_OR_RETURN(const data::DataOrder order,
                         data::DataOrderNamed(settings.Text("data_order")));
  HYDRA_ASSIGN_OR_RETURN(
      data::TrainingBatches batches,
      data::TrainingBatches::Create(
          dataset.train(), engine.batch(), engine.seq(), settings.Integer("seed"),
          {.order = order, .micro_batches = engine.micro_batches(), .sources = sources}));
  HYDRA_ASSIGN_OR_RETURN(SourceExperts experts,
                         SourceExperts::Create(settings.Text("moe_domain_expert_map"), sources));
  return RunBatches{std::move(batches), std::move(experts)};
}

absl::StatusOr<StepPipeline> StepPipeline::Create(TrainEngine& engine, Recipe recipe,
                                                  const data::TrainingBatches& batches, int64_t lag,
                                                  SourceExperts experts) {
  if (engine.steps_in_flight() < lag) {
    return FailureError(absl::StrCat("a record lag of ", lag, " steps; the engine keeps ",
                                     engine.steps_in_flight(), " in flight"));
  }
  StepPipeline pipeline(engine, std::move(recipe), batches, lag, std::move(experts));
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
  HYDRA_RETURN_IF_ERROR(pipeline.ResolveFields());
  return pipeline;
}

absl::Status StepPipeline::ResolveFields() {
  report_.fields = engine_->record_fields();
  size_t elements = 0;
  for (const StepField& field : report_.fields) {
    elements = std::max(elements, field.first + field.elements);
    absl::string_view term = field.name;
    if (!absl::ConsumePrefix(&term, "loss.") || field.elements != 1) continue;
    report_.losses.emplace_back(term, 0.0);
    losses_.push_back(field.first);
  }
  results_.values.resize(elements);
  report_.values = results_.values;
  const auto place = [&](absl::string_view name) -> std::optional<size_t> {
    const StepField* field = FindField(report_.fields, name);
    return field == nullptr ? std::nullopt : std::optional<size_t>(field->first);
  };
  const std::optional<size_t> norm = place("grad_norm");
  if (!norm || losses_.empty()) {
    return InputError(absl::StrCat("the step record of ", engine_->facts().model, " has no ",
                                   norm ? "loss" : "grad_norm",
                                   "; compile the model again with this version of hydra-opt"));
  }
  grad_norm_ = *norm;
  clip_scale_ = place("clip_scale");
  applied_rate_ = place("lr");
  return absl::OkStatus();
}

void StepPipeline::SetControls(int64_t step) {
  for (const Control& control : constants_) engine_->SetControl(control.index, control.value);
  if (learning_rate_) engine_->SetControl(*learning_rate_, recipe_.schedule().LearningRate(step));
}

void StepPipeline::FillNoise(int64_t step, int64_t micro,
                             absl::Span<const absl::Span<float>> noise) const {
  for (size_t layer = 0; layer < noise.size(); ++layer) {
    const Philox stream(recipe_.noise_seed(), kNoiseStream + layer, static_cast<uint32_t>(step));
    stream.FillNormal(static_cast<uint64_t>(micro) * noise[layer].size(), 0, 1, noise[layer]);
  }
}

absl::Status StepPipeline::Submit(int64_t step) {
  for (int64_t micro = 0; micro < engine_->micro_batches(); ++micro) {
    HYDRA_ASSIGN_OR_RETURN(const TrainEngine::BatchMemory memory, engine_->StageBatch(micro));
    HYDRA_RETURN_IF_ERROR(batches_.Fill(step, micro, memory.tokens, memory.targets));
    FillNoise(step, micro, memory.noise);
    const int32_t expert = experts_.ExpertOf(batches_, step, micro);
    if (!memory.forced_expert.empty()) memory.forced_expert.front() = expert;
    if (!memory.teacher_expert.empty()) memory.teacher_expert.front() = expert;
  }
  Pending& pending = pending_[static_cast<size_t>(submitted_ % lag_)];
  pending.step = step;
  pending.submitted = Clock::now();
  HYDRA_ASSIGN_OR_RETURN(pending.number, engine_->SubmitStep());
  ++submitted_;
  // The next step's tokens come from the disk while the device works.
  batches_.Prefetch(step + 1);
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
  report_.device_seconds = results_.seconds;
  report_.graphs = results_.graphs;
  report_.step = oldest.step + 1;
  const std::vector<double>& values = results_.values;
  report_.lr =
      applied_rate_ ? values[*applied_rate_] : recipe_.schedule().LearningRate(oldest.step);
  report_.grad_norm = values[grad_norm_];
  report_.clip_scale = clip_scale_ ? values[*clip_scale_] : 1;
  for (size_t term = 0; term < losses_.size(); ++term) {
    report_.losses[term].second = values[losses_[term]];
  }
  return &report_;
}

absl::Status StepPipeline::Discard() {
  while (pending() > 0) HYDRA_RETURN_IF_ERROR(ReadOldest().status());
  return absl::OkStatus();
}

}  // namespace hydra::train
