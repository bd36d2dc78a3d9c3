// What the planner would make of a function: the planner itself, run on a copy.
#ifndef HYDRA_PASSES_REMAT_ARENAESTIMATE_H
#define HYDRA_PASSES_REMAT_ARENAESTIMATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>
#include <string>

namespace mlir::hydra {

// Appends what brings primitives into the form that hydra-plan takes.
using AppendFusion = std::function<void(OpPassManager &)>;

struct ArenaEstimate {
  struct Live {
    int64_t bytes;
    std::string what; // the ops that make it
    Location location;
  };
  int64_t bytes = 0;
  SmallVector<Live> largest; // at the step where most is alive, largest first
};

// Of a copy of `function` after `change`, which may be null. Leaves the module as it is. Fails with
// the diagnostics of what failed.
FailureOr<ArenaEstimate> estimateArena(func::FuncOp function, const AppendFusion &fusion,
                                       llvm::function_ref<void(func::FuncOp)> change);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_ARENAESTIMATE_H
