// hydra-run train: trains a model on a data directory.
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
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
  std::optional<int64_t> stop_at;
  bool resume = false;
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

// The shape must be known before the model is loaded, so a resumed run's is read from its
// checkpoint.
absl::Status TakeSavedSettings(const std::string& out, train::Settings& settings) {
  HYDRA_ASSIGN_OR_RETURN(
      const train::CheckpointStore store,
      train::CheckpointStore::Open((std::filesystem::path(out) / "checkpoints").string()));
  HYDRA_ASSIGN_OR_RETURN(const auto newest, store.OpenNewest());
  if (!newest) return absl::OkStatus();
  return settings.Restore(newest->checkpoint.run().settings).status();
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
             const train::MetricsObserver& metrics) {
  const char* name = outcome == train::TrainOutcome::kFinished  ? "finished"
                     : outcome == train::TrainOutcome::kStopped ? "stopped"
                                                                : "interrupted";
  Json json{{"outcome", name},
            {"step", trainer.step()},
            {"checkpoint", trainer.last_checkpoint()},
            {"metrics", metrics.database_path()},
            {"journal", metrics.journal_path()},
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
  if (flags.out.empty() && !flags.dry_run) {
    return UsageError("train needs --out DIR for checkpoints and metrics");
  }
  if (flags.data.empty() && !flags.dry_run) {
    return UsageError("train needs --data DIR; make one with 'hydra-run data text FILE --out DIR'");
  }
  train::Settings settings = request.settings;
  if (flags.resume) HYDRA_RETURN_IF_ERROR(TakeSavedSettings(flags.out, settings));
  HYDRA_RETURN_IF_ERROR(train::CheckSettings(settings));
  if (flags.stop_at && *flags.stop_at > settings.Integer("steps")) {
    return UsageError(absl::StrCat("--stop-at: expected at most --steps, ",
                                   settings.Integer("steps"), ", found ", *flags.stop_at,
                                   "; lower it or raise --steps"));
  }
  request.entries = DefaultEntries(settings.Integer("batch"), settings.Integer("seq"));
  request.micro_batches = settings.Integer("accum");
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  HYDRA_ASSIGN_OR_RETURN(
      const std::unique_ptr<train::ExecutorEngine> engine,
      train::ExecutorEngine::Create(model.executor(), {.batch = settings.Integer("batch"),
                                                       .seq = settings.Integer("seq"),
                                                       .micro_batches = request.micro_batches,
                                                       .variant = settings.Text("variant")}));
  if (flags.dry_run) return DryRun(model, *engine, settings, json);

  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(flags.data));
  HYDRA_RETURN_IF_ERROR(CheckEvaluation(*engine, dataset, request.settings, flags.model.model));
  std::error_code error;
  std::filesystem::create_directories(flags.out, error);
  if (error) {
    return FailureError(absl::StrCat(flags.out, ": cannot make the directory: ", error.message()));
  }
  train::TrainerOptions options;
  options.out = flags.out;
  options.stop_at = flags.stop_at;
  options.resume = flags.resume;
  HYDRA_ASSIGN_OR_RETURN(options.attachments, AttachmentsOf(model));
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
                                                std::move(options), {&metrics, &progress}));
  HYDRA_ASSIGN_OR_RETURN(const train::TrainOutcome outcome, trainer.Run());
  const Json summary = Summary(trainer, outcome, flags.out, metrics);
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
  // --help-settings needs no model, so the positional is checked by hand.
  flags->model.Declare(command, "train", "model spec (.mlir, .json) or artifact (.hydra)", settings,
                       /*model_required=*/false);
  command.Text("--data", flags->data, "data directory made by 'hydra-run data'");
  command.Text("--out", flags->out, "where checkpoints and metrics go");
  for (const char* key : {"steps", "batch", "seq", "accum", "lr", "seed"}) {
    flags->model.DeclareSetting(command, key);
  }
  command.Flag("--resume", flags->resume, "continue from the newest usable checkpoint of --out");
  command.Integer("--stop-at", flags->stop_at, {.least = 1},
                  "end after this step with a checkpoint; the schedule still counts to --steps");
  command.Flag("--dry-run", flags->dry_run,
               "print parameters, planned bytes, FLOPs and speed, and stop");
  command.Flag("--help-settings", flags->list_settings, "list every setting for --set");
  command.Run([flags](bool json) -> absl::StatusOr<int> {
    if (flags->model.model.empty() && !flags->list_settings) {
      return UsageError("train: expected a MODEL, found none (see hydra-run train --help)");
    }
    return Train(*flags, json);
  });
}

}  // namespace hydra::tools
