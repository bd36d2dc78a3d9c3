// Batches of tokens and targets, shape [batch, seq], row-major; target t is token t + 1.
//
// Nothing here has state: a batch is a function of its place in the run, so that a resumed run
// needs only its step.
#ifndef HYDRA_RUNTIME_DATA_BATCHES_H_
#define HYDRA_RUNTIME_DATA_BATCHES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/data/token_file.h"

namespace hydra::data {

// The target that marks a position that does not count (model.md 10).
inline constexpr int32_t kIgnoredTarget = -100;

// Random windows for training. Keeps a reference to the file. Thread-safe.
class TrainingBatches {
 public:
  // kInput if the file has fewer than seq + 1 tokens.
  static absl::StatusOr<TrainingBatches> Create(const TokenFile& file, int64_t batch, int64_t seq,
                                                uint64_t seed);

  // Where the window of a row starts: uniform over all starts, keyed by seed, step, micro-batch,
  // row.
  uint64_t WindowStart(int64_t step, int64_t micro_batch, int64_t row) const;

  // Fills both spans of batch * seq ids. Errors are those of TokenFile::Read.
  absl::Status Fill(int64_t step, int64_t micro_batch, absl::Span<int32_t> tokens,
                    absl::Span<int32_t> targets) const;

  // Which row of which micro-batch: rows of one step are numbered micro_batch * batch + row.
  int64_t batch() const { return batch_; }
  int64_t seq() const { return seq_; }

 private:
  TrainingBatches(const TokenFile& file, int64_t batch, int64_t seq, uint64_t seed)
      : file_(&file), batch_(batch), seq_(seq), seed_(seed) {}
  const TokenFile* file_;
  int64_t batch_;
  int64_t seq_;
  uint64_t seed_;
};

// Consecutive windows that do not overlap: window w predicts tokens w * seq + 1 .. (w + 1) * seq.
// The last one may be shorter; what is missing is token 0 with kIgnoredTarget. Thread-safe.
class EvaluationBatches {
 public:
  // kInput if the file has fewer than 2 tokens.
  static absl::StatusOr<EvaluationBatches> Create(const TokenFile& file, int64_t batch,
                                                  int64_t seq);

  // Batches that cover the file; rows of the last one may be all ignored.
  int64_t count() const;
  // Fills both spans of batch * seq ids and returns how many targets count. Errors are those of
  // TokenFile::Read.
  absl::StatusOr<int64_t> Fill(int64_t index, absl::Span<int32_t> tokens,
                               absl::Span<int32_t> targets) const;

 private:
  EvaluationBatches(const TokenFile& file, int64_t batch, int64_t seq)
      : file_(&file), batch_(batch), seq_(seq) {}
  const TokenFile* file_;
  int64_t batch_;
  int64_t seq_;
};

}  // namespace hydra::data

#endif  // HYDRA_RUNTIME_DATA_BATCHES_H_
