// Batches of tokens and targets, shape [batch, seq], row-major; target t is token t + 1.
//
// A batch is a function of its place in the run: of its step, or, in epochs, of how many windows
// came before it. Neither depends on how the data are cut into files.
#ifndef HYDRA_RUNTIME_DATA_BATCHES_H_
#define HYDRA_RUNTIME_DATA_BATCHES_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/data/token_shards.h"

namespace hydra::data {

// The target that marks a position that does not count (model.md 10).
inline constexpr int32_t kIgnoredTarget = -100;

// Ids that come from one text or file of documents, as data.json names it.
struct SourceRange {
  std::string name;
  uint64_t begin = 0, end = 0;  // among all ids of the shards
};

// Which windows a run sees.
enum class DataOrder {
  kRandom,   // drawn with replacement, at any token
  kEpochs,   // windows that do not overlap, each once per epoch, shuffled over all files
  kSources,  // as random, but all rows of a micro-batch from one source, drawn by its windows
};
// The names of the orders, as settings have them: random, epochs, sources.
absl::Span<const absl::string_view> DataOrderNames();
// kUsage, listing the names, for another one.
absl::StatusOr<DataOrder> DataOrderNamed(absl::string_view name);

struct TrainingOptions {
  DataOrder order = DataOrder::kRandom;
  int64_t micro_batches = 1;              // of a step
  std::vector<SourceRange> sources = {};  // of the tokens; needed by kSources
};

// Windows for training. Keeps a reference to the tokens. Thread-safe, StartAt aside.
class TrainingBatches {
 public:
  // kInput if there are fewer than seq + 1 tokens, with kSources in any source, or no sources.
  static absl::StatusOr<TrainingBatches> Create(const TokenShards& tokens, int64_t batch,
                                                int64_t seq, uint64_t seed,
                                                TrainingOptions options = {});

  // In epochs, step `step` begins with window number `windows`; 0 and 0 unless it is said.
  void StartAt(int64_t step, uint64_t windows);
  int64_t windows_per_step() const { return batch_ * options_.micro_batches; }

  // Where the window of a row starts. Random: uniform over all starts, keyed by seed, step,
  // micro-batch, row. Epochs: a permutation of the windows, keyed by seed and epoch.
  uint64_t WindowStart(int64_t step, int64_t micro_batch, int64_t row) const;

  const std::vector<SourceRange>& sources() const { return options_.sources; }
  // Of sources(), the one that all rows of a micro-batch are from, targets included; nothing if
  // they are from several.
  std::optional<size_t> SourceOf(int64_t step, int64_t micro_batch) const;

  // Tells the system which tokens a step will read.
  void Prefetch(int64_t step) const;

  // Fills both spans of batch * seq ids. Errors are those of TokenFile::Read.
  absl::Status Fill(int64_t step, int64_t micro_batch, absl::Span<int32_t> tokens,
                    absl::Span<int32_t> targets) const;

  // Which row of which micro-batch: rows of one step are numbered micro_batch * batch + row.
  int64_t batch() const { return batch_; }
  int64_t seq() const { return seq_; }

 private:
  TrainingBatches(const TokenShards& tokens, int64_t batch, int64_t seq, uint64_t seed,
                  TrainingOptions options)
      : tokens_(&tokens), batch_(batch), seq_(seq), seed_(seed), options_(std::move(options)) {}
  uint64_t ShuffledWindow(uint64_t number) const;
  uint64_t StartInOneSource(int64_t step, int64_t micro_batch, int64_t row) const;

  const TokenShards* tokens_;
  int64_t batch_;
  int64_t seq_;
  uint64_t seed_;
  TrainingOptions options_;
  int64_t first_step_ = 0;
  uint64_t first_window_ = 0;
};

// Consecutive windows that do not overlap: window w predicts tokens w * seq + 1 .. (w + 1) * seq.
// The last one may be shorter; what is missing is token 0 with kIgnoredTarget. Thread-safe.
class EvaluationBatches {
 public:
  // kInput if the file has fewer than 2 tokens.
  static absl::StatusOr<EvaluationBatches> Create(const TokenShards& tokens, int64_t batch,
                                                  int64_t seq);

  // Batches that cover the file; rows of the last one may be all ignored.
  int64_t count() const;
  // The id that the first target of a row is; target t is id TargetStart + t.
  uint64_t TargetStart(int64_t index, int64_t row) const {
    return static_cast<uint64_t>((index * batch_ + row) * seq_ + 1);
  }
  // Fills both spans of batch * seq ids and returns how many targets count. Errors are those of
  // TokenFile::Read.
  absl::StatusOr<int64_t> Fill(int64_t index, absl::Span<int32_t> tokens,
                               absl::Span<int32_t> targets) const;

 private:
  EvaluationBatches(const TokenShards& tokens, int64_t batch, int64_t seq)
      : tokens_(&tokens), batch_(batch), seq_(seq) {}
  const TokenShards* tokens_;
  int64_t batch_;
  int64_t seq_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_BATCHES_H_
