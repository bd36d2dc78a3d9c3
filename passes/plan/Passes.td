// Passes of the plan stage: functions of fusions to buffers, kernels and commands.
#ifndef HYDRA_PASSES_PLAN_PASSES_TD
#define HYDRA_PASSES_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanPass : Pass<"hydra-plan", "::mlir::ModuleOp"> {
  let summary = "Gives every value a place and every step a command";
  let description = [{
    Input: functions as `hydra-verify-fused` leaves them. Output: the plan dialect; functions are gone,
    `hydra.param` stays.

    * Regions are laid out over all functions: parameters and gradients in parameter-table order, then optimizer
      state, control, control state and cache; inputs and outputs per entry; constants by content. Everything is
      aligned to 64 bytes.
    * Inside an entry, values that die give their bytes to later ones (ArenaAllocator.h), kernels write over a
      dying operand where that is safe (InPlace.h), and results that update a bound argument are written into
      it; where the op cannot, or the old value is still needed, a copy at the end of the entry moves them.
    * All entries share one arena, as large as the largest needs.
    * The primitives of a fusion become one row program with a schedule (dialects/plan/RowSchedule.td), or stay if
      their kind has an emitter of its own. Fusions with equal bodies (scalars apart) become one `plan.kernel`; every matmul gets a tile shape
      (MatmulPlan.h).
    * Between two commands, `plan.dead` names the arena bytes whose value nobody reads any more.
    * `apply` begins with one `plan.collective` per bucket of consecutive gradients.

    A function without `hydra.entry` becomes an entry of its own name, and arguments and results without
    `hydra.binding` become inputs `argN` and outputs `resultN`. Argument attribute `hydra.initial` (a float) is
    the starting value of control and control-state scalars.
  }];
  let options = [Option<"bucketBytes", "bucket-bytes", "int64_t", /*default=*/"25 << 20",
                        "Largest number of gradient bytes in one collective">,
                 Option<"blocks", "blocks", "bool", /*default=*/"false",
                        "The target runs kernels as blocks of threads">];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of distinct kernels">,
    Statistic<"numLaunches", "num-launches", "Number of kernel launches">,
    Statistic<"numInPlace", "num-in-place", "Number of results written over a dying operand">,
    Statistic<"numCopies", "num-copies", "Number of copies inserted">,
    Statistic<"arenaBytes", "arena-bytes", "Bytes of the shared arena">,
    Statistic<"valueBytes", "value-bytes", "Bytes the arena of the largest entry would need without reuse">];
  let dependentDialects = ["::mlir::plan::PlanDialect", "::mlir::rows::RowsDialect"];
}

def AssignGeometryPass : Pass<"hydra-assign-geometry", "::mlir::ModuleOp"> {
  let summary = "Gives every launch its grid and blocks, for targets with blocks of threads";
  let description = [{ What they are is a function of the kernel: dialects/plan/GpuLaunch.h. }];
  let statistics = [Statistic<"numLaunches", "num-launches", "Number of launches with a geometry">];
}

def VerifyPlanPass : Pass<"hydra-verify-plan", "::mlir::ModuleOp"> {
  let summary = "Checks the invariants of the plan dialect";
  let description = [{
    Every reference lies inside its region (in every iteration of a repeat) and is aligned to its element; named
    buffers and constants do not overlap; commands fit their kernels (arguments, work items); the stages of a
    launch follow each other with the same arguments; operands of a command overlap only where one is exactly the
    place of the other and the kernel can do that in place; no command reads arena bytes that hold no value, be it
    that no earlier command of the entry wrote them (in every case of a switch), or that they are dead; every
    kernel is used; entries hold commands only and kernels primitives only.
  }];
  let statistics = [Statistic<"numCommands", "num-commands", "Number of commands checked">];
}

#endif // HYDRA_PASSES_PLAN_PASSES_TD
