// The losses of a training step and the state they keep (model.md 10). Private to this folder.
#ifndef HYDRA_PASSES_LOWERING_ROUTINGLOSSES_H
#define HYDRA_PASSES_LOWERING_ROUTINGLOSSES_H

#include "dialects/hydra/ModelRules.h"
#include "passes/lowering/EntryFunction.h"
#include "passes/lowering/PrimitiveEmitter.h"
#include "passes/lowering/RoutingTerms.h"

namespace mlir::hydra {

// Which terms a program has, whatever its variant.
struct LossRequest {
  bool routed = false; // a model with recursions: reports its balance loss, 0 without routers
  ModelRules rules;
  bool baseline = false; // some router learns from token losses: keep their moving statistics
};

// total = ce + min(aux, 100) + ponder_weight min(ponder, 100) + min(moe_aux, 100)
//            + moe_teacher_weight min(moe_teacher, 100) + min(advantage_weight adv, 10)
class RoutingLosses {
public:
  RoutingLosses(PrimitiveEmitter &emit, EntryFunction &function, Location location)
      : emit(emit), function(function), location(location) {}

  // Adds the loss outputs of a `train` entry, and the baseline as control state.
  void add(CrossEntropyOp crossEntropy, const RoutingTerms &terms, const LossRequest &request);

private:
  // The sum of `values` as output loss.NAME; null if there are none.
  Value addSum(ArrayRef<Value> values, StringRef name);
  // total += weight * min(term, cap); `weight` may be null.
  void addToTotal(Value term, double cap, Value weight);
  Value addAdvantage(CrossEntropyOp crossEntropy, const RoutingTerms &terms,
                     const ModelRules &rules);
  Value lossAware(int64_t block, const DepthTerms &depth, Value tokenLoss, Value valid);
  // Updates the moving mean and variance of token losses, and returns A(l) by the new ones, or by
  // those before (Q12).
  Value updateBaseline(Value tokenLoss, Value valid, bool readBefore);
  Value control(StringRef name, double initial);
  Value controlState(StringRef name, double initial);

  PrimitiveEmitter &emit;
  EntryFunction &function;
  Location location;
  Value total;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_ROUTINGLOSSES_H
