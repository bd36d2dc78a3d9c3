// From ops of a block to a hydra.fusion that holds copies of them.
#ifndef HYDRA_PASSES_FUSION_FUSIONREGION_H
#define HYDRA_PASSES_FUSION_FUSIONREGION_H

#include "passes/fusion/FusionGraph.h"

namespace mlir::hydra {

// A fusion at the builder's insertion point over copies of `members`, which are in program order.
// Aliases between them, and cuts of columns before them, are copied too. Its results are those of
// the members that something else reads, all results of a single one, in `results`.
FusionOp copyRegion(OpBuilder &builder, const FusionGraph &graph, ArrayRef<Operation *> members,
                    FusionKind kind, StringRef reason, SmallVectorImpl<Value> &results);

// As above, detached and for judging only; the caller owns it.
OwningOpRef<FusionOp> detachedRegion(const FusionGraph &graph, ArrayRef<Operation *> members);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_FUSIONREGION_H
