#include "runtime/app/train_run.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "runtime/io/posix_file.h"
#include "runtime/toolchain/compile.h"
#include "runtime/train/settings_file.h"

namespace hydra::app {
namespace {

// The spec as the compiler prints it, without comments and layout; "" if the artifact has none.
std::string PrintedSpec(const artifact::Artifact& artifact) {
  const absl::Span<const uint8_t> bytes = artifact.Section(artifact::SectionKind::kSpec);
  return std::string(bytes.begin(), bytes.end());
}

// A micro-batch; 0 is whatever the model has.
struct Shape {
  int64_t batch = 0, seq = 0;
};

// That of the settings. What they leave open is as it was when the run began (`saved`; null for a
// new run), whatever other shapes the model has by now.
Shape ShapeOf(const train::Settings& settings, const train::RunRecord* saved) {
  Shape shape{settings.Integer("batch"), settings.Integer("seq")};
  if (saved != nullptr && settings.automatic("batch")) shape.batch = saved->batch;
  if (saved != nullptr && settings.automatic("seq")) shape.seq = saved->seq;
  return shape;
}

// A checkpoint's settings are those of the file inside it.
absl::Status ReadConfig(const std::string& path, const Notices& notices,
                        train::Settings& settings) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    return train::ReadSettingsFile(path, settings);
  }
  HYDRA_ASSIGN_OR_RETURN(const train::Checkpoint checkpoint,
                         OpenCheckpointWithWarnings(path, notices));
  return train::ReadSettingsFile(
      (std::filesystem::path(checkpoint.path()) / train::kRunFile).string(), settings);
}

}  // namespace

// Whoever resumes with a model of his own means the one that the run has. Equal shapes would let
// any other pass. Specs are compared as written or, since an artifact has no other, as printed;
// between different compilers a difference in print proves nothing and is left to the warnings.
absl::Status TrainRun::CheckSameModel(const train::CheckpointAttachments& attachments) const {
  const train::Checkpoint& checkpoint = *origin();
  if (!checkpoint.spec_path().empty()) {
    HYDRA_ASSIGN_OR_RETURN(const std::string saved,
                           ReadWholeFile(checkpoint.spec_path(), uint64_t{1} << 28));
    if (saved == attachments.spec_contents) return absl::OkStatus();
  }
  if (checkpoint.artifact_path().empty()) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(const auto artifact, artifact::Artifact::Open(checkpoint.artifact_path()));
  if (artifact->info().compiler_build != model_.artifact->info().compiler_build ||
      PrintedSpec(*artifact) == PrintedSpec(*model_.artifact)) {
    return absl::OkStatus();
  }
  return UsageError(absl::StrCat(
      request_.model.model, ": expected the model of the run, as in ", checkpoint.path(),
      ", found another one; leave MODEL away to resume with the run's own, or start a new run of "
      "this model from its weights with --weights ",
      checkpoint.weights_path(), " and another --out"));
}

// The data directory: as named, or the one that the run was started with.
absl::StatusOr<data::Dataset> TrainRun::OpenData(std::string& path) const {
  path = request_.data;
  if (path.empty() && origin() != nullptr) {
    // A checkpoint lies in OUT/checkpoints.
    const std::filesystem::path checkpoint = std::filesystem::absolute(origin()->path());
    const std::string run =
        branch_ ? checkpoint.parent_path().parent_path().string() : request_.start.out;
    const absl::StatusOr<train::RunInputs> inputs = train::ReadRunInputs(run);
    if (!inputs.ok()) {
      return Annotate(inputs.status(), "the run does not say where its data are; pass --data DIR");
    }
    path = inputs->data;
  }
  absl::StatusOr<data::Dataset> dataset = data::Dataset::Open(path);
  if (!dataset.ok() && request_.data.empty()) {
    return Annotate(dataset.status(),
                    "the data that the run was started with (pass --data DIR if "
                    "they have moved)");
  }
  return dataset;
}

// What this run will go without, if the model or the data lack something.
absl::Status TrainRun::CheckEvaluation(const data::Dataset& dataset) const {
  std::string lacking;
  if (engine_->eval_batch() == 0) {
    lacking =
        absl::StrCat(model_.artifact_path, " has no entry eval (compile it with --entry=eval@",
                     engine_->batch(), "x", engine_->seq(), ")");
  } else if (dataset.validation() == nullptr) {
    lacking = "nothing of the data was held out (data text --validation-fraction)";
  }
  if (lacking.empty()) return absl::OkStatus();
  for (const char* key : {"eval_interval", "eval_batches"}) {
    if (request_.model.settings.given(key)) {
      return UsageError(absl::StrCat("setting '", key, "' has no effect: ", lacking));
    }
  }
  notices().Warn(absl::StrCat("training without evaluation: ", lacking));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TrainRun>> TrainRun::Prepare(TrainRequest request) {
  ModelRequest& model_request = request.model;
  const std::string& out = request.start.out;
  if (!request.config.empty()) {
    HYDRA_RETURN_IF_ERROR(
        ReadConfig(request.config, model_request.notices, model_request.settings));
  }
  if (!request.branch.empty() && (request.dry_run || request.start.mode != train::StartMode::kNew ||
                                  !request.weights.empty())) {
    return UsageError(
        "--branch begins a new run with the whole state of a checkpoint, so --resume, "
        "--resume-from, --weights and --dry-run contradict it; drop one of them");
  }
  if (out.empty() && !request.dry_run) {
    return UsageError("train needs --out DIR for checkpoints and metrics");
  }
  // Where there is a directory, its state decides first: a run that goes on has the settings, and
  // one that is in the way is no reason to compile. A new directory is made last, so that a request
  // that is refused leaves none behind.
  std::optional<train::StartingPoint> start;
  if (!request.dry_run && (request.start.mode == train::StartMode::kResume || PathExists(out))) {
    HYDRA_ASSIGN_OR_RETURN(start, train::OpenStartingPoint(request.start));
  }
  std::optional<train::Checkpoint> branch;
  if (!request.branch.empty()) {
    HYDRA_ASSIGN_OR_RETURN(branch,
                           OpenCheckpointWithWarnings(request.branch, model_request.notices));
  }
  const train::Checkpoint* from = branch                       ? &*branch
                                  : start && start->checkpoint ? &*start->checkpoint
                                                               : nullptr;
  const bool resumed = from != nullptr;
  train::Settings settings = model_request.settings;
  if (resumed) {
    HYDRA_RETURN_IF_ERROR(settings.Restore(from->run().settings).status());
    if (model_request.model.empty()) model_request.checkpoint = *from;
  } else if (model_request.model.empty()) {
    return UsageError("train: expected a MODEL, found none (see hydra-run train --help)");
  }
  if (request.data.empty() && !request.dry_run && !resumed) {
    return UsageError("train needs --data DIR; make one with 'hydra-run data text FILE --out DIR'");
  }
  HYDRA_RETURN_IF_ERROR(train::CheckSettings(settings));
  if (request.stop_at && *request.stop_at > settings.Integer("steps")) {
    return UsageError(absl::StrCat("--stop-at: expected at most --steps, ",
                                   settings.Integer("steps"), ", found ", *request.stop_at,
                                   "; lower it or raise --steps"));
  }
  const Shape shape = ShapeOf(settings, resumed ? &from->run() : nullptr);
  // A spec is compiled for the run's shape. What is compiled already may have other shapes beside
  // it, for evaluation say, and stays as it is.
  model_request.entries =
      toolchain::IsModelSpec(model_request.model)
          ? DefaultEntries(settings, shape.batch, shape.seq)
          : DefaultEntries(settings, settings.Integer("batch"), settings.Integer("seq"));
  model_request.micro_batches = settings.Integer("accum");
  model_request.plan_only = request.dry_run;
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(model_request));
  std::unique_ptr<TrainRun> run(
      new TrainRun(std::move(request), std::move(model), std::move(settings)));
  if (!run->model_.session) return run;
  HYDRA_ASSIGN_OR_RETURN(
      run->engine_,
      train::ExecutorEngine::Create(run->model_.executor(),
                                    {.batch = shape.batch,
                                     .seq = shape.seq,
                                     .micro_batches = run->request_.model.micro_batches,
                                     .variant = run->settings_.Text("variant"),
                                     .steps_in_flight = train::RecordLag(
                                         run->settings_, run->model_.artifact->info().rules)}));
  run->start_ = std::move(start);
  run->branch_ = std::move(branch);
  return run;
}

int64_t TrainRun::last_step() const {
  const int64_t steps = settings_.Integer("steps");
  return std::min(request_.stop_at.value_or(steps), steps);
}

absl::StatusOr<TrainRun::Result> TrainRun::Run(train::TrainObserver& observer,
                                               std::function<bool()> interrupted) {
  std::string data_path;
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, OpenData(data_path));
  HYDRA_RETURN_IF_ERROR(CheckEvaluation(dataset));
  train::TrainerOptions options;
  options.stop_at = request_.stop_at;
  options.branch = branch_.has_value();
  options.interrupted = std::move(interrupted);
  HYDRA_ASSIGN_OR_RETURN(options.attachments, AttachmentsOf(model_));
  options.attachments.tokenizer = dataset.tokenizer_contents();
  if (origin() != nullptr) {
    HYDRA_RETURN_IF_ERROR(CheckSameModel(options.attachments));
    if (!request_.weights.empty()) {
      notices().Note(absl::StrCat(
          "the run has begun already: its checkpoint's weights are taken, not ", request_.weights));
    }
  } else {
    options.weights = request_.weights;
    if (options.weights.empty() && model_.checkpoint) {
      options.weights = model_.checkpoint->weights_path();
    }
  }
  std::optional<TrainingSamples> samples;
  if (!request_.samples.prompts.empty()) {
    HYDRA_ASSIGN_OR_RETURN(samples, TrainingSamples::Create(model_, dataset, request_.samples,
                                                            settings_.Integer("seed")));
    options.sample = [&samples](const train::RunRecord& run) { return samples->Write(run); };
    options.sample_interval = request_.samples.every;
  }
  if (!start_) {
    HYDRA_ASSIGN_OR_RETURN(start_, train::OpenStartingPoint(request_.start));
  }
  if (branch_) start_->checkpoint = branch_;
  const std::string& out = request_.start.out;
  train::MetricsObserver metrics(
      out, EnvironmentOf(model_),
      [&observer](const std::string& message) { observer.OnWarning(message); });
  const std::string weights = options.weights;
  HYDRA_ASSIGN_OR_RETURN(
      train::Trainer trainer,
      train::Trainer::Create(*engine_, dataset, request_.model.settings, *std::move(start_),
                             std::move(options), {&metrics, &observer}));
  if (!weights.empty()) {
    notices().Note(
        absl::StrCat("starting from the weights of ", weights, "; the optimizer begins afresh"));
  }
  const std::string absolute_data =
      std::filesystem::absolute(data_path).lexically_normal().string();
  if (const absl::Status written = train::WriteRunInputs(out, {.data = absolute_data});
      !written.ok()) {
    notices().Warn(absl::StrCat("--resume will need --data: ", written.message()));
  }
  Result result;
  HYDRA_ASSIGN_OR_RETURN(result.outcome, trainer.Run());
  result.step = trainer.step();
  result.checkpoint = trainer.last_checkpoint();
  result.evaluation = trainer.last_evaluation();
  result.evaluated_step = trainer.evaluated_step();
  result.metrics_database = metrics.database_path();
  result.journal = metrics.journal_path();
  return result;
}

}  // namespace hydra::app
