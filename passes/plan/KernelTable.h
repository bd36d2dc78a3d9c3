// Fusions with equal bodies become one kernel.
#ifndef HYDRA_PASSES_PLAN_KERNELTABLE_H
#define HYDRA_PASSES_PLAN_KERNELTABLE_H

#include "dialects/plan/KernelWork.h"
#include "dialects/plan/OverwriteTable.h"
#include "dialects/plan/PlanDialect.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::plan {

// What a launch of a fusion needs to know.
struct KernelUse {
  KernelOp kernel;
  SmallVector<int64_t> scalars;
};

// Creates plan.kernel ops at the builder's insertion point: the row program of a fusion and its
// schedule, or its one primitive. Fusions of one structure have one kernel; bodies are compared as
// text, with scalars neutral and without locations and discardable attributes; the hash (XXH3 128)
// of that text names the kernel.
class KernelTable {
public:
  explicit KernelTable(const OpBuilder &builder, Workers workers = Workers::processor)
      : builder(builder), workers(workers) {}

  // Fails, with a diagnostic, if the primitives of the fusion do not make one kernel.
  LogicalResult add(hydra::FusionOp fusion);
  // The kernel of a fusion that was added.
  const KernelUse &lookup(hydra::FusionOp fusion) const { return uses.find(fusion)->second; }

  // Of the kernel of a fusion that was added.
  bool mayOverwrite(hydra::FusionOp fusion, unsigned operand, unsigned result) const {
    return overwrites.mayOverwrite(lookup(fusion).kernel, operand, result);
  }

  int64_t size() const { return static_cast<int64_t>(kernels.size()); }
  // Scratch bytes that one worker needs for any of the kernels.
  int64_t scratchBytes() const { return scratch; }

private:
  FailureOr<KernelOp> create(hydra::FusionOp fusion, hydra::FusionOp copy);

  OpBuilder builder;
  Workers workers;
  llvm::StringMap<KernelOp> sources; // by the structure of the primitives
  llvm::StringMap<KernelOp> kernels; // by the text of the kernel
  llvm::StringMap<int> names;
  DenseMap<Operation *, KernelUse> uses; // of fusions
  OverwriteTable overwrites;
  int64_t scratch = 0;
};

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_KERNELTABLE_H
