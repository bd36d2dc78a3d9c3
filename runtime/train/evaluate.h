// Loss on held-out tokens.
#ifndef HYDRA_RUNTIME_TRAIN_EVALUATE_H_
#define HYDRA_RUNTIME_TRAIN_EVALUATE_H_

#include <cstdint>

#include "runtime/base/status.h"
#include "runtime/data/token_shards.h"
#include "runtime/train/engine.h"

namespace hydra::train {

struct Evaluation {
  double loss = 0;     // mean over all predicted tokens, nats per token
  int64_t tokens = 0;  // predicted tokens
};

// Mean loss over consecutive windows of the file, at most `max_batches` of them (0: all). Every
// token weighs the same; sums are taken in order in float64. kOutOfRange if the loss is not finite.
absl::StatusOr<Evaluation> EvaluateTokens(TrainEngine& engine, const data::TokenShards& held_out,
                                          int64_t max_batches);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_EVALUATE_H_
