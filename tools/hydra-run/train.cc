// hydra-run train: trains a model on a data directory.
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/io/posix_file.h"
#include "runtime/toolchain/compile.h"
#include "runtime/train/checkpoint_start.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/metrics_observer.h"
#include "runtime/train/trainer.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/dry_run.h"
#include "tools/hydra-run/model_flags.h"
#include "tools/hydra-run/progress.h"
#include "tools/hydra-run/stop_signal.h"

namespace hydra::tools {
namespace {

struct TrainFlags {
  ModelFlags model;
  std::string data;
  std::string out;
  std::string weights;
  std::optional<int64_t> stop_at;
  std::string resume;  // "", "true" (the flag alone) or "auto"
  std::optional<int64_t> resume_from;
  bool dry_run = false;
  bool list_settings = false;
};

int PrintSettings(bool json) {
  Json list = Json::array();
  Table table({"setting", "default", "kind", "values", "meaning"}, "lllll");
  for (const train::SettingSpec& spec : train::SettingTable()) {
    const bool run = spec.scope == train::SettingScope::kRun;
    const std::string values = train::DescribeValues(spec);
    table.Add({std::string(spec.key), run ? std::string(spec.initial) : "hydra-opt's",
               run ? "run" : "compile", values, std::string(spec.help)});
    list.push_back({{"key", spec.key},
                    {"default", spec.initial},
                    {"kind", run ? "run" : "compile"},
                    {"values", values},
                    {"help", spec.help}});
  }
  if (json) {
    PrintJson({{"settings", std::move(list)}});
  } else {
    std::printf("%s", table.Text().c_str());
  }
  return 0;
}

absl::StatusOr<train::StartRequest> StartOf(const TrainFlags& flags) {
  train::StartRequest request{.out = flags.out, .step = flags.resume_from};
  if (flags.resume == "auto") {
    request.mode = train::StartMode::kResumeIfPresent;
  } else if (flags.resume == "true" || flags.resume_from) {
    request.mode = train::StartMode::kResume;
  }
  if (!flags.resume.empty() && flags.resume != "true" && flags.resume != "auto") {
    return UsageError(absl::StrCat(
        "--resume expects no value, or =auto to begin where there is nothing yet; found '",
        flags.resume, "'"));
  }
  if (flags.resume == "auto" && flags.resume_from) {
    return UsageError(
        "--resume=auto and --resume-from STEP contradict each other: the step has to be there");
  }
  const bool resumes = request.mode != train::StartMode::kNew;
  if (flags.dry_run && (resumes || !flags.weights.empty())) {
    return UsageError(
        "--dry-run begins nothing, so --resume, --resume-from and --weights have no effect; drop "
        "them, or --dry-run");
  }
  if (request.mode == train::StartMode::kResume && !flags.weights.empty()) {
    return UsageError(
        "a resumed run has its checkpoint's weights, so --weights has no effect; drop it, or start "
        "a new run with another --out");
  }
  return request;
}

// The spec as the compiler prints it, without comments and layout; "" if the artifact has none.
std::string PrintedSpec(const artifact::Artifact& artifact) {
  const absl::Span<const uint8_t> bytes = artifact.Section(artifact::SectionKind::kSpec);
  return std::string(bytes.begin(), bytes.end());
}

// Whoever resumes with a model of his own means the one that the run has. Equal shapes would let
// any other pass. Specs are compared as written or, since an artifact has no other, as printed;
// between different compilers a difference in print proves nothing and is left to the warnings.
absl::Status CheckSameModel(const std::string& named, const Model& model,
                            const train::CheckpointAttachments& attachments,
                            const train::Checkpoint& checkpoint) {
  if (!checkpoint.spec_path().empty()) {
    HYDRA_ASSIGN_OR_RETURN(const std::string saved,
                           ReadWholeFile(checkpoint.spec_path(), uint64_t{1} << 28));
    if (saved == attachments.spec_contents) return absl::OkStatus();
  }
  if (checkpoint.artifact_path().empty()) return absl::OkStatus();
  HYDRA_ASSIGN_OR_RETURN(const auto artifact, artifact::Artifact::Open(checkpoint.artifact_path()));
  if (artifact->info().compiler_build != model.artifact->info().compiler_build ||
      PrintedSpec(*artifact) == PrintedSpec(*model.artifact)) {
    return absl::OkStatus();
  }
  return UsageError(absl::StrCat(
      named, ": expected the model of the run, as in ", checkpoint.path(),
      ", found another one; leave MODEL away to resume with the run's own, or start a new run of "
      "this model from its weights with --weights ",
      checkpoint.weights_path(), " and another --out"));
}

// The data directory: as named, or the one that the run was started with.
absl::StatusOr<data::Dataset> OpenData(const TrainFlags& flags, bool resumed, std::string& path) {
  path = flags.data;
  if (path.empty() && resumed) {
    const absl::StatusOr<train::RunInputs> inputs = train::ReadRunInputs(flags.out);
    if (!inputs.ok()) {
      return Annotate(inputs.status(), "the run does not say where its data are; pass --data DIR");
    }
    path = inputs->data;
  }
  absl::StatusOr<data::Dataset> dataset = data::Dataset::Open(path);
  if (!dataset.ok() && flags.data.empty()) {
    return Annotate(dataset.status(),
                    "the data that the run was started with (pass --data DIR if "
                    "they have moved)");
  }
  return dataset;
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

// What this run will go without, if the model or the data lack something.
absl::Status CheckEvaluation(const train::ExecutorEngine& engine, const data::Dataset& dataset,
                             const train::Settings& settings, const std::string& model) {
  std::string lacking;
  if (engine.eval_batch() == 0) {
    lacking = absl::StrCat(model, " has no entry eval (compile it with --entry=eval@",
                           engine.batch(), "x", engine.seq(), ")");
  } else if (dataset.validation() == nullptr) {
    lacking = "nothing of the data was held out (data text --validation-fraction)";
  }
  if (lacking.empty()) return absl::OkStatus();
  for (const char* key : {"eval_interval", "eval_batches"}) {
    if (settings.given(key)) {
      return UsageError(absl::StrCat("setting '", key, "' has no effect: ", lacking));
    }
  }
  PrintWarning(absl::StrCat("training without evaluation: ", lacking));
  return absl::OkStatus();
}

Json Summary(const train::Trainer& trainer, train::TrainOutcome outcome, const std::string& out,
             const train::MetricsObserver& metrics, const Progress& progress) {
  const char* name = outcome == train::TrainOutcome::kFinished  ? "finished"
                     : outcome == train::TrainOutcome::kStopped ? "stopped"
                                                                : "interrupted";
  Json json{{"outcome", name},
            {"step", trainer.step()},
            {"checkpoint", trainer.last_checkpoint()},
            {"metrics", metrics.database_path()},
            {"journal", metrics.journal_path()},
            {"host_share", progress.host_share()},
            {"out", out}};
  // An interrupted run has no result of its last step: what was measured earlier stands apart.
  const auto& evaluation = trainer.last_evaluation();
  json["held_out_loss"] = evaluation && trainer.evaluated_step() == trainer.step()
                              ? Json(evaluation->loss)
                              : Json(nullptr);
  json["last_evaluation"] =
      evaluation ? Json{{"step", trainer.evaluated_step()}, {"loss", evaluation->loss}}
                 : Json(nullptr);
  return json;
}

absl::StatusOr<int> Train(const TrainFlags& flags, bool json) {
  if (flags.list_settings) return PrintSettings(json);
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  HYDRA_ASSIGN_OR_RETURN(const train::StartRequest start_request, StartOf(flags));
  if (flags.out.empty() && !flags.dry_run) {
    return UsageError("train needs --out DIR for checkpoints and metrics");
  }
  // Where there is a directory, its state decides first: a run that goes on has the settings, and
  // one that is in the way is no reason to compile. A new directory is made last, so that a request
  // that is refused leaves none behind.
  std::optional<train::StartingPoint> start;
  if (!flags.dry_run &&
      (start_request.mode == train::StartMode::kResume || PathExists(flags.out))) {
    HYDRA_ASSIGN_OR_RETURN(start, train::OpenStartingPoint(start_request));
  }
  const bool resumed = start && start->checkpoint;
  train::Settings settings = request.settings;
  if (resumed) {
    HYDRA_RETURN_IF_ERROR(settings.Restore(start->checkpoint->run().settings).status());
    if (request.model.empty()) request.checkpoint = start->checkpoint;
  } else if (request.model.empty()) {
    return UsageError("train: expected a MODEL, found none (see hydra-run train --help)");
  }
  if (flags.data.empty() && !flags.dry_run && !resumed) {
    return UsageError("train needs --data DIR; make one with 'hydra-run data text FILE --out DIR'");
  }
  HYDRA_RETURN_IF_ERROR(train::CheckSettings(settings));
  if (flags.stop_at && *flags.stop_at > settings.Integer("steps")) {
    return UsageError(absl::StrCat("--stop-at: expected at most --steps, ",
                                   settings.Integer("steps"), ", found ", *flags.stop_at,
                                   "; lower it or raise --steps"));
  }
  const Shape shape = ShapeOf(settings, resumed ? &start->checkpoint->run() : nullptr);
  // A spec is compiled for the run's shape. What is compiled already may have other shapes beside
  // it, for evaluation say, and stays as it is.
  request.entries = toolchain::IsModelSpec(request.model)
                        ? DefaultEntries(shape.batch, shape.seq)
                        : DefaultEntries(settings.Integer("batch"), settings.Integer("seq"));
  request.micro_batches = settings.Integer("accum");
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<train::ExecutorEngine> engine,
                         train::ExecutorEngine::Create(
                             model.executor(), {.batch = shape.batch,
                                                .seq = shape.seq,
                                                .micro_batches = request.micro_batches,
                                                .variant = settings.Text("variant"),
                                                .steps_in_flight = train::RecordLag(
                                                    settings, model.artifact->info().rules)}));
  if (flags.dry_run) return DryRun(model, *engine, settings, json);

  std::string data_path;
  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, OpenData(flags, resumed, data_path));
  HYDRA_RETURN_IF_ERROR(CheckEvaluation(*engine, dataset, request.settings, model.artifact_path));
  train::TrainerOptions options;
  options.stop_at = flags.stop_at;
  HYDRA_ASSIGN_OR_RETURN(options.attachments, AttachmentsOf(model));
  if (resumed) {
    HYDRA_RETURN_IF_ERROR(
        CheckSameModel(request.model, model, options.attachments, *start->checkpoint));
    if (!flags.weights.empty()) {
      PrintNote(absl::StrCat("the run has begun already: its checkpoint's weights are taken, not ",
                             flags.weights));
    }
  } else {
    options.weights = flags.weights;
    if (options.weights.empty() && model.checkpoint) {
      options.weights = model.checkpoint->weights_path();
    }
  }
  if (!start) {
    HYDRA_ASSIGN_OR_RETURN(start, train::OpenStartingPoint(start_request));
  }
  CatchStopSignals();
  options.interrupted = [] { return CaughtSignal() != 0; };
  const int64_t steps = settings.Integer("steps");
  Progress progress(std::min(flags.stop_at.value_or(steps), steps),
                    settings.Integer("log_interval"));
  train::MetricsObserver metrics(
      flags.out, EnvironmentOf(model),
      [&progress](const std::string& message) { progress.OnWarning(message); });
  HYDRA_ASSIGN_OR_RETURN(train::Trainer trainer,
                         train::Trainer::Create(*engine, dataset, request.settings,
                                                *std::move(start), options, {&metrics, &progress}));
  if (!options.weights.empty()) {
    PrintNote(absl::StrCat("starting from the weights of ", options.weights,
                           "; the optimizer begins afresh"));
  }
  const std::string absolute_data =
      std::filesystem::absolute(data_path).lexically_normal().string();
  if (const absl::Status written = train::WriteRunInputs(flags.out, {.data = absolute_data});
      !written.ok()) {
    PrintWarning(absl::StrCat("--resume will need --data: ", written.message()));
  }
  HYDRA_ASSIGN_OR_RETURN(const train::TrainOutcome outcome, trainer.Run());
  const Json summary = Summary(trainer, outcome, flags.out, metrics, progress);
  if (json) {
    PrintJson(summary);
  } else {
    std::printf("checkpoint  %s\nmetrics     %s\n", trainer.last_checkpoint().c_str(),
                metrics.database_path().c_str());
    if (trainer.last_evaluation()) {
      std::printf("held-out    %.4f nats per token over %s tokens (hydra-run eval takes all)%s\n",
                  trainer.last_evaluation()->loss,
                  WithCommas(trainer.last_evaluation()->tokens).c_str(),
                  trainer.evaluated_step() == trainer.step()
                      ? ""
                      : absl::StrCat(" at step ", trainer.evaluated_step(),
                                     ", not measured at step ", trainer.step())
                            .c_str());
    }
  }
  if (outcome != train::TrainOutcome::kInterrupted) return 0;
  return ExitCodeOfSignal();
}

}  // namespace

void AddTrain(CommandLine& line) {
  Command command = line.Add("train", "Train a model on a data directory");
  auto flags = std::make_shared<TrainFlags>();
  std::vector<std::string> settings;
  for (const train::SettingSpec& spec : train::SettingTable()) {
    if (spec.scope == train::SettingScope::kRun) settings.emplace_back(spec.key);
  }
  // --help-settings and --resume need no model, so the positional is checked by hand.
  flags->model.Declare(command, "train",
                       "model spec (.mlir, .json), artifact (.hydra) or checkpoint to start from",
                       settings, /*model_required=*/false);
  command.Text("--data", flags->data, "data directory made by 'hydra-run data'");
  command.Text("--out", flags->out, "where checkpoints and metrics go");
  for (const char* key : {"steps", "batch", "seq", "accum", "lr", "seed"}) {
    flags->model.DeclareSetting(command, key);
  }
  command.Text("--weights", flags->weights,
               "safetensors file to start from, of any float type; with a checkpoint as MODEL its "
               "own weights are the default");
  command.FlagOrText("--resume", flags->resume,
                     "continue from the newest usable checkpoint of --out; model, data and "
                     "settings are the run's. --resume=auto: begin if there is none");
  command.Integer("--resume-from", flags->resume_from, {.least = 0},
                  "continue from the checkpoint of this step; later ones move to OUT/abandoned");
  command.Integer("--stop-at", flags->stop_at, {.least = 1},
                  "end after this step with a checkpoint; the schedule still counts to --steps");
  command.Flag("--dry-run", flags->dry_run,
               "print parameters, planned bytes, FLOPs and speed, and stop");
  command.Flag("--help-settings", flags->list_settings, "list every setting for --set");
  command.Run([flags](bool json) { return Train(*flags, json); });
}

}  // namespace hydra::tools
