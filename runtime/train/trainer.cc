#include "runtime/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/hash.h"

namespace hydra::train {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The same for the same run, so that it may stand in checkpoints: model, seed, and a hash of all
// else.
std::string MakeRunId(const EngineFacts& facts, const Settings& settings,
                      const data::Dataset& dataset) {
  Hasher hasher;
  hasher.AddField(facts.artifact_hash).AddField(dataset.fingerprint());
  for (const auto& [key, value] : settings.RunValues()) hasher.AddField(key).AddField(value);
  return absl::StrCat(facts.model, "-seed", settings.Integer("seed"), "-",
                      hasher.Digest().ToHex().substr(0, 8));
}

absl::StatusOr<Schedule> MakeSchedule(const Settings& settings, const EngineFacts& facts) {
  const double lr = settings.Number("lr");
  return Schedule::Create({.steps = settings.Integer("steps"),
                           .max_lr = lr == 0 ? DefaultMaxLearningRate(facts.parameter_count) : lr,
                           .min_lr = settings.Number("min_lr"),
                           .warmup_steps = settings.Integer("warmup_steps"),
                           .stable_fraction = settings.Number("stable_fraction"),
                           .floor_warmup = settings.Boolean("lr_floor_in_warmup")});
}

// A model can only learn tokens it has rows for.
absl::Status CheckVocabulary(const EngineFacts& facts, const data::Dataset& dataset) {
  if (dataset.vocab_size() <= facts.vocab_size) return absl::OkStatus();
  return InputError(
      absl::StrCat(dataset.train().path(), ": has a vocabulary of ", dataset.vocab_size(),
                   ", the model ", facts.model, " has ", facts.vocab_size,
                   "; use data of another tokenizer or a model with a larger vocabulary"));
}

double Find(const StepReport& report, absl::string_view term, double otherwise) {
  for (const auto& [name, value] : report.losses) {
    if (name == term) return value;
  }
  return otherwise;
}

// The initial moving norm, grad_clip / 2 (model.md 13), where the program keeps one.
absl::Status StartGradNormEma(TrainEngine& engine, double grad_clip) {
  const absl::Span<const StateTensor> state = engine.state(StateKind::kControlState);
  for (size_t i = 0; i < state.size(); ++i) {
    if (state[i].name != "grad_norm_ema" || state[i].dtype != DType::kF32) continue;
    const float value = static_cast<float>(grad_clip / 2);
    return engine.WriteState(
        StateKind::kControlState, i,
        absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&value), sizeof(value)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSettings(const Settings& settings) {
  const auto require = [&](absl::string_view key, int64_t least) {
    if (settings.Integer(key) >= least) return absl::OkStatus();
    return UsageError(absl::StrCat("setting '", key, "' must be at least ", least, ", found ",
                                   settings.Integer(key)));
  };
  HYDRA_RETURN_IF_ERROR(require("steps", 1));
  HYDRA_RETURN_IF_ERROR(require("accum", 1));
  HYDRA_RETURN_IF_ERROR(require("record_lag", 1));
  HYDRA_RETURN_IF_ERROR(require("log_interval", 1));
  for (const absl::string_view key : {"batch", "seq", "seed", "save_interval", "keep_checkpoints",
                                      "eval_interval", "eval_batches", "warmup_steps"}) {
    HYDRA_RETURN_IF_ERROR(require(key, 0));
  }
  for (const absl::string_view key :
       {"lr", "weight_decay", "grad_clip", "clip_min", "clip_max", "clip_factor", "clip_ema_decay",
        "spike_norm", "spike_lr_factor"}) {
    if (settings.Number(key) < 0) {
      return UsageError(
          absl::StrCat("setting '", key, "' must not be negative, found ", settings.Text(key)));
    }
  }
  return absl::OkStatus();
}

Trainer::Trainer(TrainEngine& engine, const data::Dataset& dataset, Settings settings,
                 TrainerOptions options, std::vector<TrainObserver*> observers,
                 CheckpointStore store, Schedule schedule, data::TrainingBatches batches,
                 StepRecords records)
    : engine_(engine),
      dataset_(dataset),
      settings_(std::move(settings)),
      options_(std::move(options)),
      observers_(std::move(observers)),
      store_(std::move(store)),
      schedule_(schedule),
      batches_(batches),
      records_(std::move(records)),
      tokens_(engine.batch() * engine.seq()),
      targets_(engine.batch() * engine.seq()) {}

absl::StatusOr<Trainer> Trainer::Create(TrainEngine& engine, const data::Dataset& dataset,
                                        Settings settings, TrainerOptions options,
                                        std::vector<TrainObserver*> observers) {
  const std::string directory = (std::filesystem::path(options.out) / "checkpoints").string();
  HYDRA_ASSIGN_OR_RETURN(CheckpointStore store, CheckpointStore::Open(directory));
  std::optional<CheckpointStore::Newest> newest;
  std::vector<std::string> differences;
  if (options.resume) {
    HYDRA_ASSIGN_OR_RETURN(newest, store.OpenNewest());
    if (!newest) {
      return InputError(absl::StrCat(
          directory, ": expected a checkpoint to resume from, found none; drop --resume to start"));
    }
    HYDRA_ASSIGN_OR_RETURN(differences, settings.Restore(newest->checkpoint.run().settings));
  } else {
    HYDRA_ASSIGN_OR_RETURN(const auto existing, store.List());
    if (!existing.empty()) {
      return UsageError(
          absl::StrCat(options.out, ": already contains a run with ", existing.size(),
                       " checkpoints; continue it with --resume or choose another --out"));
    }
  }
  HYDRA_RETURN_IF_ERROR(CheckSettings(settings));
  HYDRA_RETURN_IF_ERROR(CheckVocabulary(engine.facts(), dataset));
  HYDRA_ASSIGN_OR_RETURN(Schedule schedule, MakeSchedule(settings, engine.facts()));
  HYDRA_ASSIGN_OR_RETURN(data::TrainingBatches batches,
                         data::TrainingBatches::Create(dataset.train(), engine.batch(),
                                                       engine.seq(), settings.Integer("seed")));
  HYDRA_ASSIGN_OR_RETURN(StepRecords records, StepRecords::Create(settings.Integer("record_lag")));
  Trainer trainer(engine, dataset, std::move(settings), std::move(options), std::move(observers),
                  std::move(store), schedule, batches, std::move(records));
  HYDRA_RETURN_IF_ERROR(trainer.Start(std::move(newest)));
  for (const std::string& line : differences) trainer.Warn(line);
  return trainer;
}

absl::Status Trainer::Start(std::optional<CheckpointStore::Newest> newest) {
  if (!newest) {
    HYDRA_RETURN_IF_ERROR(engine_.InitializeParameters(settings_.Integer("seed")));
    HYDRA_RETURN_IF_ERROR(StartGradNormEma(engine_, settings_.Number("grad_clip")));
    record_.run_id = MakeRunId(engine_.facts(), settings_, dataset_);
  } else {
    for (const std::string& reason : newest->refused) {
      Warn(absl::StrCat("a newer checkpoint is refused: ", reason));
    }
    const Checkpoint& checkpoint = newest->checkpoint;
    record_ = checkpoint.run();
    for (const std::string& line : Differences(record_.facts, engine_.facts())) {
      Warn(absl::StrCat("this run will not be bit-identical: ", line));
    }
    if (record_.data_fingerprint != dataset_.fingerprint()) {
      Warn("this run will not be bit-identical: the data differ from the checkpoint's");
    }
    HYDRA_RETURN_IF_ERROR(Annotate(checkpoint.RestoreAll(engine_), checkpoint.path()));
    HYDRA_ASSIGN_OR_RETURN(
        records_,
        StepRecords::Restore(settings_.Integer("record_lag"),
                             std::deque<StepRecord>(record_.records.begin(), record_.records.end()),
                             record_.loss_ema, record_.ce_ema));
    saved_step_ = record_.step;
    last_checkpoint_ = checkpoint.path();
  }
  record_.settings = settings_.RunValues();
  record_.facts = engine_.facts();
  record_.data_fingerprint = dataset_.fingerprint();
  record_.tokenizer = dataset_.tokenizer();
  record_.record_lag = settings_.Integer("record_lag");
  return absl::OkStatus();
}

void Trainer::Warn(const std::string& message) {
  for (TrainObserver* observer : observers_) observer->OnWarning(message);
}

absl::Status Trainer::WriteControls(int64_t step) {
  const bool dynamic = settings_.Boolean("clip_dynamic");
  const double grad_clip = settings_.Number("grad_clip");
  const double spike = settings_.Number("spike_norm");
  const std::pair<const char*, double> values[] = {
      {"loss_scale", 1.0 / static_cast<double>(engine_.micro_batches())},
      {"lr", schedule_.LearningRate(step)},
      {"weight_decay", settings_.Number("weight_decay")},
      {"clip_min", dynamic ? settings_.Number("clip_min") : grad_clip},
      {"clip_max", dynamic ? settings_.Number("clip_max") : grad_clip},
      {"clip_factor", settings_.Number("clip_factor")},
      {"clip_ema_decay", settings_.Number("clip_ema_decay")},
      {"spike_norm", spike == 0 ? DefaultSpikeNorm(engine_.facts().parameter_count) : spike},
      {"spike_lr_factor", settings_.Number("spike_lr_factor")},
  };
  // A program may not need all of them: a model without depth routing has no mod_aux_weight.
  for (const auto& [name, value] : values) {
    if (engine_.HasControl(name)) HYDRA_RETURN_IF_ERROR(engine_.SetControl(name, value));
  }
  const double aux = settings_.Number("mod_aux_weight");
  if (aux >= 0 && engine_.HasControl("mod_aux_weight")) {
    HYDRA_RETURN_IF_ERROR(engine_.SetControl("mod_aux_weight", aux));
  }
  return absl::OkStatus();
}

absl::StatusOr<StepReport> Trainer::ReadResults(int64_t step, double lr) {
  StepReport report;
  report.step = step + 1;
  report.lr = lr;
  report.batch = engine_.batch();
  report.seq = engine_.seq();
  report.tokens = engine_.batch() * engine_.seq() * engine_.micro_batches();
  const absl::Span<const std::string> terms = engine_.loss_terms();
  for (size_t term = 0; term < terms.size(); ++term) {
    // Micro-batches in order, in float64: the mean does not depend on who finished first.
    double sum = 0;
    for (int64_t micro = 0; micro < engine_.micro_batches(); ++micro) {
      HYDRA_ASSIGN_OR_RETURN(const double loss, engine_.Loss(term, micro));
      sum += loss;
    }
    report.losses.emplace_back(terms[term], sum / static_cast<double>(engine_.micro_batches()));
  }
  HYDRA_ASSIGN_OR_RETURN(report.grad_norm, engine_.GradNorm());
  HYDRA_ASSIGN_OR_RETURN(report.clip_scale, engine_.ClipScale());
  return report;
}

absl::Status Trainer::Step() {
  const int64_t step = record_.step;
  if (const StepRecord* visible = records_.VisibleAt(step)) {
    HYDRA_RETURN_IF_ERROR(CheckFinite(*visible));
  }
  const auto start = std::chrono::steady_clock::now();
  HYDRA_RETURN_IF_ERROR(WriteControls(step));
  for (int64_t micro = 0; micro < engine_.micro_batches(); ++micro) {
    batches_.Fill(step, micro, absl::MakeSpan(tokens_), absl::MakeSpan(targets_));
    HYDRA_RETURN_IF_ERROR(engine_.SetBatch(micro, tokens_, targets_));
  }
  HYDRA_RETURN_IF_ERROR(engine_.RunStep());
  HYDRA_ASSIGN_OR_RETURN(StepReport report, ReadResults(step, schedule_.LearningRate(step)));
  report.seconds = SecondsSince(start);
  const double ce = Find(report, "ce", 0);
  records_.Push(
      {.step = step, .loss = Find(report, "total", ce), .ce = ce, .grad_norm = report.grad_norm});
  report.loss_ema = records_.loss_ema();
  record_.step = step + 1;
  record_.total_tokens += report.tokens;
  for (TrainObserver* observer : observers_) observer->OnStep(report);
  return absl::OkStatus();
}

absl::Status Trainer::EvaluateNow() {
  if (dataset_.validation() == nullptr || engine_.eval_batch() == 0) return absl::OkStatus();
  if (evaluated_step_ == record_.step) return absl::OkStatus();
  const auto start = std::chrono::steady_clock::now();
  HYDRA_ASSIGN_OR_RETURN(last_evaluation_, EvaluateTokens(engine_, *dataset_.validation(),
                                                          settings_.Integer("eval_batches")));
  evaluated_step_ = record_.step;
  for (TrainObserver* observer : observers_) {
    observer->OnEvaluation(record_.step, *last_evaluation_, SecondsSince(start));
  }
  return absl::OkStatus();
}

absl::Status Trainer::Save() {
  if (saved_step_ == record_.step) return absl::OkStatus();
  // Records that no decision has looked at yet: a checkpoint never holds a broken state.
  HYDRA_RETURN_IF_ERROR(records_.CheckAllFinite());
  record_.records.assign(records_.records().begin(), records_.records().end());
  record_.loss_ema = records_.loss_ema();
  record_.ce_ema = records_.ce_ema();
  HYDRA_ASSIGN_OR_RETURN(last_checkpoint_, store_.Save(engine_, record_, options_.attachments,
                                                       settings_.Integer("keep_checkpoints")));
  saved_step_ = record_.step;
  for (TrainObserver* observer : observers_) {
    observer->OnCheckpoint(record_.step, last_checkpoint_);
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainOutcome> Trainer::RunSteps() {
  const int64_t steps = settings_.Integer("steps");
  const int64_t end = options_.stop_at ? std::min(*options_.stop_at, steps) : steps;
  const int64_t save_interval = settings_.Integer("save_interval");
  const int64_t eval_interval = settings_.Integer("eval_interval");
  RunStart start{
      .run_id = record_.run_id,
      .model = engine_.facts().model,
      .parameter_count = engine_.facts().parameter_count,
      .start_step = record_.step,
      .total_steps = steps,
      .settings_json = nlohmann::json(record_.settings)
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  for (TrainObserver* observer : observers_) observer->OnStart(start);
  TrainOutcome outcome = end < steps ? TrainOutcome::kStopped : TrainOutcome::kFinished;
  while (record_.step < end) {
    if (options_.interrupted && options_.interrupted()) {
      outcome = TrainOutcome::kInterrupted;
      break;
    }
    absl::Status status = Step();
    if (status.ok() && eval_interval > 0 && record_.step % eval_interval == 0) {
      status = EvaluateNow();
    }
    if (status.ok() && save_interval > 0 && record_.step % save_interval == 0) status = Save();
    if (!status.ok()) {
      return Annotate(status, last_checkpoint_.empty()
                                  ? std::string("no checkpoint was written yet")
                                  : absl::StrCat("last checkpoint ", last_checkpoint_));
    }
  }
  HYDRA_RETURN_IF_ERROR(Save());
  if (outcome == TrainOutcome::kFinished) HYDRA_RETURN_IF_ERROR(EvaluateNow());
  return outcome;
}

absl::StatusOr<TrainOutcome> Trainer::Run() {
  absl::StatusOr<TrainOutcome> outcome = RunSteps();
  for (TrainObserver* observer : observers_) observer->OnEnd();
  return outcome;
}

}  // namespace hydra::train
