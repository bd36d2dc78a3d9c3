// Decoding over an executor's `extend` entries: a prompt in large chunks, then token by token.
#ifndef HYDRA_RUNTIME_GENERATE_EXECUTOR_DECODE_ENGINE_H_
#define HYDRA_RUNTIME_GENERATE_EXECUTOR_DECODE_ENGINE_H_

#include <memory>
#include <vector>

#include "runtime/exec/executor.h"
#include "runtime/generate/decode_engine.h"

namespace hydra::generate {

// Borrows the executor, whose parameters must have been loaded.
class ExecutorDecodeEngine final : public DecodeEngine {
 public:
  // kFailedPrecondition if the artifact has no `extend` entry, with the flag to use.
  static absl::StatusOr<std::unique_ptr<ExecutorDecodeEngine>> Create(Executor& executor);

  int64_t vocab_size() const override { return executor_.info().vocab_size; }
  int64_t cache_len() const override { return executor_.info().cache_len; }
  int64_t max_seq_len() const override { return executor_.info().max_seq_len; }
  int64_t largest_chunk() const override { return chunks_.back().entry->seq; }
  absl::Status Reset() override { return executor_.ResetCache(); }
  absl::StatusOr<absl::Span<const float>> Extend(absl::Span<const int32_t> tokens,
                                                 int64_t position) override;

 private:
  struct Chunk {
    const artifact::EntryInfo* entry = nullptr;
    std::unique_ptr<Launch> launch = nullptr;  // prepared on first use, with what follows
    InputSlot<int32_t> tokens = {}, position = {}, count = {};
    const artifact::NamedBuffer* logits = nullptr;
  };
  explicit ExecutorDecodeEngine(Executor& executor) : executor_(executor) {}

  absl::Status Prepare(Chunk& chunk);

  Executor& executor_;
  std::vector<Chunk> chunks_;  // by length, shortest first
  std::vector<float> logits_;  // [vocab_size] of the last Extend
};

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_EXECUTOR_DECODE_ENGINE_H_
