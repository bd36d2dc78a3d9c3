#include "runtime/train/executor_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/exec/variant_choice.h"

namespace hydra::train {
namespace {

using artifact::EntryInfo;
using artifact::NamedBuffer;

constexpr absl::string_view kAccumulate = "accumulate";
// Data of named sources, which could ask for experts, do not exist yet.
constexpr int32_t kNoExpert = -1;

DType TypeOf(hal::ElementType type) {
  switch (type) {
    case hal::ElementType::kF32:
      return DType::kF32;
    case hal::ElementType::kI32:
      return DType::kI32;
    case hal::ElementType::kBf16:
      return DType::kBF16;
    case hal::ElementType::kF64:
      return DType::kF64;
    case hal::ElementType::kU8:
      return DType::kU8;
  }
  return DType::kU8;
}

// "8x256" of an entry, or of what a user asked for with --batch and --seq; "8xS" if any S will do.
std::string ShapeText(int64_t batch, int64_t seq) {
  return absl::StrCat(batch == 0 ? "B" : absl::StrCat(batch), "x",
                      seq == 0 ? "S" : absl::StrCat(seq));
}

// The refusal of a shape that no entry has: `what` is the entry's name on command lines.
absl::Status NoSuchShape(const Executor& executor, const ExecutorEngineOptions& options,
                         absl::string_view what, const std::vector<std::string>& present) {
  const std::string variant =
      options.variant.empty() ? "" : absl::StrCat(" of variant '", options.variant, "'");
  return UsageError(
      absl::StrCat(executor.artifact().path(), ": expected an entry ", what, "@",
                   ShapeText(options.batch, options.seq), variant, " for --batch and --seq, found ",
                   present.empty() ? absl::StrCat("no entry ", what) : absl::StrJoin(present, ", "),
                   "; choose one of these, or compile the model with --entry=", what, "@",
                   ShapeText(options.batch, options.seq)));
}

// The accumulate entry of exactly this shape; 0 stands for "whatever the largest one has". The
// trainer fills whole batches, so a larger entry than asked for would not do.
absl::StatusOr<const EntryInfo*> FindAccumulate(const Executor& executor,
                                                const ExecutorEngineOptions& options) {
  const EntryInfo* best = nullptr;
  std::vector<std::string> present;
  for (const EntryInfo& entry : executor.info().entries) {
    if (entry.name != kAccumulate) continue;
    present.push_back(absl::StrCat("train@", ShapeText(entry.batch, entry.seq),
                                   entry.variant.empty() ? "" : " of variant ", entry.variant));
    if (options.batch != 0 && entry.batch != options.batch) continue;
    if (options.seq != 0 && entry.seq != options.seq) continue;
    if (!options.variant.empty() && entry.variant != options.variant) continue;
    if (best == nullptr || entry.batch * entry.seq > best->batch * best->seq) best = &entry;
  }
  if (best != nullptr) return best;
  return NoSuchShape(executor, options, "train", present);
}

// `apply` does not depend on the batch: one of the same shape and variant if there is, else any.
absl::StatusOr<const EntryInfo*> FindApply(const Executor& executor, const EntryInfo& accumulate) {
  const EntryInfo* best = nullptr;
  int best_score = -1;
  for (const EntryInfo& entry : executor.info().entries) {
    if (entry.name != "apply") continue;
    const bool same_shape = entry.batch == accumulate.batch && entry.seq == accumulate.seq;
    const int score = 2 * same_shape + (entry.variant == accumulate.variant);
    if (score > best_score) {
      best = &entry;
      best_score = score;
    }
  }
  if (best != nullptr) return best;
  return InputError(
      absl::StrCat(executor.artifact().path(), ": has ", accumulate.Label(),
                   " but no entry 'apply'; compile the model again with --entry=train@",
                   accumulate.batch, "x", accumulate.seq));
}

}  // namespace

EngineFacts FactsOf(const Executor& executor) {
  const artifact::ArtifactInfo& info = executor.info();
  EngineFacts facts;
  facts.model = info.model;
  facts.rules = info.rules;
  facts.artifact_hash = absl::StrFormat("%016x", executor.artifact().content_hash());
  facts.target = info.target;
  facts.isa_level = executor.isa_level();
  facts.compiler_build = info.compiler_build;
  facts.library_versions = {{"hydra", HYDRA_VERSION}};
  for (const hal::RuntimeFact& fact : executor.device().RuntimeFacts()) {
    facts.runtime[fact.name] = fact.value;
  }
  facts.vocab_size = info.vocab_size;
  const artifact::PhaseFacts& phases = info.phases;
  facts.phases = {.adaptive = phases.adaptive,
                  .depth_selection = phases.depth_selection,
                  .mod_warmup = phases.mod_warmup,
                  .mor_warmup = phases.mor_warmup,
                  .experts = phases.experts,
                  .experts_start_silent = phases.experts_start_silent,
                  .expert_warmup = phases.expert_warmup,
                  .forced_routing_steps = phases.forced_routing_steps,
                  .teacher_until_step = phases.teacher_until_step};
  for (const artifact::ParameterInfo& parameter : info.parameters) {
    facts.parameter_count += static_cast<int64_t>(parameter.buffer.elements());
  }
  return facts;
}

absl::StatusOr<std::unique_ptr<ExecutorEngine>> ExecutorEngine::Create(
    Executor& executor, const ExecutorEngineOptions& options) {
  HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(executor.info()));
  std::unique_ptr<ExecutorEngine> engine(new ExecutorEngine(executor, std::move(control)));
  engine->facts_ = FactsOf(executor);
  engine->micro_batches_ = options.micro_batches;
  engine->DescribeState();
  if (options.training) HYDRA_RETURN_IF_ERROR(engine->FindTraining(options));
  HYDRA_RETURN_IF_ERROR(engine->FindEvaluation(options));
  return engine;
}

absl::Status ExecutorEngine::FindTraining(const ExecutorEngineOptions& options) {
  HYDRA_ASSIGN_OR_RETURN(const EntryInfo* accumulate, FindAccumulate(executor_, options));
  HYDRA_ASSIGN_OR_RETURN(apply_, FindApply(executor_, *accumulate));
  batch_ = accumulate->batch;
  seq_ = accumulate->seq;
  for (const EntryInfo& entry : executor_.info().entries) {
    if (entry.name != kAccumulate || entry.batch != batch_ || entry.seq != seq_) continue;
    plans_.push_back({.accumulate = &entry});
    HYDRA_RETURN_IF_ERROR(AddFields(entry));
  }
  HYDRA_RETURN_IF_ERROR(AddFields(*apply_));
  record_.profile = options.profile;
  // A step may be staged while all of them are in flight.
  record_.ring = static_cast<int>(options.steps_in_flight) + 1;
  flight_.resize(static_cast<size_t>(options.steps_in_flight));
  return UseVariant(accumulate->variant);
}

// Variants may share fields, which then have one shape.
absl::Status ExecutorEngine::AddFields(const EntryInfo& entry) {
  for (const NamedBuffer& buffer : entry.record) {
    const StepField* known = FindField(fields_, buffer.name);
    if (known == nullptr) {
      fields_.push_back({buffer.name, buffer.shape, record_elements_, buffer.elements()});
      record_elements_ += buffer.elements();
    } else if (known->shape != buffer.shape || &entry == apply_) {
      return InputError(absl::StrCat(executor_.artifact().path(), ": record field ", buffer.name,
                                     " of ", entry.Label(),
                                     " is another one elsewhere; compile the model again"));
    }
  }
  return absl::OkStatus();
}

absl::Status ExecutorEngine::UseVariant(absl::string_view variant) {
  if (plans_.empty()) {
    if (!variant.empty()) eval_variant_ = std::string(variant);
    return absl::OkStatus();
  }
  if (plan_ != nullptr && (variant.empty() || plan_->accumulate->variant == variant)) {
    return absl::OkStatus();
  }
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const StepPlan& plan) {
    return variant.empty() || plan.accumulate->variant == variant;
  });
  if (found == plans_.end()) {
    std::vector<std::string> present;
    for (const StepPlan& plan : plans_) present.push_back(plan.accumulate->Label());
    return InputError(absl::StrCat(executor_.artifact().path(), ": no training entry of variant '",
                                   variant, "'; present: ", absl::StrJoin(present, ", ")));
  }
  if (found->launch == nullptr) HYDRA_RETURN_IF_ERROR(PreparePlan(*found));
  plan_ = &*found;
  return absl::OkStatus();
}

absl::Status ExecutorEngine::PreparePlan(StepPlan& plan) {
  LaunchOptions options;
  options.record = record_;
  options.fetch_record = true;
  HYDRA_ASSIGN_OR_RETURN(
      std::unique_ptr<Launch> launch,
      executor_.PrepareStep(*plan.accumulate, static_cast<int>(micro_batches_), *apply_, options));
  HYDRA_ASSIGN_OR_RETURN(plan.tokens, launch->FindInput<int32_t>("tokens"));
  HYDRA_ASSIGN_OR_RETURN(plan.targets, launch->FindInput<int32_t>("targets"));
  HYDRA_RETURN_IF_ERROR(FindRoutingInputs(plan, *launch));
  for (const RecordField& field : launch->record_fields()) {
    const StepField* known = FindField(fields_, field.buffer->name);
    plan.fields.push_back(static_cast<size_t>(known - fields_.data()));
  }
  // Of the run's record, so that a resume names a change.
  if (const std::string fallbacks = launch->graph_use().Fallbacks(); !fallbacks.empty()) {
    facts_.runtime[absl::StrCat("graph fallbacks, ", plan.accumulate->Label())] = fallbacks;
  }
  plan.launch = std::move(launch);
  return absl::OkStatus();
}

// What experts need beside the tokens.
absl::Status ExecutorEngine::FindRoutingInputs(StepPlan& plan, Launch& launch) {
  const auto has = [&](absl::string_view name) {
    const std::vector<NamedBuffer>& inputs = plan.accumulate->inputs;
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const NamedBuffer& input) { return input.name == name; });
  };
  for (const auto& [name, slot] : {std::pair("forced_expert", &plan.forced_expert),
                                   std::pair("teacher_expert", &plan.teacher_expert)}) {
    if (!has(name)) continue;
    HYDRA_ASSIGN_OR_RETURN(*slot, launch.FindInput<int32_t>(name));
  }
  for (std::string name; has(name = absl::StrCat("moe_noise.", plan.noise.size()));) {
    HYDRA_ASSIGN_OR_RETURN(plan.noise.emplace_back(), launch.FindInput<float>(name));
  }
  noise_.resize(std::max(noise_.size(), plan.noise.size()));
  return absl::OkStatus();
}

absl::Status ExecutorEngine::FindEvaluation(const ExecutorEngineOptions& options) {
  std::vector<std::string> present;
  for (const EntryInfo& entry : executor_.info().entries) {
    if (entry.name != "eval") continue;
    present.push_back(absl::StrCat("eval@", ShapeText(entry.batch, entry.seq)));
    if (!options.training && options.batch != 0 && entry.batch != options.batch) continue;
    if (!options.training && options.seq != 0 && entry.seq != options.seq) continue;
    if (options.training && entry.batch == batch_ && entry.seq == seq_) {
      eval_entry_ = &entry;
      break;
    }
    const bool larger =
        eval_entry_ == nullptr || entry.batch * entry.seq > eval_entry_->batch * eval_entry_->seq;
    if (larger) eval_entry_ = &entry;
  }
  eval_variant_ = options.variant;
  if (eval_variant_.empty()) eval_variant_ = std::string(VariantForUse(executor_.info(), "eval"));
  const bool asked = !options.training && (options.batch != 0 || options.seq != 0);
  if (asked && eval_entry_ == nullptr) return NoSuchShape(executor_, options, "eval", present);
  return absl::OkStatus();
}

void ExecutorEngine::DescribeState() {
  const auto add = [this](StateKind kind, std::string name, const NamedBuffer& buffer) {
    Tensors& list = state_[static_cast<int>(kind)];
    list.tensors.push_back({std::move(name), TypeOf(buffer.type), buffer.shape});
    list.buffers.push_back(&buffer);
  };
  const artifact::ArtifactInfo& info = executor_.info();
  for (const artifact::ParameterInfo& parameter : info.parameters) {
    add(StateKind::kParameters, parameter.name, parameter.buffer);
    for (const NamedBuffer& buffer : parameter.states) {
      // The table may or may not repeat the parameter in the name of its state.
      const bool full = buffer.name.find('/') != std::string::npos;
      add(StateKind::kOptimizer,
          full ? buffer.name : absl::StrCat(buffer.name, "/", parameter.name), buffer);
    }
  }
  for (const NamedBuffer& buffer : info.optimizer) add(StateKind::kOptimizer, buffer.name, buffer);
  for (const NamedBuffer& buffer : info.control_state) {
    add(StateKind::kControlState, buffer.name, buffer);
  }
}

absl::Span<const StateTensor> ExecutorEngine::state(StateKind kind) const {
  return state_[static_cast<int>(kind)].tensors;
}

absl::Status ExecutorEngine::ReadState(StateKind kind, size_t index, absl::Span<uint8_t> bytes) {
  return executor_.ReadBytes(*state_[static_cast<int>(kind)].buffers[index], bytes);
}

absl::Status ExecutorEngine::WriteState(StateKind kind, size_t index,
                                        absl::Span<const uint8_t> bytes) {
  return executor_.WriteBytes(*state_[static_cast<int>(kind)].buffers[index], bytes);
}

absl::Status ExecutorEngine::InitializeParameters(uint64_t seed) {
  return executor_.InitializeParameters(seed);
}

std::vector<std::string> ExecutorEngine::aliases(size_t index) const {
  return executor_.info().parameters[index].aliases;
}

absl::StatusOr<TrainEngine::BatchMemory> ExecutorEngine::StageBatch(int64_t micro_batch) {
  const int piece = static_cast<int>(micro_batch);
  BatchMemory memory;
  HYDRA_ASSIGN_OR_RETURN(memory.tokens, plan_->launch->Stage(plan_->tokens, piece));
  HYDRA_ASSIGN_OR_RETURN(memory.targets, plan_->launch->Stage(plan_->targets, piece));
  const auto stage = [&](const std::optional<InputSlot<int32_t>>& slot,
                         absl::Span<int32_t>& expert) -> absl::Status {
    if (!slot) return absl::OkStatus();
    HYDRA_ASSIGN_OR_RETURN(expert, plan_->launch->Stage(*slot, piece));
    std::fill(expert.begin(), expert.end(), kNoExpert);
    return absl::OkStatus();
  };
  HYDRA_RETURN_IF_ERROR(stage(plan_->forced_expert, memory.forced_expert));
  HYDRA_RETURN_IF_ERROR(stage(plan_->teacher_expert, memory.teacher_expert));
  if (!teacher_counts_) memory.teacher_expert = {};
  for (size_t layer = 0; layer < plan_->noise.size(); ++layer) {
    HYDRA_ASSIGN_OR_RETURN(noise_[layer], plan_->launch->Stage(plan_->noise[layer], piece));
  }
  memory.noise = absl::MakeConstSpan(noise_).first(plan_->noise.size());
  return memory;
}

absl::StatusOr<int64_t> ExecutorEngine::SubmitStep() {
  HYDRA_RETURN_IF_ERROR(plan_->launch->StageControl(control_));
  HYDRA_ASSIGN_OR_RETURN(const hal::Ticket ticket, plan_->launch->Submit());
  flight_[static_cast<size_t>(submitted_) % flight_.size()] = {plan_, ticket};
  return submitted_++;
}

absl::Status ExecutorEngine::ReadStep(int64_t number, StepResults& results) {
  if (number < 0 || number >= submitted_ || number + steps_in_flight() < submitted_) {
    return FailureError(absl::StrCat("step ", number, " of ", submitted_, "; only the last ",
                                     steps_in_flight(), " can be read"));
  }
  const InFlight& step = flight_[static_cast<size_t>(number) % flight_.size()];
  Launch& launch = *step.plan->launch;
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<const uint8_t> record, launch.FetchRecord(step.ticket));
  results.values.assign(record_elements_, 0);
  const absl::Span<const RecordField> fields = launch.record_fields();
  for (size_t i = 0; i < fields.size(); ++i) {
    const StepField& field = fields_[step.plan->fields[i]];
    ReduceField(fields[i], record,
                absl::MakeSpan(results.values).subspan(field.first, field.elements));
  }
  results.graphs.reset();
  if (const GraphUse& use = launch.graph_use(); !use.parts.empty()) {
    results.graphs = {use.launches(), use.nodes(), use.fallbacks()};
  }
  HYDRA_ASSIGN_OR_RETURN(results.seconds, launch.Seconds(step.ticket));
  return absl::OkStatus();
}

absl::Status ExecutorEngine::Evaluate(absl::Span<const int32_t> tokens,
                                      absl::Span<const int32_t> targets,
                                      absl::Span<float> token_loss) {
  HYDRA_ASSIGN_OR_RETURN(EvalPlan * plan, UseEvaluation());
  HYDRA_RETURN_IF_ERROR(plan->launch->SetInput("tokens", tokens));
  HYDRA_RETURN_IF_ERROR(plan->launch->SetInput("targets", targets));
  HYDRA_RETURN_IF_ERROR(plan->launch->StageControl(control_));
  HYDRA_RETURN_IF_ERROR(plan->launch->Run());
  for (const NamedBuffer* buffer : plan->invalid) {
    int32_t count = 0;
    HYDRA_RETURN_IF_ERROR(plan->launch->ReadOutput(*buffer, 0, absl::MakeSpan(&count, 1)));
    if (count != 0) return InvalidScores(absl::StripPrefix(buffer->name, kInvalidScores), count);
  }
  return plan->launch->ReadOutput(*plan->token_loss, 0, token_loss);
}

absl::StatusOr<ExecutorEngine::EvalPlan*> ExecutorEngine::UseEvaluation() {
  if (eval_entry_ == nullptr) {
    return InputError(absl::StrCat(executor_.artifact().path(),
                                   ": has no entry 'eval'; compile with --entry=eval@BxS"));
  }
  const std::string& variant = plan_ != nullptr ? plan_->accumulate->variant : eval_variant_;
  for (EvalPlan& plan : evals_) {
    if (plan.entry->variant == variant) return &plan;
  }
  HYDRA_ASSIGN_OR_RETURN(const EntryInfo* entry,
                         executor_.FindEntry("eval", eval_batch(), eval_seq(), variant));
  EvalPlan plan{.entry = entry};
  HYDRA_ASSIGN_OR_RETURN(plan.launch, executor_.Prepare(*entry));
  HYDRA_ASSIGN_OR_RETURN(plan.token_loss, FindBuffer(entry->outputs, "token_loss", "output"));
  for (const NamedBuffer& output : entry->outputs) {
    if (absl::StartsWith(output.name, kInvalidScores)) plan.invalid.push_back(&output);
  }
  return &evals_.emplace_back(std::move(plan));
}

}  // namespace hydra::train
