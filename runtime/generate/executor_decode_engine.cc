#include "runtime/generate/executor_decode_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_join.h"
#include "runtime/exec/variant_choice.h"

namespace hydra::generate {
namespace {

// What an entry needs to choose tokens.
absl::Status CheckEntry(const Executor& executor, const artifact::EntryInfo& entry) {
  const auto has = [](const std::vector<artifact::NamedBuffer>& buffers, absl::string_view name) {
    return std::any_of(buffers.begin(), buffers.end(),
                       [&](const artifact::NamedBuffer& buffer) { return buffer.name == name; });
  };
  if (has(entry.outputs, "next_token") && has(entry.inputs, "seed")) return absl::OkStatus();
  return InputError(absl::StrCat(executor.artifact().path(), ": expected entry ", entry.Label(),
                                 " to choose the next token (output next_token), found an entry of "
                                 "an older compiler; compile the model again"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecutorDecodeEngine>> ExecutorDecodeEngine::Create(
    Executor& executor, absl::string_view variant, bool recompute) {
  HYDRA_ASSIGN_OR_RETURN(ControlBlock control, ControlBlock::Create(executor.info()));
  std::unique_ptr<ExecutorDecodeEngine> engine(
      new ExecutorDecodeEngine(executor, std::move(control)));
  if (variant.empty()) variant = VariantForUse(executor.info(), "extend");
  std::vector<std::string> others;
  for (const artifact::EntryInfo& entry : executor.info().entries) {
    // All chunks go through one program.
    if (entry.name == "extend" && entry.variant != variant) others.push_back(entry.Label());
    if (entry.name != "extend" || entry.variant != variant) continue;
    HYDRA_RETURN_IF_ERROR(CheckEntry(executor, entry));
    engine->chunks_.push_back({.entry = &entry});
  }
  if (engine->chunks_.empty() && !others.empty()) {
    return InputError(absl::StrCat(executor.artifact().path(),
                                   ": has no entry 'extend' of variant ", variant,
                                   "; present: ", absl::StrJoin(others, ", "),
                                   "; compile the model with --variant=", variant));
  }
  if (engine->chunks_.empty()) {
    return InputError(absl::StrCat(executor.artifact().path(),
                                   ": has no entry 'extend'; compile the model with "
                                   "--entry=extend@1x64 --entry=extend@1x1 --cache=N"));
  }
  // All have one batch: they share the state of their sequences.
  std::sort(engine->chunks_.begin(), engine->chunks_.end(),
            [](const Chunk& a, const Chunk& b) { return a.entry->seq < b.entry->seq; });
  engine->recompute_ = recompute;
  if (!recompute) return engine;
  if (engine->chunks_.back().entry->seq < engine->cache_len()) {
    return InputError(absl::StrCat(
        executor.artifact().path(), ": recomputes whole texts and takes at most ",
        engine->chunks_.back().entry->seq, " tokens of one; compile the model with --entry=extend@",
        engine->rows(), "x", engine->cache_len()));
  }
  engine->texts_.resize(static_cast<size_t>(engine->rows()));
  for (std::vector<int32_t>& text : engine->texts_)
    text.reserve(static_cast<size_t>(engine->cache_len()));
  engine->whole_.reserve(static_cast<size_t>(engine->rows()));
  return engine;
}

GraphUse ExecutorDecodeEngine::graph_use() const {
  const Launch* launch = chunks_.front().launch.get();
  return launch == nullptr ? GraphUse() : launch->graph_use();
}

uint64_t ExecutorDecodeEngine::fetched_bytes() const {
  const Launch* launch = chunks_.front().launch.get();
  return launch == nullptr ? 0 : launch->fetched_bytes();
}

absl::Status ExecutorDecodeEngine::SetSampling(const SamplingOptions& options, int64_t vocabulary) {
  HYDRA_RETURN_IF_ERROR(CheckSamplingOptions(options));
  const std::pair<absl::string_view, double> values[] = {
      {"temperature", options.temperature},
      {"top_k", static_cast<double>(options.top_k)},
      {"top_p", options.top_p},
      {"repeat_penalty", options.repeat_penalty},
      {"vocabulary", static_cast<double>(vocabulary)}};
  for (const auto& [name, value] : values) {
    if (!control_.Set(name, value)) {
      return InputError(absl::StrCat(executor_.artifact().path(), ": has no control value '", name,
                                     "'; compile the model again"));
    }
  }
  return executor_.WriteControl(control_);
}

absl::Status ExecutorDecodeEngine::SetControls(
    const std::vector<std::pair<std::string, double>>& values) {
  for (const auto& [name, value] : values) control_.Set(name, value);
  return executor_.WriteControl(control_);
}

absl::Status ExecutorDecodeEngine::CheckSteps(absl::Span<const SequenceStep> steps) const {
  for (const SequenceStep& step : steps) {
    const int64_t count = static_cast<int64_t>(step.tokens.size());
    if (count < 1 || count > largest_chunk() || step.row < 0 || step.row >= rows()) {
      return FailureError(absl::StrCat("a chunk of ", count, " tokens for row ", step.row,
                                       ", the artifact takes 1 to ", largest_chunk(), " for ",
                                       rows(), " rows"));
    }
    if (step.position + count > cache_len()) {
      return UsageError(absl::StrCat("position ", step.position + count, " is beyond the cache of ",
                                     cache_len(), " positions; compile with a larger --cache"));
    }
  }
  return absl::OkStatus();
}

// The smallest that takes the step, whatever the other sequences take: a matmul's bits may depend
// on the number of its rows.
size_t ExecutorDecodeEngine::ChunkOf(const SequenceStep& step) const {
  const auto fits = [&](const Chunk& chunk) {
    return chunk.entry->seq >= static_cast<int64_t>(step.tokens.size());
  };
  return static_cast<size_t>(std::find_if(chunks_.begin(), chunks_.end(), fits) - chunks_.begin());
}

absl::Status ExecutorDecodeEngine::Submit(size_t index, absl::Span<const SequenceStep> steps) {
  Chunk& chunk = chunks_[index];
  chunk.submitted = std::any_of(steps.begin(), steps.end(),
                                [&](const SequenceStep& step) { return ChunkOf(step) == index; });
  if (!chunk.submitted) return absl::OkStatus();
  if (chunk.launch == nullptr) HYDRA_RETURN_IF_ERROR(Prepare(chunk));
  Launch& launch = *chunk.launch;
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> tokens, launch.Stage(chunk.tokens));
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> position, launch.Stage(chunk.position));
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> count, launch.Stage(chunk.count));
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> seed, launch.Stage(chunk.seed));
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> sequence, launch.Stage(chunk.sequence));
  for (const absl::Span<int32_t>& input : {tokens, position, count, seed, sequence}) {
    std::fill(input.begin(), input.end(), 0);  // idle
  }
  for (const SequenceStep& step : steps) {
    if (ChunkOf(step) != index) continue;
    std::copy(step.tokens.begin(), step.tokens.end(), tokens.begin() + step.row * chunk.entry->seq);
    position[step.row] = static_cast<int32_t>(step.position);
    count[step.row] = static_cast<int32_t>(step.tokens.size());
    seed[2 * step.row] = static_cast<int32_t>(step.seed);
    seed[2 * step.row + 1] = static_cast<int32_t>(step.seed >> 32);
    sequence[step.row] = static_cast<int32_t>(step.sequence);
  }
  HYDRA_ASSIGN_OR_RETURN(chunk.ticket, launch.Submit());
  return absl::OkStatus();
}

// The same steps as whole texts.
absl::Span<const SequenceStep> ExecutorDecodeEngine::WithAllBefore(
    absl::Span<const SequenceStep> steps) {
  whole_.assign(steps.begin(), steps.end());
  for (SequenceStep& step : whole_) {
    std::vector<int32_t>& text = texts_[static_cast<size_t>(step.row)];
    text.resize(static_cast<size_t>(step.position));
    text.insert(text.end(), step.tokens.begin(), step.tokens.end());
    step.tokens = text;
    step.position = 0;
  }
  return whole_;
}

absl::Status ExecutorDecodeEngine::Extend(absl::Span<const SequenceStep> steps,
                                          absl::Span<int32_t> next) {
  HYDRA_RETURN_IF_ERROR(CheckSteps(steps));
  if (recompute_) steps = WithAllBefore(steps);
  for (size_t i = 0; i < chunks_.size(); ++i) HYDRA_RETURN_IF_ERROR(Submit(i, steps));
  for (Chunk& chunk : chunks_) {
    if (!chunk.submitted) continue;
    HYDRA_RETURN_IF_ERROR(chunk.launch->Await(chunk.ticket));
    HYDRA_ASSIGN_OR_RETURN(const absl::Span<const int32_t> chosen,
                           chunk.launch->Fetch(chunk.ticket, chunk.next_token));
    for (size_t i = 0; i < steps.size(); ++i) {
      if (&chunks_[ChunkOf(steps[i])] != &chunk) continue;
      next[i] = chosen[steps[i].row];
      if (next[i] < 0) return DescribeLogits(chunk, steps[i]);
    }
  }
  return absl::OkStatus();
}

// Why no token was chosen.
absl::Status ExecutorDecodeEngine::DescribeLogits(Chunk& chunk, const SequenceStep& step) {
  HYDRA_ASSIGN_OR_RETURN(const artifact::NamedBuffer* buffer,
                         FindBuffer(chunk.entry->outputs, "last_logits", "output"));
  std::vector<float> logits(static_cast<size_t>(vocab_size()));
  HYDRA_RETURN_IF_ERROR(chunk.launch->ReadOutput(
      *buffer, static_cast<uint64_t>(step.row * vocab_size()), absl::MakeSpan(logits)));
  const int64_t position = step.position + static_cast<int64_t>(step.tokens.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == std::numeric_limits<float>::infinity()) {
      return NumericalError(absl::StrCat("logit of token ", i, " at position ", position, " is ",
                                         logits[i],
                                         "; the weights are damaged or training diverged"));
    }
  }
  return NumericalError(absl::StrCat("no token at position ", position, " has a finite logit"));
}

absl::Status ExecutorDecodeEngine::Prepare(Chunk& chunk) {
  HYDRA_ASSIGN_OR_RETURN(chunk.launch, executor_.Prepare(*chunk.entry, {.fetch = {"next_token"}}));
  HYDRA_ASSIGN_OR_RETURN(chunk.tokens, chunk.launch->FindInput<int32_t>("tokens"));
  HYDRA_ASSIGN_OR_RETURN(chunk.position, chunk.launch->FindInput<int32_t>("position"));
  HYDRA_ASSIGN_OR_RETURN(chunk.count, chunk.launch->FindInput<int32_t>("count"));
  HYDRA_ASSIGN_OR_RETURN(chunk.seed, chunk.launch->FindInput<int32_t>("seed"));
  HYDRA_ASSIGN_OR_RETURN(chunk.sequence, chunk.launch->FindInput<int32_t>("sequence"));
  HYDRA_ASSIGN_OR_RETURN(chunk.next_token, chunk.launch->FindOutput<int32_t>("next_token"));
  return absl::OkStatus();
}

}  // namespace hydra::generate
