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

// Shape of a training entry when neither a flag nor a setting names one.
constexpr int64_t kDefaultBatch = 8, kDefaultSeq = 256;

int PrintSettings() {
  Table table({"setting", "default", "kind", "meaning"}, "llll");
  for (const train::SettingSpec& spec : train::SettingTable()) {
    table.Add({std::string(spec.key), std::string(spec.initial),
               spec.scope == train::SettingScope::kRun ? "run" : "compile",
               std::string(spec.help)});
  }
  std::printf("%s", table.Text().c_str());
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

std::vector<std::string> EntriesFor(const train::Settings& settings) {
  const int64_t batch = settings.Integer("batch"), seq = settings.Integer("seq");
  const std::string shape =
      absl::StrCat(batch == 0 ? kDefaultBatch : batch, "x", seq == 0 ? kDefaultSeq : seq);
  // Decoding entries too, so that `generate` works on the checkpoint alone.
  return {"train@" + shape, "eval@" + shape, "extend@1x64", "extend@1x1"};
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
                              ? JsonNumber(evaluation->loss)
                              : Json(nullptr);
  json["last_evaluation"] =
      evaluation ? Json{{"step", trainer.evaluated_step()}, {"loss", JsonNumber(evaluation->loss)}}
                 : Json(nullptr);
  return json;
}

absl::StatusOr<int> Train(const TrainFlags& flags, bool json) {
  if (flags.list_settings) return PrintSettings();
  HYDRA_ASSIGN_OR_RETURN(ModelRequest request, flags.model.ToRequest());
  if (flags.out.empty() && !flags.dry_run) {
    return UsageError("train needs --out DIR for checkpoints and metrics");
  }
  if (flags.data.empty() && !flags.dry_run) {
    return UsageError("train needs --data DIR; make one with 'hydra-run data text FILE --out DIR'");
  }
  if (flags.stop_at && *flags.stop_at < 1) {
    return UsageError(absl::StrCat("--stop-at must be at least 1, found ", *flags.stop_at));
  }
  train::Settings settings = request.settings;
  if (flags.resume) HYDRA_RETURN_IF_ERROR(TakeSavedSettings(flags.out, settings));
  HYDRA_RETURN_IF_ERROR(train::CheckSettings(settings));
  request.entries = EntriesFor(settings);
  request.micro_batches = settings.Integer("accum");
  HYDRA_ASSIGN_OR_RETURN(Model model, LoadModel(request));
  HYDRA_ASSIGN_OR_RETURN(
      const std::unique_ptr<train::ExecutorEngine> engine,
      train::ExecutorEngine::Create(*model.executor, {.batch = settings.Integer("batch"),
                                                      .seq = settings.Integer("seq"),
                                                      .micro_batches = request.micro_batches,
                                                      .variant = settings.Text("variant")}));
  if (flags.dry_run) return DryRun(model, *engine, settings, json);

  HYDRA_ASSIGN_OR_RETURN(const data::Dataset dataset, data::Dataset::Open(flags.data));
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
      std::printf("held-out    %.4f nats per token%s\n", trainer.last_evaluation()->loss,
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

void AddTrain(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("train", "Train a model on a data directory");
  auto flags = std::make_shared<TrainFlags>();
  // --help-settings needs no model, so the positional is checked by hand.
  flags->model.Declare(*command, "model spec (.mlir, .json) or artifact (.hydra)");
  command->get_option("model")->required(false);
  command->add_option("--data", flags->data, "data directory made by 'hydra-run data'");
  command->add_option("--out", flags->out, "where checkpoints and metrics go");
  for (const char* key : {"steps", "batch", "seq", "accum", "lr", "seed"}) {
    flags->model.DeclareSetting(*command, std::string("--") + key, key);
  }
  command->add_flag("--resume", flags->resume,
                    "continue from the newest usable checkpoint of --out");
  command->add_option(
      "--stop-at", flags->stop_at,
      "end after this step with a checkpoint; the schedule still counts to --steps");
  command->add_flag("--dry-run", flags->dry_run,
                    "print parameters, planned bytes, FLOPs and speed, and stop");
  command->add_flag("--help-settings", flags->list_settings, "list every setting for --set");
  command->add_flag("--json", session.json, "print the result as JSON");
  command->callback([&session, flags] {
    session.action = [&session, flags]() -> absl::StatusOr<int> {
      if (flags->model.model.empty() && !flags->list_settings) {
        return UsageError("train needs a MODEL (see hydra-run train --help)");
      }
      return Train(*flags, session.json);
    };
  });
}

}  // namespace hydra::tools
