// Decoding over an executor's `extend` entries: prompts in large chunks, then token by token.
#ifndef HYDRA_RUNTIME_GENERATE_EXECUTOR_DECODE_ENGINE_H_
#define HYDRA_RUNTIME_GENERATE_EXECUTOR_DECODE_ENGINE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/exec/control_block.h"
#include "runtime/exec/executor.h"
#include "runtime/generate/decode_engine.h"

namespace hydra::generate {

// Borrows the executor, whose parameters must have been loaded.
class ExecutorDecodeEngine final : public DecodeEngine {
 public:
  // The entries of `variant`; "": of the one that VariantForUse names. An input error if the
  // artifact has no such `extend` entry, with the flag to use, or if its entries do not choose
  // tokens (those of older compilers).
  // `recompute`: the program selects tokens of whole texts (model.md 16, rule 1), so that each
  // chunk is run with everything before it; an input error if no entry takes a whole cache.
  static absl::StatusOr<std::unique_ptr<ExecutorDecodeEngine>> Create(
      Executor& executor, absl::string_view variant = "", bool recompute = false);

  // Values of the control block by name, from now on; those that the program does not have are
  // passed over.
  absl::Status SetControls(const std::vector<std::pair<std::string, double>>& values);

  // Of the run that decodes one token of every row: what of it is graphs, and the bytes that it
  // hands to the host. Empty until there was one.
  GraphUse graph_use() const;
  uint64_t fetched_bytes() const;

  int64_t vocab_size() const override { return executor_.info().vocab_size; }
  int64_t rows() const override { return chunks_.front().entry->batch; }
  int64_t cache_len() const override { return executor_.info().cache_len; }
  int64_t max_seq_len() const override { return executor_.info().max_seq_len; }
  int64_t largest_chunk() const override {
    return recompute_ ? cache_len() : chunks_.back().entry->seq;
  }
  absl::Status SetSampling(const SamplingOptions& options, int64_t vocabulary) override;
  absl::Status Extend(absl::Span<const SequenceStep> steps, absl::Span<int32_t> next) override;

 private:
  // One `extend` entry.
  struct Chunk {
    const artifact::EntryInfo* entry = nullptr;
    std::unique_ptr<Launch> launch = nullptr;  // prepared on first use, with what follows
    InputSlot<int32_t> tokens = {}, position = {}, count = {}, seed = {}, sequence = {};
    OutputSlot<int32_t> next_token = {};
    bool submitted = false;  // by the Extend that is running
    hal::Ticket ticket = {};
  };
  ExecutorDecodeEngine(Executor& executor, ControlBlock control)
      : executor_(executor), control_(std::move(control)) {}

  absl::Span<const SequenceStep> WithAllBefore(absl::Span<const SequenceStep> steps);
  absl::Status CheckSteps(absl::Span<const SequenceStep> steps) const;
  absl::Status Prepare(Chunk& chunk);
  size_t ChunkOf(const SequenceStep& step) const;
  // Submits the steps that belong to chunk `index`, if there are any.
  absl::Status Submit(size_t index, absl::Span<const SequenceStep> steps);
  absl::Status DescribeLogits(Chunk& chunk, const SequenceStep& step);

  Executor& executor_;
  ControlBlock control_;
  bool recompute_ = false;
  std::vector<std::vector<int32_t>> texts_;  // recompute: of each row, all tokens so far
  std::vector<SequenceStep> whole_;          // recompute: the steps of an Extend, from the start
  std::vector<Chunk> chunks_;                // by length, shortest first
};

}  // namespace hydra::generate

#endif  // HYDRA_RUNTIME_GENERATE_EXECUTOR_DECODE_ENGINE_H_
