#include "runtime/generate/executor_decode_engine.h"

#include <algorithm>

#include "runtime/exec/variant_choice.h"

namespace hydra::generate {
namespace {

absl::Status Set(Launch& launch, InputSlot<int32_t> input, int64_t value) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> target, launch.Stage(input));
  std::fill(target.begin(), target.end(), static_cast<int32_t>(value));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecutorDecodeEngine>> ExecutorDecodeEngine::Create(
    Executor& executor) {
  std::unique_ptr<ExecutorDecodeEngine> engine(new ExecutorDecodeEngine(executor));
  const absl::string_view variant = VariantForUse(executor.info(), "extend");
  for (const artifact::EntryInfo& entry : executor.info().entries) {
    if (entry.variant != variant) continue;  // all chunks go through one program
    // Larger batches would write the state of sequences that do not exist.
    if (entry.name == "extend" && entry.batch == 1) engine->chunks_.push_back({.entry = &entry});
  }
  if (engine->chunks_.empty()) {
    return InputError(absl::StrCat(executor.artifact().path(),
                                   ": has no entry 'extend' of batch 1; compile the model with "
                                   "--entry=extend@1x64 --entry=extend@1x1 --cache=N"));
  }
  std::sort(engine->chunks_.begin(), engine->chunks_.end(),
            [](const Chunk& a, const Chunk& b) { return a.entry->seq < b.entry->seq; });
  return engine;
}

absl::StatusOr<absl::Span<const float>> ExecutorDecodeEngine::Extend(
    absl::Span<const int32_t> tokens, int64_t position) {
  const int64_t count = static_cast<int64_t>(tokens.size());
  if (count < 1 || count > largest_chunk()) {
    return FailureError(
        absl::StrCat("a chunk of ", count, " tokens, the artifact takes 1 to ", largest_chunk()));
  }
  if (position + count > cache_len()) {
    return UsageError(absl::StrCat("position ", position + count, " is beyond the cache of ",
                                   cache_len(), " positions; compile with a larger --cache"));
  }
  const auto fits = [&](const Chunk& chunk) { return chunk.entry->seq >= count; };
  Chunk& chunk = *std::find_if(chunks_.begin(), chunks_.end(), fits);
  if (chunk.launch == nullptr) HYDRA_RETURN_IF_ERROR(Prepare(chunk));
  Launch& launch = *chunk.launch;
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> input, launch.Stage(chunk.tokens));
  std::fill(std::copy(tokens.begin(), tokens.end(), input.begin()), input.end(), 0);
  HYDRA_RETURN_IF_ERROR(Set(launch, chunk.position, position));
  HYDRA_RETURN_IF_ERROR(Set(launch, chunk.count, count));
  HYDRA_RETURN_IF_ERROR(launch.Run());
  // Of all positions of the chunk, one row.
  HYDRA_RETURN_IF_ERROR(launch.ReadOutput(
      *chunk.logits, static_cast<uint64_t>((count - 1) * vocab_size()), absl::MakeSpan(logits_)));
  return absl::MakeConstSpan(logits_);
}

absl::Status ExecutorDecodeEngine::Prepare(Chunk& chunk) {
  HYDRA_ASSIGN_OR_RETURN(chunk.launch, executor_.Prepare(*chunk.entry));
  HYDRA_ASSIGN_OR_RETURN(chunk.tokens, chunk.launch->FindInput<int32_t>("tokens"));
  HYDRA_ASSIGN_OR_RETURN(chunk.position, chunk.launch->FindInput<int32_t>("position"));
  HYDRA_ASSIGN_OR_RETURN(chunk.count, chunk.launch->FindInput<int32_t>("count"));
  HYDRA_ASSIGN_OR_RETURN(chunk.logits, FindBuffer(chunk.entry->outputs, "logits", "output"));
  logits_.resize(static_cast<size_t>(vocab_size()));
  return absl::OkStatus();
}

}  // namespace hydra::generate
