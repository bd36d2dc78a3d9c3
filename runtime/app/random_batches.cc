#include "runtime/app/random_batches.h"

#include <algorithm>
#include <vector>

#include "runtime/base/philox.h"

namespace hydra::app {

void RandomTokens(int64_t vocab_size, uint64_t stream, absl::Span<int32_t> tokens) {
  const Philox random(0, stream);
  const uint64_t bound = static_cast<uint64_t>(std::max<int64_t>(1, vocab_size));
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>(random.Below(i, bound));
  }
}

absl::Status StepOnRandomTokens(train::TrainEngine& engine) {
  for (int64_t micro = 0; micro < engine.micro_batches(); ++micro) {
    HYDRA_ASSIGN_OR_RETURN(const train::TrainEngine::BatchMemory batch, engine.StageBatch(micro));
    RandomTokens(engine.facts().vocab_size, static_cast<uint64_t>(2 * micro), batch.tokens);
    RandomTokens(engine.facts().vocab_size, static_cast<uint64_t>(2 * micro + 1), batch.targets);
  }
  const std::pair<const char*, double> controls[] = {
      {"loss_scale", 1.0 / static_cast<double>(engine.micro_batches())},
      {"lr", 0.0},
      {"weight_decay", 0.0},
      {"clip_min", 50.0},
      {"clip_max", 3000.0},
      {"spike_norm", 1e30},
      {"spike_lr_factor", 1.0}};
  for (const auto& [name, value] : controls) {
    const std::optional<size_t> control = engine.FindControl(name);
    if (control) engine.SetControl(*control, value);
  }
  HYDRA_ASSIGN_OR_RETURN(const int64_t number, engine.SubmitStep());
  train::StepResults results;
  return engine.ReadStep(number, results);
}

}  // namespace hydra::app
