// What routers leave for the losses of a training step (model.md 7-10) and for the host. Private to
// this folder.
#ifndef HYDRA_PASSES_LOWERING_ROUTINGTERMS_H
#define HYDRA_PASSES_LOWERING_ROUTINGTERMS_H

#include "dialects/hydra/HydraDialect.h"

#include <map>
#include <string>

namespace mlir::hydra {

// Of the depth router of one block.
struct DepthTerms {
  // One of the calls that count (Q10): weighted losses, none if the weight is 0; and scores [B, S]
  // in the order of tokens, none without loss-aware term.
  SmallVector<Value> balances, scores;
  // Weighted losses of the passes that selected; none without weight.
  SmallVector<Value> predictions;
  SmallVector<Value> means, variances; // of the same calls: router probabilities, scalars
  bool finished = false;               // the last pass of a path has been seen
  double capacity = 1.0;
  Value lossAwareWeight; // null: the loss-aware term is off
};

// Of one adaptive recursion.
struct RecursionTerms {
  Value depth;  // [B, S]: p (R - 1)
  Value ponder; // times the blend
  double advantageScale = 0.1;
};

// Of one expert layer.
struct ExpertTerms {
  Value balance; // weighted loss; null if its weight is 0
  Value teacher;
};

// What the host wants to know of the routing.
struct RoutingField {
  std::string name; // of the output, e.g. route.mor.0.tokens, invalid.layers.0.mor_router.router
  Value value;      // f32 or i32
  StringRef reduce; // over micro-batches
};

// The rows of one call of an MLP.
struct MlpCall {
  Value rows; // i32 scalar; null: `limit` of them
  int64_t limit;
  double rowFlops; // of its products, forward
};

struct RoutingTerms {
  std::map<int64_t, DepthTerms> depths; // by block
  SmallVector<RecursionTerms> recursions;
  SmallVector<ExpertTerms> experts;
  SmallVector<RoutingField> fields;
  SmallVector<MlpCall> mlpCalls;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_ROUTINGTERMS_H
