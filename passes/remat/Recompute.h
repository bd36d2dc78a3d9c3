// Runs forward ops again in the backward half.
#ifndef HYDRA_PASSES_REMAT_RECOMPUTE_H
#define HYDRA_PASSES_REMAT_RECOMPUTE_H

#include "passes/remat/Carried.h"

namespace mlir::hydra {

// Gives every reader in the backward half a clone of what `repeated` ops make, in front of the
// first one that needs it. What a clone reads of the forward half stands behind hydra.after, whose
// event is a gradient that this reader waits for too: so no clone is merged with its original, none
// runs early, and neighbours of the clone that read the same value read it there. Clones keep scope
// and bits and lose the probe; their location is the original's under the name "recomputed".
// Returns their number.
int64_t recompute(func::FuncOp function, const Carried &carried,
                  const llvm::DenseSet<Operation *> &repeated);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_RECOMPUTE_H
