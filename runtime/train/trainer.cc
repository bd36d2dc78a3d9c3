#include "runtime/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "runtime/base/hash.h"
#include "runtime/io/file_digest.h"
#include "runtime/train/weights.h"

namespace hydra::train {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The same for the same run, so that it may stand in checkpoints: model, seed, and a hash of all
// else.
std::string MakeRunId(const EngineFacts& facts, const Settings& settings,
                      const data::Dataset& dataset, const std::string& initial_weights) {
  Hasher hasher;
  hasher.AddField(facts.artifact_hash).AddField(dataset.fingerprint());
  if (!initial_weights.empty()) hasher.AddField(initial_weights);
  for (const auto& [key, value] : settings.RunValues()) hasher.AddField(key).AddField(value);
  return absl::StrCat(facts.model, "-seed", settings.Integer("seed"), "-",
                      hasher.Digest().ToHex().substr(0, 8));
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

bool HasControlState(const TrainEngine& engine, absl::string_view name) {
  const absl::Span<const StateTensor> state = engine.state(StateKind::kControlState);
  return std::any_of(state.begin(), state.end(),
                     [&](const StateTensor& tensor) { return tensor.name == name; });
}

// Sets a value of the control state, where the program keeps it.
absl::Status SetControlState(TrainEngine& engine, absl::string_view name, double value) {
  const absl::Span<const StateTensor> state = engine.state(StateKind::kControlState);
  for (size_t i = 0; i < state.size(); ++i) {
    if (state[i].name != name || state[i].dtype != DType::kF32) continue;
    const float stored = static_cast<float>(value);
    return engine.WriteState(
        StateKind::kControlState, i,
        absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&stored), sizeof(stored)));
  }
  return absl::OkStatus();
}

// The content hash of a file; of several, the hash of their hashes.
absl::StatusOr<std::string> HashOfFiles(const std::vector<std::string>& paths) {
  Hasher hasher;
  std::string last;
  for (const std::string& path : paths) {
    HYDRA_ASSIGN_OR_RETURN(const FileDigest digest, DigestOfFile(path));
    last = digest.hash.ToHex();
    hasher.AddField(last);
  }
  return paths.size() == 1 ? last : hasher.Digest().ToHex();
}

}  // namespace

Trainer::Trainer(TrainEngine& engine, const data::Dataset& dataset, Settings settings,
                 TrainerOptions options, std::vector<TrainObserver*> observers,
                 CheckpointStore store, StepPipeline pipeline, StepRecords records)
    : engine_(engine),
      dataset_(dataset),
      settings_(std::move(settings)),
      options_(std::move(options)),
      observers_(std::move(observers)),
      store_(std::move(store)),
      saves_(settings_.Integer("save_interval")),
      pipeline_(std::move(pipeline)),
      records_(std::move(records)) {}

absl::StatusOr<Trainer> Trainer::Create(TrainEngine& engine, const data::Dataset& dataset,
                                        Settings settings, StartingPoint start,
                                        TrainerOptions options,
                                        std::vector<TrainObserver*> observers) {
  std::vector<std::string> differences;
  if (start.checkpoint) {
    HYDRA_ASSIGN_OR_RETURN(differences, settings.Restore(start.checkpoint->run().settings));
  }
  HYDRA_RETURN_IF_ERROR(CheckVocabulary(engine.facts(), dataset));
  for (const auto& [key, lacking] :
       {std::pair("mod_aux_weight", "depth router that learns"),
        std::pair("mod_loss_aware_weight", "depth router that learns from the loss"),
        std::pair("mod_predictor_weight",
                  "depth router that predicts (mod_predictor_weight of the "
                  "model)"),
        std::pair("moe_aux_weight", "experts whose router learns")}) {
    if (settings.automatic(key) || engine.FindControl(key)) continue;
    return UsageError(absl::StrCat("setting '", key, "' has no effect: the program of ",
                                   engine.facts().model, " has no ", lacking));
  }
  HYDRA_ASSIGN_OR_RETURN(Recipe recipe, Recipe::Create(settings, engine.facts()));
  HYDRA_ASSIGN_OR_RETURN(RunBatches run, BatchesOf(settings, dataset, engine));
  const int64_t lag = RecordLag(settings, engine.facts().rules);
  HYDRA_ASSIGN_OR_RETURN(
      StepPipeline pipeline,
      StepPipeline::Create(engine, std::move(recipe), run.batches, lag, std::move(run.experts)));
  HYDRA_ASSIGN_OR_RETURN(StepRecords records, StepRecords::Create(lag));
  Trainer trainer(engine, dataset, std::move(settings), std::move(options), std::move(observers),
                  std::move(start.store), std::move(pipeline), std::move(records));
  if (trainer.options_.policy == nullptr) {
    HYDRA_ASSIGN_OR_RETURN(RoutingCurriculum curriculum,
                           RoutingCurriculum::Create(trainer.settings_, engine));
    trainer.curriculum_ = std::make_unique<RoutingCurriculum>(std::move(curriculum));
  }
  HYDRA_RETURN_IF_ERROR(trainer.Start(start.checkpoint));
  for (const std::string& line : differences) trainer.Warn(line);
  for (const std::string& line : trainer.pipeline_.recipe().warnings()) trainer.Warn(line);
  return trainer;
}

absl::Status Trainer::StartNew() {
  HYDRA_RETURN_IF_ERROR(engine_.InitializeParameters(settings_.Integer("seed")));
  // model.md 13.
  HYDRA_RETURN_IF_ERROR(
      SetControlState(engine_, "grad_norm_ema", pipeline_.recipe().initial_grad_norm()));
  if (!options_.weights.empty()) {
    HYDRA_ASSIGN_OR_RETURN(const WeightsSource source, WeightsSource::Open(options_.weights));
    HYDRA_RETURN_IF_ERROR(LoadWeights(source, engine_).status());
    HYDRA_ASSIGN_OR_RETURN(record_.initial_weights, HashOfFiles(source.files()));
  }
  record_.run_id = MakeRunId(engine_.facts(), settings_, dataset_, record_.initial_weights);
  return absl::OkStatus();
}

absl::Status Trainer::Start(const std::optional<Checkpoint>& start) {
  if (!start) {
    HYDRA_RETURN_IF_ERROR(StartNew());
  } else {
    const Checkpoint& checkpoint = *start;
    for (const std::string& reason : checkpoint.refused()) {
      Warn(absl::StrCat("a newer checkpoint is refused: ", reason));
    }
    record_ = checkpoint.run();
    if (options_.branch) {
      record_.branched_from = absl::StrCat(record_.run_id, "@", record_.step);
      record_.run_id = MakeRunId(engine_.facts(), settings_, dataset_, record_.branched_from);
    }
    for (const std::string& line : Differences(record_.facts, engine_.facts())) {
      Warn(absl::StrCat("this run will not be bit-identical: ", line));
    }
    if (record_.batch != 0 && (record_.batch != engine_.batch() || record_.seq != engine_.seq())) {
      Warn(absl::StrCat("this run will not be bit-identical: micro-batches of ", record_.batch, "x",
                        record_.seq, " become ", engine_.batch(), "x", engine_.seq()));
    }
    if (record_.data_fingerprint != dataset_.fingerprint()) {
      Warn("this run will not be bit-identical: the data differ from the checkpoint's");
    }
    HYDRA_RETURN_IF_ERROR(Annotate(checkpoint.RestoreAll(engine_), checkpoint.path()));
    // A run that halted goes on when it is resumed.
    HYDRA_RETURN_IF_ERROR(SetControlState(engine_, "halted", 0));
    // Checkpoints that do not say it were written with the micro-batches of this run.
    position_.Set(static_cast<uint64_t>(record_.step * pipeline_.batches().windows_per_step()));
    HYDRA_RETURN_IF_ERROR(RestoreModules(record_.host_state, modules(), checkpoint.path()));
    pipeline_.StartDataAt(record_.step, position_.windows());
    if (!options_.branch) {
      saved_step_ = record_.step;
      last_checkpoint_ = checkpoint.path();
    }
    HYDRA_ASSIGN_OR_RETURN(const std::vector<std::string> moved,
                           store_.SetAsideAfter(record_.step));
    for (const std::string& line : moved) Warn(line);
  }
  record_.settings = settings_.RunValues();
  record_.thresholds = {};
  record_.batch = engine_.batch();
  record_.seq = engine_.seq();
  record_.facts = engine_.facts();
  record_.data_fingerprint = dataset_.fingerprint();
  record_.tokenizer = dataset_.tokenizer();
  if (settings_.Boolean("keep_best")) best_.emplace(store_.out(), record_.step);
  return absl::OkStatus();
}

void Trainer::Warn(const std::string& message) {
  for (TrainObserver* observer : observers_) observer->OnWarning(message);
}

absl::Status Trainer::Step() {
  // Decisions about this step use the record of exactly L steps ago, never a newer one.
  if (pipeline_.pending() == pipeline_.lag()) HYDRA_RETURN_IF_ERROR(TakeRecord());
  const int64_t step = next_step();
  pipeline_.SetControls(step);
  HYDRA_RETURN_IF_ERROR(policy().Prepare(step, records_.VisibleAt(step), engine_));
  return pipeline_.Submit(step);
}

std::vector<HostModule*> Trainer::modules() {
  std::vector<HostModule*> all = {&records_, &averages_, &position_};
  const std::vector<HostModule*> more = policy().modules();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// A loss that is finite proves nothing: routers decide with what is no number, too.
static absl::Status CheckScores(const StepReport& report) {
  for (const StepField& field : report.fields) {
    if (!absl::StartsWith(field.name, kInvalidScores)) continue;
    const double count = report.values[field.first];
    if (count == 0) continue;
    return Annotate(
        InvalidScores(absl::StripPrefix(field.name, kInvalidScores), static_cast<int64_t>(count)),
        absl::StrCat("step ", report.step));
  }
  return absl::OkStatus();
}

absl::Status Trainer::TakeRecord() {
  const int64_t step = record_.step;
  HYDRA_ASSIGN_OR_RETURN(StepReport * report, pipeline_.ReadOldest());
  const double ce = Find(*report, "ce", 0);
  const StepRecord now{
      .step = step, .loss = Find(*report, "total", ce), .ce = ce, .grad_norm = report->grad_norm};
  const bool counts = std::isfinite(now.grad_norm);
  if (counts) {
    records_.Push(now);
    averages_.Push(now);
    record_.step = step + 1;
    position_.Set(position_.windows() +
                  static_cast<uint64_t>(pipeline_.batches().windows_per_step()));
    record_.total_tokens += report->tokens;
  }
  report->loss_ema = averages_.loss();
  for (TrainObserver* observer : observers_) observer->OnStep(*report);
  const absl::Status scores = CheckScores(*report);
  if (counts) return scores.ok() ? CheckFinite(now) : scores;
  // Such a step changes no state and halts those after it (docs/contracts.md), so none of them
  // counts: what is there to be saved is the state before it.
  state_is_whole_ = pipeline_.pending() == 0 || HasControlState(engine_, "halted");
  HYDRA_RETURN_IF_ERROR(pipeline_.Discard());
  return scores.ok() ? CheckFinite(now) : scores;
}

absl::Status Trainer::Settle() {
  while (pipeline_.pending() > 0) HYDRA_RETURN_IF_ERROR(TakeRecord());
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
  KeepBest();
  return absl::OkStatus();
}

void Trainer::SampleNow() {
  record_.host_state = SaveModules(modules());
  const absl::StatusOr<std::vector<TextSample>> samples = options_.sample(record_);
  if (!samples.ok()) {
    return Warn(absl::StrCat("no sample of step ", record_.step, ": ", samples.status().message(),
                             "; training goes on"));
  }
  for (const TextSample& sample : *samples) {
    for (TrainObserver* observer : observers_) observer->OnSample(record_.step, sample);
  }
}

void Trainer::KeepBest() {
  if (!best_ || !best_->Improves(last_evaluation_->loss)) return;
  record_.host_state = SaveModules(modules());
  const absl::Status status =
      best_->Save(engine_, record_, options_.attachments, last_evaluation_->loss);
  if (!status.ok()) {
    return Warn(absl::StrCat("the best checkpoint so far, of step ", record_.step,
                             ", could not be written: ", status.message(), "; training goes on"));
  }
  for (TrainObserver* observer : observers_) observer->OnCheckpoint(record_.step, best_->path());
}

absl::Status Trainer::Save(int64_t keep) {
  if (saved_step_ == record_.step) return absl::OkStatus();
  record_.facts = engine_.facts();  // a variant that was prepared since may have added some
  // Records that no decision has looked at yet: a checkpoint never holds a broken state.
  HYDRA_RETURN_IF_ERROR(records_.CheckAllFinite());
  record_.host_state = SaveModules(modules());
  HYDRA_ASSIGN_OR_RETURN(const CheckpointStore::Saved saved,
                         store_.Save(engine_, record_, options_.attachments, keep));
  for (const std::string& warning : saved.warnings) Warn(warning);
  last_checkpoint_ = saved.path;
  saved_step_ = record_.step;
  for (TrainObserver* observer : observers_) {
    observer->OnCheckpoint(record_.step, last_checkpoint_);
  }
  return absl::OkStatus();
}

void Trainer::SaveOrPostpone() {
  const absl::Status status = Save(settings_.Integer("keep_checkpoints"));
  if (status.ok()) return saves_.Succeeded();
  const int64_t next = saves_.Failed(record_.step);
  Warn(absl::StrCat("the checkpoint of step ", record_.step, " could not be written: ",
                    status.message(), "; training goes on, the next attempt is after step ", next));
}

absl::Status Trainer::SaveAtEnd(int64_t keep) {
  constexpr int kAttempts = 3;
  absl::Status status;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    status = Save(keep);
    if (status.ok() || KindOf(status) == ErrorKind::kNumerical || attempt == kAttempts) break;
    Warn(absl::StrCat("the checkpoint of step ", record_.step,
                      " could not be written: ", status.message(), "; trying again"));
    std::this_thread::sleep_for(options_.save_retry_pause);
  }
  return Annotate(status, last_checkpoint_.empty()
                              ? std::string("no checkpoint could be written")
                              : absl::StrCat("the last checkpoint is ", last_checkpoint_));
}

// What a run that cannot go on leaves: its state as of the last step that counted.
absl::Status Trainer::EndWith(const absl::Status& failure) {
  // What ended the run may be no step: those in flight still count.
  if (const absl::Status settled = Settle();
      !settled.ok() && KindOf(settled) != ErrorKind::kNumerical) {
    state_is_whole_ = false;
  }
  std::string left = last_checkpoint_.empty()
                         ? std::string("no checkpoint was written yet")
                         : absl::StrCat("the last checkpoint is ", last_checkpoint_);
  const bool numerical = KindOf(failure) == ErrorKind::kNumerical;
  const absl::StatusOr<std::string> broken = FindNonFiniteParameter(engine_);
  if (broken.ok() && !broken->empty()) {
    absl::StrAppend(&left, "; parameter ", *broken,
                    " is not finite any more, so nothing was saved; "
                    "go on from a good one with --resume-from STEP");
  } else if (broken.ok() && state_is_whole_) {
    // After a numerical failure older checkpoints stay, whatever keep_checkpoints says: this state
    // may be beyond repair.
    const absl::Status saved = SaveAtEnd(numerical ? 0 : settings_.Integer("keep_checkpoints"));
    if (!saved.ok()) {
      left = absl::StrCat("its state could not be saved: ", saved.message());
    } else {
      left = absl::StrCat("the state before it is saved as ", last_checkpoint_);
      if (numerical) {
        left +=
            "; go on from it with --resume and e.g. a smaller --lr, or from an earlier "
            "checkpoint with --resume-from STEP";
      }
    }
  }
  return MakeError(KindOf(failure), absl::StrCat(failure.message(), "; ", left));
}

absl::StatusOr<TrainOutcome> Trainer::RunSteps() {
  const int64_t steps = settings_.Integer("steps");
  const int64_t end = options_.stop_at ? std::min(*options_.stop_at, steps) : steps;
  const int64_t eval_interval = settings_.Integer("eval_interval");
  RunStart start{
      .run_id = record_.run_id,
      .model = engine_.facts().model,
      .parameter_count = engine_.facts().parameter_count,
      .start_step = record_.step,
      .total_steps = steps,
      .lines = pipeline_.recipe().lines(),
      .settings_json = nlohmann::json(record_.settings)
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  if (curriculum_) {
    for (std::string& line : curriculum_->Describe()) start.lines.push_back(std::move(line));
  }
  for (TrainObserver* observer : observers_) observer->OnStart(start);
  TrainOutcome outcome = end < steps ? TrainOutcome::kStopped : TrainOutcome::kFinished;
  while (next_step() < end) {
    if (options_.interrupted && options_.interrupted()) {
      outcome = TrainOutcome::kInterrupted;
      break;
    }
    absl::Status status = Step();
    const bool evaluates = eval_interval > 0 && next_step() % eval_interval == 0;
    const bool saves = saves_.DueAt(next_step());
    const bool samples = options_.sample && next_step() % options_.sample_interval == 0;
    if (status.ok() && (evaluates || saves || samples)) status = Settle();
    if (status.ok() && evaluates) status = EvaluateNow();
    if (!status.ok()) return EndWith(status);
    if (samples) SampleNow();
    if (saves) SaveOrPostpone();
  }
  if (const absl::Status status = Settle(); !status.ok()) return EndWith(status);
  HYDRA_RETURN_IF_ERROR(SaveAtEnd(settings_.Integer("keep_checkpoints")));
  if (outcome == TrainOutcome::kFinished) HYDRA_RETURN_IF_ERROR(EvaluateNow());
  return outcome;
}

absl::StatusOr<TrainOutcome> Trainer::Run() {
  absl::StatusOr<TrainOutcome> outcome = RunSteps();
  for (TrainObserver* observer : observers_) observer->OnEnd();
  return outcome;
}

}  // namespace hydra::train
