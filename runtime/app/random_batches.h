// Random tokens for measurements that need no data.
#ifndef HYDRA_RUNTIME_APP_RANDOM_BATCHES_H_
#define HYDRA_RUNTIME_APP_RANDOM_BATCHES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/train/engine.h"

namespace hydra::app {

// Uniform ids below `vocab_size`, the same in every run.
void RandomTokens(int64_t vocab_size, uint64_t stream, absl::Span<int32_t> tokens);

// One step on random tokens, with controls that leave the weights as they are; later steps that
// stage nothing repeat it.
absl::Status StepOnRandomTokens(train::TrainEngine& engine);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_RANDOM_BATCHES_H_
