// The part of a program that works on logits: found as a whole, or refused with a reason.
#ifndef HYDRA_PASSES_REMAT_LOSSHEAD_H
#define HYDRA_PASSES_REMAT_LOSSHEAD_H

#include "dialects/hydra/HydraDialect.h"
#include "llvm/ADT/SetVector.h"

#include <string>

namespace mlir::hydra {

struct LossHead {
  CrossEntropyOp loss;
  MatmulOp logits;
  int64_t rows = 0, vocabulary = 0;
  // Everything that reads or makes something of the size of the logits, in program order: `logits`,
  // `loss`, casts and reshapes, cross_entropy_grad, and products with such a left factor.
  SmallVector<Operation *> members;
  // Of those, what somebody needs as a whole.
  llvm::SmallSetVector<Value, 2> whole;
};

// Why a head stays as it is: a code of hydra-chunk-cross-entropy and the words behind it.
struct LossRefusal {
  StringRef code;
  std::string reason;
  Operation *op = nullptr; // the one that does not fit
};

// The head of `loss`. On failure `refusal` says why.
FailureOr<LossHead> findLossHead(CrossEntropyOp loss, LossRefusal &refusal);

// Moves what the members need of the rest of the program in front of `loss`. Fails, changing
// nothing, if some of it depends on a member.
LogicalResult hoistOperands(const LossHead &head, LossRefusal &refusal);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_LOSSHEAD_H
