#include "runtime/train/executor_engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace hydra::train {
namespace {

using artifact::EntryInfo;
using artifact::NamedBuffer;

constexpr absl::string_view kAccumulate = "accumulate";

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

// The accumulate entry of exactly this shape; 0 stands for "whatever the largest one has". The
// trainer fills whole batches, so a larger entry than asked for would not do.
absl::StatusOr<const EntryInfo*> FindAccumulate(const Executor& executor,
                                                const ExecutorEngineOptions& options) {
  const EntryInfo* best = nullptr;
  std::vector<std::string> present;
  for (const EntryInfo& entry : executor.info().entries) {
    if (entry.name != kAccumulate) continue;
    present.push_back(entry.Label());
    if (options.batch != 0 && entry.batch != options.batch) continue;
    if (options.seq != 0 && entry.seq != options.seq) continue;
    if (!options.variant.empty() && entry.variant != options.variant) continue;
    if (best == nullptr || entry.batch * entry.seq > best->batch * best->seq) best = &entry;
  }
  if (best != nullptr) return best;
  const std::string wanted =
      absl::StrCat(options.batch == 0 ? std::string("B") : absl::StrCat(options.batch), "x",
                   options.seq == 0 ? std::string("S") : absl::StrCat(options.seq));
  return UsageError(absl::StrCat(
      executor.artifact().path(), ": no training entry for --batch x --seq = ", wanted,
      options.variant.empty() ? "" : absl::StrCat(" and variant '", options.variant, "'"),
      "; present: ", present.empty() ? std::string("none") : absl::StrJoin(present, ", "),
      "; compile with --entry=train@", wanted));
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

absl::Status Copy(absl::Span<const int32_t> from, absl::Span<int32_t> to, absl::string_view what) {
  if (from.size() != to.size()) {
    return FailureError(absl::StrCat(what, ": expected ", to.size(), " values, got ", from.size()));
  }
  std::copy(from.begin(), from.end(), to.begin());
  return absl::OkStatus();
}

}  // namespace

EngineFacts FactsOf(const Executor& executor) {
  const artifact::ArtifactInfo& info = executor.info();
  EngineFacts facts;
  facts.model = info.model;
  facts.artifact_hash = absl::StrFormat("%016x", executor.artifact().content_hash());
  facts.target = info.target;
  facts.isa_level = executor.isa_level();
  facts.compiler_build = info.compiler_build;
  facts.library_versions = {{"hydra", HYDRA_VERSION}};
  facts.vocab_size = info.vocab_size;
  for (const artifact::ParameterInfo& parameter : info.parameters) {
    facts.parameter_count += static_cast<int64_t>(parameter.buffer.elements());
  }
  return facts;
}

absl::StatusOr<std::unique_ptr<ExecutorEngine>> ExecutorEngine::Create(
    Executor& executor, const ExecutorEngineOptions& options) {
  std::unique_ptr<ExecutorEngine> engine(new ExecutorEngine(executor));
  engine->facts_ = FactsOf(executor);
  engine->micro_batches_ = options.micro_batches;
  engine->DescribeState();
  if (options.training) HYDRA_RETURN_IF_ERROR(engine->PrepareTraining(options));
  engine->FindEvaluation();
  return engine;
}

absl::Status ExecutorEngine::PrepareTraining(const ExecutorEngineOptions& options) {
  HYDRA_ASSIGN_OR_RETURN(const EntryInfo* accumulate, FindAccumulate(executor_, options));
  HYDRA_ASSIGN_OR_RETURN(const EntryInfo* apply, FindApply(executor_, *accumulate));
  batch_ = accumulate->batch;
  seq_ = accumulate->seq;
  HYDRA_ASSIGN_OR_RETURN(
      step_, executor_.PrepareStep(*accumulate, static_cast<int>(options.micro_batches), *apply));
  for (const NamedBuffer& output : accumulate->outputs) {
    absl::string_view name = output.name;
    if (absl::ConsumePrefix(&name, "loss.")) terms_.emplace_back(name);
  }
  return absl::OkStatus();
}

void ExecutorEngine::FindEvaluation() {
  for (const EntryInfo& entry : executor_.info().entries) {
    if (entry.name != "eval") continue;
    const bool same_shape = entry.batch == batch_ && entry.seq == seq_;
    const bool larger =
        eval_entry_ == nullptr || entry.batch * entry.seq > eval_entry_->batch * eval_entry_->seq;
    if (same_shape || larger) eval_entry_ = &entry;
    if (same_shape) return;
  }
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

absl::StatusOr<absl::Span<uint8_t>> ExecutorEngine::Bytes(StateKind kind, size_t index) {
  return executor_.Bytes(*state_[static_cast<int>(kind)].buffers[index]);
}

absl::Status ExecutorEngine::ReadState(StateKind kind, size_t index, absl::Span<uint8_t> bytes) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<uint8_t> from, Bytes(kind, index));
  std::copy(from.begin(), from.end(), bytes.begin());
  return absl::OkStatus();
}

absl::Status ExecutorEngine::WriteState(StateKind kind, size_t index,
                                        absl::Span<const uint8_t> bytes) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<uint8_t> to, Bytes(kind, index));
  std::copy(bytes.begin(), bytes.end(), to.begin());
  return absl::OkStatus();
}

absl::Status ExecutorEngine::InitializeParameters(uint64_t seed) {
  return executor_.InitializeParameters(seed);
}

std::vector<std::string> ExecutorEngine::aliases(size_t index) const {
  return executor_.info().parameters[index].aliases;
}

absl::Status ExecutorEngine::SetControl(absl::string_view name, double value) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<float> control, executor_.Control<float>(name));
  control[0] = static_cast<float>(value);
  return absl::OkStatus();
}

bool ExecutorEngine::HasControl(absl::string_view name) const {
  const std::vector<NamedBuffer>& controls = executor_.info().control;
  return std::any_of(controls.begin(), controls.end(),
                     [&](const NamedBuffer& buffer) { return buffer.name == name; });
}

absl::Status ExecutorEngine::SetBatch(int64_t micro_batch, absl::Span<const int32_t> tokens,
                                      absl::Span<const int32_t> targets) {
  const int part = static_cast<int>(micro_batch);
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> to, step_->Input<int32_t>("tokens", part));
  HYDRA_RETURN_IF_ERROR(Copy(tokens, to, "tokens"));
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> goal, step_->Input<int32_t>("targets", part));
  return Copy(targets, goal, "targets");
}

absl::Status ExecutorEngine::RunStep() { return step_->Run(); }

absl::StatusOr<double> ExecutorEngine::Loss(size_t term, int64_t micro_batch) {
  HYDRA_ASSIGN_OR_RETURN(
      const absl::Span<const float> value,
      step_->Output<float>(absl::StrCat("loss.", terms_[term]), static_cast<int>(micro_batch)));
  return value[0];
}

absl::StatusOr<double> ExecutorEngine::ApplyOutput(absl::string_view name) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<const float> value,
                         step_->Output<float>(name, step_->parts() - 1));
  return value[0];
}

absl::Status ExecutorEngine::Evaluate(absl::Span<const int32_t> tokens,
                                      absl::Span<const int32_t> targets,
                                      absl::Span<float> token_loss) {
  if (eval_ == nullptr) {
    if (eval_entry_ == nullptr) {
      return InputError(absl::StrCat(executor_.artifact().path(),
                                     ": has no entry 'eval'; compile with --entry=eval@BxS"));
    }
    HYDRA_ASSIGN_OR_RETURN(eval_, executor_.Prepare(*eval_entry_));
  }
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> to, eval_->Input<int32_t>("tokens"));
  HYDRA_RETURN_IF_ERROR(Copy(tokens, to, "tokens"));
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> goal, eval_->Input<int32_t>("targets"));
  HYDRA_RETURN_IF_ERROR(Copy(targets, goal, "targets"));
  HYDRA_RETURN_IF_ERROR(eval_->Run());
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<const float> losses, eval_->Output<float>("token_loss"));
  if (losses.size() != token_loss.size()) {
    return FailureError(absl::StrCat("token_loss: expected ", token_loss.size(),
                                     " values, the artifact has ", losses.size()));
  }
  std::copy(losses.begin(), losses.end(), token_loss.begin());
  return absl::OkStatus();
}

}  // namespace hydra::train
