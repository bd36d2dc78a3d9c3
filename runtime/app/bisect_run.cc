#include "runtime/app/bisect_run.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/app/recompile.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/io/ledger.h"
#include "runtime/train/checkpoint_start.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/records.h"
#include "runtime/train/routing_curriculum.h"
#include "runtime/train/step_pipeline.h"
#include "runtime/train/weights.h"
#include "runtime/train/weights_source.h"

namespace hydra::app {
namespace {

namespace fs = std::filesystem;

// The same program without fusion. Nothing, and a note, where it cannot be compiled.
absl::StatusOr<std::optional<Recompiled>> LoadUnfused(const Model& model,
                                                      const ModelRequest& request, int64_t batch,
                                                      int64_t seq) {
  HYDRA_ASSIGN_OR_RETURN(Recompilation unfused,
                         Recompile(model, request, batch, seq, {{"fusion", "off"}}));
  if (!unfused.program) {
    request.notices.Note(
        absl::StrCat(unfused.obstacle,
                     "; replaying the artifact as it is, whose kernels may hold several ops each"));
  }
  return std::move(unfused.program);
}

// The compiler may have read a copy of the spec, and what it made may have been in the cache: the
// place is named by the user's file, and shown.
void Localise(const Recompiled& unfused, std::optional<WatchFinding>& finding) {
  int64_t number = 0;
  if (!finding ||
      !absl::SimpleAtoi(finding->location.substr(finding->location.rfind(':') + 1), &number)) {
    return;
  }
  finding->location = absl::StrCat(unfused.spec_name, ":", number);
  const std::vector<std::string> lines = absl::StrSplit(unfused.spec_text, '\n');
  if (number < 1 || static_cast<size_t>(number) > lines.size()) return;
  finding->source = std::string(absl::StripAsciiWhitespace(lines[static_cast<size_t>(number) - 1]));
}

// As named, or where the run that the checkpoint lies in says.
absl::StatusOr<data::Dataset> OpenData(const BisectRequest& request, const Model& model) {
  if (!request.data.empty()) return data::Dataset::Open(request.data);
  if (model.checkpoint) {
    const fs::path run = fs::absolute(model.checkpoint->path()).parent_path().parent_path();
    const absl::StatusOr<train::RunInputs> inputs = train::ReadRunInputs(run.string());
    if (inputs.ok()) return data::Dataset::Open(inputs->data);
  }
  return UsageError("bisect: which data the step had is not known; pass --data DIR");
}

absl::Status AddNotFinite(train::TrainEngine& engine, BisectReport& report) {
  for (const train::StateKind kind : {train::StateKind::kParameters, train::StateKind::kOptimizer,
                                      train::StateKind::kControlState}) {
    const absl::Span<const train::StateTensor> state = engine.state(kind);
    for (size_t i = 0; i < state.size(); ++i) {
      if (state[i].dtype != DType::kF32) continue;
      std::vector<uint8_t> bytes(train::StateBytes(state[i]));
      HYDRA_RETURN_IF_ERROR(engine.ReadState(kind, i, absl::MakeSpan(bytes)));
      const ValueStatistics statistics = StatisticsOf(bytes, hal::ElementType::kF32);
      if (!statistics.finite()) report.already.emplace_back(state[i].name, statistics);
    }
  }
  return absl::OkStatus();
}

std::optional<BatchPosition> PositionOf(const ReplayEngine& engine) {
  const ReplayReport& report = engine.report();
  if (!report.not_finite || report.micro_batch < 0) return std::nullopt;
  const int64_t rows = engine.batch() * engine.seq();
  for (const WatchedValue& value : report.not_finite->results) {
    const ValueStatistics& found = value.after;
    if (found.first_bad < 0 || found.values % rows != 0) continue;
    const int64_t row = found.first_bad / (found.values / rows);
    const std::vector<int32_t> tokens = engine.Integers(report.micro_batch, "tokens");
    const std::vector<int32_t> targets = engine.Integers(report.micro_batch, "targets");
    const size_t at = static_cast<size_t>(row);
    if (at >= tokens.size() || at >= targets.size()) return std::nullopt;
    return BatchPosition{row, row / engine.seq(), row % engine.seq(), tokens[at], targets[at]};
  }
  return std::nullopt;
}

// The state that the step begins with.
absl::Status Restore(const BisectRequest& request, const Model& model,
                     const train::Settings& settings, train::ExecutorEngine& engine) {
  if (model.checkpoint) {
    HYDRA_RETURN_IF_ERROR(Annotate(model.checkpoint->RestoreAll(engine), model.checkpoint->path()));
    // The run ended because it halted; its step is what is looked at.
    const absl::Span<const train::StateTensor> state =
        engine.state(train::StateKind::kControlState);
    for (size_t i = 0; i < state.size(); ++i) {
      if (state[i].name != "halted") continue;
      const std::vector<uint8_t> zero(train::StateBytes(state[i]), 0);
      HYDRA_RETURN_IF_ERROR(engine.WriteState(train::StateKind::kControlState, i, zero));
    }
  } else {
    HYDRA_RETURN_IF_ERROR(engine.InitializeParameters(settings.Integer("seed")));
  }
  if (request.weights.empty()) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(const train::WeightsSource source,
                         train::WeightsSource::Open(request.weights));
  return train::LoadWeights(source, engine).status();
}

}  // namespace

absl::StatusOr<BisectReport> BisectRun(BisectRequest request) {
  train::Settings settings = request.model.settings;
  // What the run was decides how much memory is obtained.
  std::error_code ignored;
  if (fs::is_directory(request.model.model, ignored)) {
    HYDRA_ASSIGN_OR_RETURN(request.model.checkpoint,
                           OpenCheckpointWithWarnings(request.model.model, request.model.notices));
    HYDRA_RETURN_IF_ERROR(settings.Restore(request.model.checkpoint->run().settings).status());
  }
  request.model.micro_batches = settings.Integer("accum");
  request.model.entries = {
      EntryRequest::Of("train", settings.Integer("batch"), settings.Integer("seq"))};
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request.model));
  BisectReport report;
  int64_t batch = settings.Integer("batch"), seq = settings.Integer("seq");
  if (model.checkpoint) {
    const train::RunRecord& run = model.checkpoint->run();
    report.run_id = run.run_id;
    report.step = run.step;
    if (batch == 0) batch = run.batch;
    if (seq == 0) seq = run.seq;
  }
  report.step = request.step.value_or(report.step);
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, OpenData(request, model));
  const int64_t lag = train::RecordLag(settings, model.artifact->info().rules);
  train::ExecutorEngineOptions options{.batch = batch,
                                       .seq = seq,
                                       .micro_batches = request.model.micro_batches,
                                       .steps_in_flight = lag};
  std::optional<Recompiled> unfused;
  if (!request.as_compiled) {
    HYDRA_ASSIGN_OR_RETURN(
        const std::unique_ptr<train::ExecutorEngine> shape,
        train::ExecutorEngine::Create(model.executor(), {.batch = batch, .seq = seq}));
    HYDRA_ASSIGN_OR_RETURN(unfused,
                           LoadUnfused(model, request.model, shape->batch(), shape->seq()));
  }
  report.unfused = unfused.has_value();
  Executor& executor = unfused ? unfused->model.executor() : model.executor();
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(executor, options));
  HYDRA_RETURN_IF_ERROR(Restore(request, model, settings, *engine));
  HYDRA_RETURN_IF_ERROR(AddNotFinite(*engine, report));
  HYDRA_ASSIGN_OR_RETURN(std::optional<Ledger> ledger, LedgerOf(executor.artifact()));
  StepWatch watch(executor, request.limit, std::move(ledger));
  ReplayEngine replay(*engine, executor, watch);

  // As Trainer takes a step.
  HYDRA_ASSIGN_OR_RETURN(train::Recipe recipe, train::Recipe::Create(settings, engine->facts()));
  HYDRA_ASSIGN_OR_RETURN(train::RunBatches run, train::BatchesOf(settings, dataset, *engine));
  HYDRA_ASSIGN_OR_RETURN(train::StepPipeline pipeline,
                         train::StepPipeline::Create(replay, std::move(recipe), run.batches, lag,
                                                     std::move(run.experts)));
  HYDRA_ASSIGN_OR_RETURN(train::StepRecords records, train::StepRecords::Create(lag));
  train::LossAverages averages;
  HYDRA_ASSIGN_OR_RETURN(train::RoutingCurriculum curriculum,
                         train::RoutingCurriculum::Create(settings, replay));
  if (model.checkpoint) {
    const int64_t taken = model.checkpoint->run().step;
    train::DataPosition position;
    position.Set(static_cast<uint64_t>(taken * run.batches.windows_per_step()));
    train::HostModule* const modules[] = {&records, &averages, &position, &curriculum};
    HYDRA_RETURN_IF_ERROR(train::RestoreModules(model.checkpoint->run().host_state, modules,
                                                model.checkpoint->path()));
    const int64_t windows = static_cast<int64_t>(position.windows()) +
                            (report.step - taken) * run.batches.windows_per_step();
    pipeline.StartDataAt(report.step, static_cast<uint64_t>(std::max<int64_t>(0, windows)));
  }
  pipeline.SetControls(report.step);
  HYDRA_RETURN_IF_ERROR(curriculum.Prepare(report.step, records.VisibleAt(report.step), replay));
  HYDRA_RETURN_IF_ERROR(pipeline.Submit(report.step));
  report.replay = replay.report();
  report.position = PositionOf(replay);
  if (unfused) {
    Localise(*unfused, report.replay.not_finite);
    Localise(*unfused, report.replay.outlying);
  }
  return report;
}

}  // namespace hydra::app
