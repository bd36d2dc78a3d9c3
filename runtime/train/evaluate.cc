#include "runtime/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "runtime/data/batches.h"

namespace hydra::train {
namespace {

// Sums of losses by source.
class SourceSums {
 public:
  explicit SourceSums(const data::SourceMap& map) : map_(map) {}

  void Add(uint64_t token, double loss) {
    const size_t source = map_.At(token);
    if (source >= sums_.size()) sums_.resize(source + 1);
    sums_[source].loss += loss;
    ++sums_[source].tokens;
  }
  std::vector<SourceLoss> Means() const {
    std::vector<SourceLoss> means;
    for (size_t source = 0; source < sums_.size(); ++source) {
      const SourceLoss& sum = sums_[source];
      if (sum.tokens == 0) continue;
      means.push_back({source, sum.loss / static_cast<double>(sum.tokens), sum.tokens});
    }
    return means;
  }

 private:
  const data::SourceMap& map_;
  std::vector<SourceLoss> sums_;
};

}  // namespace

absl::StatusOr<Evaluation> EvaluateTokens(TrainEngine& engine, const data::TokenShards& held_out,
                                          int64_t max_batches, const data::SourceMap* sources) {
  const int64_t batch = engine.eval_batch(), seq = engine.eval_seq();
  if (batch == 0) {
    return InputError(
        "the artifact has no evaluation entry; compile the model with --entry=eval@BxS");
  }
  HYDRA_ASSIGN_OR_RETURN(const data::EvaluationBatches batches,
                         data::EvaluationBatches::Create(held_out, batch, seq));
  const int64_t count = max_batches > 0 ? std::min(max_batches, batches.count()) : batches.count();
  std::vector<int32_t> tokens(batch * seq), targets(batch * seq);
  std::vector<float> losses(batch * seq);
  double sum = 0;
  Evaluation result;
  std::optional<SourceSums> by_source;
  if (sources != nullptr && sources->size() > 0) by_source.emplace(*sources);
  for (int64_t i = 0; i < count; ++i) {
    HYDRA_ASSIGN_OR_RETURN(const int64_t counted,
                           batches.Fill(i, absl::MakeSpan(tokens), absl::MakeSpan(targets)));
    result.tokens += counted;
    HYDRA_RETURN_IF_ERROR(engine.Evaluate(tokens, targets, absl::MakeSpan(losses)));
    for (size_t j = 0; j < losses.size(); ++j) {
      if (targets[j] == data::kIgnoredTarget) continue;
      sum += losses[j];
      if (!by_source) continue;
      const int64_t row = static_cast<int64_t>(j) / seq;
      by_source->Add(batches.TargetStart(i, row) + j - static_cast<uint64_t>(row * seq), losses[j]);
    }
  }
  result.loss = sum / static_cast<double>(result.tokens);
  if (!std::isfinite(result.loss)) {
    return NumericalError(absl::StrCat(held_out.path(), ": the loss is ", result.loss,
                                       ", expected a finite number; the weights are damaged "
                                       "or training diverged"));
  }
  if (by_source) result.sources = by_source->Means();
  return result;
}

}  // namespace hydra::train
