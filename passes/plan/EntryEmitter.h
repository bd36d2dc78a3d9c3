// Commands of one entry.
#ifndef HYDRA_PASSES_PLAN_ENTRYEMITTER_H
#define HYDRA_PASSES_PLAN_ENTRYEMITTER_H

#include "passes/plan/KernelTable.h"
#include "passes/plan/StorageAssignment.h"

namespace mlir::plan {

struct EntryCounts {
  int64_t launches = 0;
  int64_t copies = 0;
};

// Emits plan.entry for `function` at the builder's insertion point. `bucketBytes` bounds a
// collective.
EntryCounts emitEntry(OpBuilder &builder, func::FuncOp function, const SharedLayout &shared,
                      const StorageAssignment &storage, const KernelTable &kernels,
                      int64_t bucketBytes);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_ENTRYEMITTER_H
