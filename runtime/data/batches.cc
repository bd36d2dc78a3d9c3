#include "runtime/data/batches.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "runtime/base/did_you_mean.h"
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
absl::Status ReadRow(const TokenShards& from, uint64_t first, absl::Span<int32_t> tokens,
                     absl::Span<int32_t> targets) {
  HYDRA_RETURN_IF_ERROR(from.Read(first, tokens));
  return from.Read(first + 1, targets);
}

}  // namespace

absl::Span<const absl::string_view> DataOrderNames() {
  static constexpr absl::string_view kNames[] = {"random", "epochs", "sources"};
  return kNames;
}

absl::StatusOr<DataOrder> DataOrderNamed(absl::string_view name) {
  const absl::Span<const absl::string_view> names = DataOrderNames();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<DataOrder>(found - names.begin());
  return UsageError(absl::StrCat("expects ", absl::StrJoin(names, ", "), ", found '", name, "'",
                                 DidYouMean(name, names)));
}

absl::StatusOr<TrainingBatches> TrainingBatches::Create(const TokenShards& tokens, int64_t batch,
                                                        int64_t seq, uint64_t seed,
                                                        TrainingOptions options) {
  HYDRA_RETURN_IF_ERROR(CheckShape(batch, seq));
  if (tokens.size() < static_cast<uint64_t>(seq) + 1) {
    return InputError(absl::StrCat(tokens.path(), ": has ", tokens.size(), " tokens, a window of ",
                                   seq, " tokens and their targets needs ", seq + 1,
                                   "; use more text or a shorter --seq"));
  }
  if (options.order == DataOrder::kSources) {
    if (options.sources.empty()) {
      return InputError(absl::StrCat(tokens.path(),
                                     ": data_order=sources needs data that name "
                                     "their sources; make them again with 'hydra-run data text'"));
    }
    for (const SourceRange& source : options.sources) {
      if (source.end - source.begin > static_cast<uint64_t>(seq)) continue;
      return InputError(absl::StrCat(tokens.path(), ": source ", source.name, " has ",
                                     source.end - source.begin, " tokens, a window of ", seq,
                                     " tokens and their targets needs ", seq + 1,
                                     "; use data_order=random or a shorter --seq"));
    }
  }
  return TrainingBatches(tokens, batch, seq, seed, std::move(options));
}

void TrainingBatches::StartAt(int64_t step, uint64_t windows) {
  first_step_ = step;
  first_window_ = windows;
}

// Window `number` of the run, whose epochs are permutations of all windows: a Feistel network over
// the smallest square that holds them, repeated until it lands among them. It needs no memory.
uint64_t TrainingBatches::ShuffledWindow(uint64_t number) const {
  const uint64_t windows = (tokens_->size() - 1) / static_cast<uint64_t>(seq_);
  const uint64_t epoch = number / windows;
  int bits = 1;
  while (uint64_t{1} << (2 * bits) < windows) ++bits;
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  const Philox random(seed_, Hash64("data.epoch") + (epoch >> 32), static_cast<uint32_t>(epoch));
  constexpr uint64_t kRounds = 6;
  uint64_t window = number % windows;
  do {
    uint64_t left = window >> bits, right = window & mask;
    for (uint64_t round = 0; round < kRounds; ++round) {
      const uint64_t mixed =
          Philox(random.Bits(round), right, static_cast<uint32_t>(epoch)).Bits(round);
      const uint64_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    window = left << bits | right;
  } while (window >= windows);
  return window;
}

// The source by one draw of the micro-batch among the windows of all, the row by one among its own.
uint64_t TrainingBatches::StartInOneSource(int64_t step, int64_t micro_batch, int64_t row) const {
  const uint64_t position = static_cast<uint64_t>(step), seq = static_cast<uint64_t>(seq_);
  const auto stream = [&](absl::string_view name) {
    return Philox(seed_, Hash64(name) + (position >> 32), static_cast<uint32_t>(position));
  };
  uint64_t windows = 0;
  for (const SourceRange& source : options_.sources) windows += source.end - source.begin - seq;
  uint64_t drawn = stream("data.source").Below(static_cast<uint64_t>(micro_batch), windows);
  const SourceRange* chosen = options_.sources.data();
  while (drawn >= chosen->end - chosen->begin - seq) {
    drawn -= chosen->end - chosen->begin - seq;
    ++chosen;
  }
  const uint64_t number = static_cast<uint64_t>(micro_batch * batch_ + row);
  return chosen->begin + stream("data").Below(number, chosen->end - chosen->begin - seq);
}

std::optional<size_t> TrainingBatches::SourceOf(int64_t step, int64_t micro_batch) const {
  std::optional<size_t> common;
  for (int64_t row = 0; row < batch_; ++row) {
    const uint64_t start = WindowStart(step, micro_batch, row);
    const auto behind = std::upper_bound(
        options_.sources.begin(), options_.sources.end(), start,
        [](uint64_t first, const SourceRange& source) { return first < source.end; });
    if (behind == options_.sources.end() || start + static_cast<uint64_t>(seq_) >= behind->end)
      return std::nullopt;
    const size_t source = static_cast<size_t>(behind - options_.sources.begin());
    if (common && *common != source) return std::nullopt;
    common = source;
  }
  return common;
}

void TrainingBatches::Prefetch(int64_t step) const {
  for (int64_t micro = 0; micro < options_.micro_batches; ++micro) {
    for (int64_t row = 0; row < batch_; ++row) {
      tokens_->Prefetch(WindowStart(step, micro, row), static_cast<uint64_t>(seq_) + 1);
    }
  }
}

uint64_t TrainingBatches::WindowStart(int64_t step, int64_t micro_batch, int64_t row) const {
  if (options_.order == DataOrder::kEpochs) {
    const int64_t before = (step - first_step_) * windows_per_step() + micro_batch * batch_ + row;
    return ShuffledWindow(first_window_ + static_cast<uint64_t>(before)) *
           static_cast<uint64_t>(seq_);
  }
  if (options_.order == DataOrder::kSources) return StartInOneSource(step, micro_batch, row);
  // Steps beyond 2^32 move to another stream instead of repeating batches.
  const uint64_t position = static_cast<uint64_t>(step);
  const Philox random(seed_, Hash64("data") + (position >> 32), static_cast<uint32_t>(position));
  const uint64_t starts = tokens_->size() - static_cast<uint64_t>(seq_);
  return random.Below(static_cast<uint64_t>(micro_batch * batch_ + row), starts);
}

absl::Status TrainingBatches::Fill(int64_t step, int64_t micro_batch, absl::Span<int32_t> tokens,
                                   absl::Span<int32_t> targets) const {
  for (int64_t row = 0; row < batch_; ++row) {
    HYDRA_RETURN_IF_ERROR(ReadRow(*tokens_, WindowStart(step, micro_batch, row),
                                  tokens.subspan(row * seq_, seq_),
                                  targets.subspan(row * seq_, seq_)));
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluationBatches> EvaluationBatches::Create(const TokenShards& tokens,
                                                            int64_t batch, int64_t seq) {
  HYDRA_RETURN_IF_ERROR(CheckShape(batch, seq));
  if (tokens.size() < 2) {
    return InputError(absl::StrCat(tokens.path(), ": has ", tokens.size(),
                                   " tokens, evaluation needs at least 2"));
  }
  return EvaluationBatches(tokens, batch, seq);
}

int64_t EvaluationBatches::count() const {
  const int64_t predictions = static_cast<int64_t>(tokens_->size()) - 1;
  const int64_t windows = (predictions + seq_ - 1) / seq_;
  return (windows + batch_ - 1) / batch_;
}

absl::StatusOr<int64_t> EvaluationBatches::Fill(int64_t index, absl::Span<int32_t> tokens,
                                                absl::Span<int32_t> targets) const {
  std::fill(tokens.begin(), tokens.end(), 0);
  std::fill(targets.begin(), targets.end(), kIgnoredTarget);
  const int64_t predictions = static_cast<int64_t>(tokens_->size()) - 1;
  int64_t counted = 0;
  for (int64_t row = 0; row < batch_; ++row) {
    const int64_t first = (index * batch_ + row) * seq_;
    const int64_t length = std::min(seq_, predictions - first);
    if (length <= 0) break;
    HYDRA_RETURN_IF_ERROR(ReadRow(*tokens_, static_cast<uint64_t>(first),
                                  tokens.subspan(row * seq_, length),
                                  targets.subspan(row * seq_, length)));
    counted += length;
  }
  return counted;
}

}  // namespace hydra::data
