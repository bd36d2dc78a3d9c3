#include "runtime/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/data/batches.h"

namespace hydra::train {

absl::StatusOr<Evaluation> EvaluateTokens(TrainEngine& engine, const data::TokenShards& held_out,
                                          int64_t max_batches) {
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
  for (int64_t i = 0; i < count; ++i) {
    HYDRA_ASSIGN_OR_RETURN(const int64_t counted,
                           batches.Fill(i, absl::MakeSpan(tokens), absl::MakeSpan(targets)));
    result.tokens += counted;
    HYDRA_RETURN_IF_ERROR(engine.Evaluate(tokens, targets, absl::MakeSpan(losses)));
    for (size_t j = 0; j < losses.size(); ++j) {
      if (targets[j] != data::kIgnoredTarget) sum += losses[j];
    }
  }
  result.loss = sum / static_cast<double>(result.tokens);
  if (!std::isfinite(result.loss)) {
    return NumericalError(absl::StrCat(held_out.path(), ": the loss is ", result.loss,
                                       ", expected a finite number; the weights are damaged "
                                       "or training diverged"));
  }
  return result;
}

}  // namespace hydra::train
