#include "runtime/data/batches.h"

#include <algorithm>

#include "runtime/base/hash.h"
#include "runtime/base/philox.h"

namespace hydra::data {
namespace {

absl::Status CheckShape(int64_t batch, int64_t seq) {
  if (batch <= 0 || seq <= 0) {
    return UsageError(
        absl::StrCat("batch and sequence length must be positive, found ", batch, " x ", seq));
  }
  return absl::OkStatus();
}

// One row: the ids from `first`, and the ids that follow each.
absl::Status ReadRow(const TokenFile& file, uint64_t first, absl::Span<int32_t> tokens,
                     absl::Span<int32_t> targets) {
  HYDRA_RETURN_IF_ERROR(file.Read(first, tokens));
  return file.Read(first + 1, targets);
}

}  // namespace

absl::StatusOr<TrainingBatches> TrainingBatches::Create(const TokenFile& file, int64_t batch,
                                                        int64_t seq, uint64_t seed) {
  HYDRA_RETURN_IF_ERROR(CheckShape(batch, seq));
  if (file.size() < static_cast<uint64_t>(seq) + 1) {
    return InputError(absl::StrCat(file.path(), ": has ", file.size(), " tokens, a window of ", seq,
                                   " tokens and their targets needs ", seq + 1,
                                   "; use more text or a shorter --seq"));
  }
  return TrainingBatches(file, batch, seq, seed);
}

uint64_t TrainingBatches::WindowStart(int64_t step, int64_t micro_batch, int64_t row) const {
  // Steps beyond 2^32 move to another stream instead of repeating batches.
  const uint64_t position = static_cast<uint64_t>(step);
  const Philox random(seed_, Hash64("data") + (position >> 32), static_cast<uint32_t>(position));
  const uint64_t starts = file_->size() - static_cast<uint64_t>(seq_);
  return random.Below(static_cast<uint64_t>(micro_batch * batch_ + row), starts);
}

absl::Status TrainingBatches::Fill(int64_t step, int64_t micro_batch, absl::Span<int32_t> tokens,
                                   absl::Span<int32_t> targets) const {
  for (int64_t row = 0; row < batch_; ++row) {
    HYDRA_RETURN_IF_ERROR(ReadRow(*file_, WindowStart(step, micro_batch, row),
                                  tokens.subspan(row * seq_, seq_),
                                  targets.subspan(row * seq_, seq_)));
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluationBatches> EvaluationBatches::Create(const TokenFile& file, int64_t batch,
                                                            int64_t seq) {
  HYDRA_RETURN_IF_ERROR(CheckShape(batch, seq));
  if (file.size() < 2) {
    return InputError(
        absl::StrCat(file.path(), ": has ", file.size(), " tokens, evaluation needs at least 2"));
  }
  return EvaluationBatches(file, batch, seq);
}

int64_t EvaluationBatches::count() const {
  const int64_t predictions = static_cast<int64_t>(file_->size()) - 1;
  const int64_t windows = (predictions + seq_ - 1) / seq_;
  return (windows + batch_ - 1) / batch_;
}

absl::StatusOr<int64_t> EvaluationBatches::Fill(int64_t index, absl::Span<int32_t> tokens,
                                                absl::Span<int32_t> targets) const {
  std::fill(tokens.begin(), tokens.end(), 0);
  std::fill(targets.begin(), targets.end(), kIgnoredTarget);
  const int64_t predictions = static_cast<int64_t>(file_->size()) - 1;
  int64_t counted = 0;
  for (int64_t row = 0; row < batch_; ++row) {
    const int64_t first = (index * batch_ + row) * seq_;
    const int64_t length = std::min(seq_, predictions - first);
    if (length <= 0) break;
    HYDRA_RETURN_IF_ERROR(ReadRow(*file_, static_cast<uint64_t>(first),
                                  tokens.subspan(row * seq_, length),
                                  targets.subspan(row * seq_, length)));
    counted += length;
  }
  return counted;
}

}  // namespace hydra::data
