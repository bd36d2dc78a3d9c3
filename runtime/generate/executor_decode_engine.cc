#include "runtime/generate/executor_decode_engine.h"

#include <algorithm>

namespace hydra::generate {
namespace {

// Fills a scalar i32 input.
absl::Status SetScalar(Launch& launch, absl::string_view name, int64_t value) {
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> input, launch.Input<int32_t>(name));
  std::fill(input.begin(), input.end(), static_cast<int32_t>(value));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecutorDecodeEngine>> ExecutorDecodeEngine::Create(
    Executor& executor) {
  std::unique_ptr<ExecutorDecodeEngine> engine(new ExecutorDecodeEngine(executor));
  for (const artifact::EntryInfo& entry : executor.info().entries) {
    // Larger batches would write the state of sequences that do not exist.
    if (entry.name == "extend" && entry.batch == 1) engine->chunks_.push_back({&entry, nullptr});
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
  if (chunk.launch == nullptr) {
    HYDRA_ASSIGN_OR_RETURN(chunk.launch, executor_.Prepare(*chunk.entry));
  }
  Launch& launch = *chunk.launch;
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<int32_t> input, launch.Input<int32_t>("tokens"));
  std::fill(input.begin(), input.end(), 0);
  std::copy(tokens.begin(), tokens.end(), input.begin());
  HYDRA_RETURN_IF_ERROR(SetScalar(launch, "position", position));
  HYDRA_RETURN_IF_ERROR(SetScalar(launch, "count", count));
  HYDRA_RETURN_IF_ERROR(launch.Run());
  HYDRA_ASSIGN_OR_RETURN(const absl::Span<const float> logits, launch.Output<float>("logits"));
  return logits.subspan((count - 1) * vocab_size(), vocab_size());
}

}  // namespace hydra::generate
