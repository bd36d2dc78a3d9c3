// Passes of the autodiff stage.
#ifndef HYDRA_PASSES_AUTODIFF_PASSES_TD
#define HYDRA_PASSES_AUTODIFF_PASSES_TD

include "mlir/Pass/PassBase.td"

def HydraDifferentiate : Pass<"hydra-differentiate", "::mlir::ModuleOp"> {
  let summary = "Reverse-mode differentiation of training functions";
  let description = [{
    ```
    train(tokens, targets, W, ...) -> loss.total, ...
       |
       v
    accumulate(tokens, targets, W, ..., loss_scale, gradient W, present) -> loss.total, ..., gradient W', present'
    apply(W, gradient W, m/W, v/W, ..., steps, present, control ..., grad_norm_ema) -> all of them updated
    ```

    Works on straight-line functions of primitives, through `DifferentiableOpInterface`.

    * A function with `hydra.entry` `train` becomes `accumulate`: the gradient of output `loss.total` times
      control `loss_scale` is added to one accumulator per parameter that it reaches. Where the last op of a
      contribution is a matmul or scatter_rows, the accumulator becomes that op's own, so that no temporary of
      the parameter's size exists; several contributions form a chain in a fixed order (that of the backward
      pass). Parameters without a path to the loss get no accumulator, and their entry of `present` stays.
    * One function `apply` is added for the module: clip by global norm, AdamW for every parameter that has an
      accumulator in some function, and the control state (docs/contracts.md). A step whose norm is not finite
      changes no parameter and no moment.
    * What the host reads of a step, steps later, is marked with `hydra.reduce` as a field of the step record:
      outputs `loss.*` of `accumulate` ("mean" over the micro-batches) and every output of `apply` ("last").
    * A function with unit attribute `hydra.vjp` gets inputs `cotangent.RESULT` and outputs `gradient.ARGUMENT`
      (zeros where there is no path) behind its own.

    Adjoint ops keep the `hydra.scope` of the op they come from; their location is the forward location under
    the name "adjoint". Ops that nothing uses, unless probed, are removed; duplicates (scalar constants mostly)
    are left to `-cse`.

    A gradient that would have to pass an op without a derivative is an error that names the op. Values that
    carry none by definition: results of hydra.stop and of comparisons, the mask of hydra.select, integers, and
    the token loss of hydra.cross_entropy. `round` has a zero derivative, which counts as a gradient.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::hydra::HydraDialect"];
  let options = [
    Option<"probeGradients", "probe-gradients", "bool", "false",
           "Keep the raw gradient of every parameter as a value with hydra.probe = \"gradient.NAME\" and add it "
           "to the accumulator separately">];
  let statistics = [
    Statistic<"functionsDifferentiated", "functions", "Functions differentiated">,
    Statistic<"adjointOps", "adjoint-ops", "Adjoint ops created, before dead ones are removed">,
    Statistic<"accumulationsFolded", "folded-accumulations",
              "Gradient contributions added by the op that computes them">,
    Statistic<"accumulationsAdded", "added-accumulations",
              "Gradient contributions added by an op of their own">,
    Statistic<"parametersWithoutGradient", "parameters-without-gradient",
              "Parameter arguments that no gradient reaches">];
}

#endif // HYDRA_PASSES_AUTODIFF_PASSES_TD
