// What the planner would make of functions: the planner itself, run on copies.
#ifndef HYDRA_PASSES_REMAT_MEMORYESTIMATE_H
#define HYDRA_PASSES_REMAT_MEMORYESTIMATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/plan/RegionLayout.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>
#include <string>

namespace mlir::hydra {

// Appends what brings primitives into the form that hydra-plan takes.
using AppendFusion = std::function<void(OpPassManager &)>;

struct MemoryEstimate {
  struct Live {
    int64_t bytes;
    std::string what; // the ops that make it
    Location location;
  };
  plan::RegionSizes sizes;
  // In the largest arena, at the step where most is alive, largest first.
  SmallVector<Live> largest;

  int64_t arenaBytes() const { return sizes.get(plan::Region::arena); }
};

// Of copies of `functions`, which are of one module, after `change(function, copy)`. Leaves the
// module as it is. Fails with the diagnostics of what failed.
FailureOr<MemoryEstimate>
estimateMemory(ArrayRef<func::FuncOp> functions, const AppendFusion &fusion,
               llvm::function_ref<void(func::FuncOp, func::FuncOp)> change);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_MEMORYESTIMATE_H
