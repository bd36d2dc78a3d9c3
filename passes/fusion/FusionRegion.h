// From ops of a block to a hydra.fusion that holds copies of them.
#ifndef HYDRA_PASSES_FUSION_FUSIONREGION_H
#define HYDRA_PASSES_FUSION_FUSIONREGION_H

#include "passes/fusion/FusionGraph.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::hydra {

// A fusion at the builder's insertion point over copies of `members`, which are in program order.
// Aliases between them, and cuts of columns before them, are copied too. Its results are those of
// the members that something else reads, all results of a single one, in `results`.
FusionOp copyRegion(OpBuilder &builder, const FusionGraph &graph, ArrayRef<Operation *> members,
                    FusionKind kind, StringRef reason, SmallVectorImpl<Value> &results);

// What such a fusion would hold, before anything is copied; for judging.
class RegionOutline {
public:
  RegionOutline(const FusionGraph &graph, ArrayRef<Operation *> members);

  // Members, and aliases before their readers.
  ArrayRef<Operation *> ops() const { return order; }
  ArrayRef<Value> inputs() const { return read.getArrayRef(); }
  ArrayRef<Value> results() const { return given; }
  // Equal for regions of equal cost.
  std::string structure() const;
  // Copies of the ops as the body of `fusion`, which has none yet.
  void fill(OpBuilder &builder, FusionOp fusion) const;
  // The fusion, detached; the caller owns it.
  OwningOpRef<FusionOp> copy() const;

private:
  bool isCopied(Value value) const;
  void require(Value value);

  const FusionGraph &graph;
  llvm::DenseSet<Operation *> inside; // the members
  SmallVector<Operation *> order;
  llvm::SetVector<Value> read;
  SmallVector<Value> given;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_FUSION_FUSIONREGION_H
