// Loss on held-out tokens.
#ifndef HYDRA_RUNTIME_TRAIN_EVALUATE_H_
#define HYDRA_RUNTIME_TRAIN_EVALUATE_H_

#include <cstdint>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/data/source_map.h"
#include "runtime/data/token_shards.h"
#include "runtime/train/engine.h"

namespace hydra::train {

// The tokens of one source among those evaluated.
struct SourceLoss {
  size_t source = 0;  // its number
  double loss = 0;    // mean over its predicted tokens
  int64_t tokens = 0;
};

struct Evaluation {
  double loss = 0;                       // mean over all predicted tokens, nats per token
  int64_t tokens = 0;                    // predicted tokens
  std::vector<SourceLoss> sources = {};  // that have predicted tokens, by number
};

// Mean loss over consecutive windows of the file, at most `max_batches` of them (0: all). Every
// token weighs the same; sums are taken in order in float64. kOutOfRange if the loss is not finite.
// With `sources`, the map of these tokens, also the loss of each source: of a token that is
// predicted, whatever stands before it.
absl::StatusOr<Evaluation> EvaluateTokens(TrainEngine& engine, const data::TokenShards& held_out,
                                          int64_t max_batches,
                                          const data::SourceMap* sources = nullptr);

}  // namespace hydra::train

#endif  // HYDRA_RUNTIME_TRAIN_EVALUATE_H_
