// hydra-run train: trains a model on a data directory.
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/app/train_run.h"
#include "tools/hydra-run/commands.h"
#include "tools/hydra-run/console.h"
#include "tools/hydra-run/dry_run.h"
#include "tools/hydra-run/graph_report.h"
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
  std::string config;
  std::string branch;
  std::optional<int64_t> stop_at;
  std::string resume;  // "", "true" (the flag alone) or "auto"
  std::optional<int64_t> resume_from;
  bool dry_run = false;
  bool list_settings = false;
  app::SampleRequest samples;
  std::optional<int64_t> sample_every, sample_tokens;
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

absl::StatusOr<app::SampleRequest> SamplesOf(const TrainFlags& flags) {
  app::SampleRequest samples = flags.samples;
  const bool asked = flags.sample_every || flags.sample_tokens || !samples.prompts.empty();
  if (!asked) return samples;
  if (flags.dry_run) {
    return UsageError("--dry-run begins nothing, so the --sample flags have no effect; drop them");
  }
  if (!flags.sample_every || samples.prompts.empty()) {
    return UsageError(absl::StrCat("samples need --sample-every N and --sample-prompt TEXT, found ",
                                   samples.prompts.empty() ? "no prompt" : "no number of steps"));
  }
  samples.every = *flags.sample_every;
  samples.tokens = flags.sample_tokens.value_or(samples.tokens);
  return samples;
}

Json Summary(const app::TrainRun::Result& result, const std::string& out, const GraphUse& graphs,
             const Progress& progress) {
  const char* name = result.outcome == train::TrainOutcome::kFinished  ? "finished"
                     : result.outcome == train::TrainOutcome::kStopped ? "stopped"
                                                                       : "interrupted";
  Json json{{"outcome", name},
            {"step", result.step},
            {"checkpoint", result.checkpoint},
            {"metrics", result.metrics_database},
            {"journal", result.journal},
            {"host_share", progress.host_share()},
            {"graph", GraphJson(graphs)},
            {"out", out}};
  // An interrupted run has no result of its last step: what was measured earlier stands apart.
  const auto& evaluation = result.evaluation;
  json["held_out_loss"] =
      evaluation && result.evaluated_step == result.step ? Json(evaluation->loss) : Json(nullptr);
  json["last_evaluation"] = evaluation
                                ? Json{{"step", result.evaluated_step}, {"loss", evaluation->loss}}
                                : Json(nullptr);
  return json;
}

void PrintResult(const app::TrainRun::Result& result) {
  std::printf("checkpoint  %s\nmetrics     %s\n", result.checkpoint.c_str(),
              result.metrics_database.c_str());
  if (!result.evaluation) return;
  std::printf(
      "held-out    %.4f nats per token over %s tokens (hydra-run eval takes all)%s\n",
      result.evaluation->loss, WithCommas(result.evaluation->tokens).c_str(),
      result.evaluated_step == result.step
          ? ""
          : absl::StrCat(" at step ", result.evaluated_step, ", not measured at step ", result.step)
                .c_str());
}

absl::StatusOr<int> Train(const TrainFlags& flags, bool json) {
  if (flags.list_settings) return PrintSettings(json);
  app::TrainRequest request{.data = flags.data,
                            .weights = flags.weights,
                            .config = flags.config,
                            .branch = flags.branch,
                            .stop_at = flags.stop_at,
                            .dry_run = flags.dry_run};
  HYDRA_ASSIGN_OR_RETURN(request.model, flags.model.ToRequest());
  HYDRA_ASSIGN_OR_RETURN(request.start, StartOf(flags));
  HYDRA_ASSIGN_OR_RETURN(request.samples, SamplesOf(flags));
  HYDRA_ASSIGN_OR_RETURN(const std::unique_ptr<app::TrainRun> run,
                         app::TrainRun::Prepare(std::move(request)));
  if (flags.dry_run) return DryRun(*run, json);
  const GraphUse graphs = run->engine().step_launch()->graph_use();
  WarnOfFallbacks("a step", graphs);
  CatchStopSignals();
  Progress progress(run->last_step(), run->settings().Integer("log_interval"));
  HYDRA_ASSIGN_OR_RETURN(const app::TrainRun::Result result,
                         run->Run(progress, [] { return CaughtSignal() != 0; }));
  if (json) {
    PrintJson(Summary(result, flags.out, graphs, progress));
  } else {
    PrintResult(result);
  }
  return result.outcome == train::TrainOutcome::kInterrupted ? ExitCodeOfSignal() : 0;
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
  flags->model.DeclareGraph(command);
  command.Text("-d,--data", flags->data, "data directory made by 'hydra-run data'");
  command.Text("-o,--out", flags->out, "where checkpoints and metrics go");
  for (const char* key : {"steps", "batch", "seq", "accum", "lr", "seed"}) {
    flags->model.DeclareSetting(command, key);
  }
  command.Text("--weights", flags->weights,
               "safetensors file to start from, of any float type; with a checkpoint as MODEL its "
               "own weights are the default");
  command.Text("-c,--config", flags->config,
               "settings that no flag gives: a JSON file, run.json of a checkpoint, or a run");
  command.Text("--branch", flags->branch,
               "begin a new run with the whole state of this checkpoint: weights, optimizer, step; "
               "settings that are given differ from there on");
  command.FlagOrText("--resume", flags->resume,
                     "continue from the newest usable checkpoint of --out; model, data and "
                     "settings are the run's. --resume=auto: begin if there is none");
  command.Integer("--resume-from", flags->resume_from, {.least = 0},
                  "continue from the checkpoint of this step; later ones move to OUT/abandoned");
  command.Integer("--stop-at", flags->stop_at, {.least = 1},
                  "end after this step with a checkpoint; the schedule still counts to --steps");
  command.Integer("--sample-every", flags->sample_every, {.least = 1},
                  "let the model continue every --sample-prompt after each N steps");
  command.Texts("--sample-prompt", flags->samples.prompts, "TEXT",
                "a text to continue while training; several are several. Texts go to standard "
                "error, steps.jsonl, training.db and tensorboard");
  command.Integer("--sample-tokens", flags->sample_tokens, {.least = 1},
                  "tokens to write per sample; default: 64");
  command.Flag("--dry-run", flags->dry_run,
               "print parameters, planned bytes, FLOPs and speed, and stop");
  command.Flag("--help-settings", flags->list_settings, "list every setting for --set");
  command.Run([flags](bool json) { return Train(*flags, json); });
}

}  // namespace hydra::tools
