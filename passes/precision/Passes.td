// Passes of the precision stage: which values are bf16.
#ifndef HYDRA_PASSES_PRECISION_PASSES_TD
#define HYDRA_PASSES_PRECISION_PASSES_TD

include "mlir/Pass/PassBase.td"

def HydraLowerPrecision : Pass<"hydra-lower-precision", "::mlir::ModuleOp"> {
  let summary = "Matmuls and attention take bf16 operands; results are float32 except between products";
  let description = [{
    Every `hydra.matmul` of float32 operands, unless marked `full_precision`, gets them rounded to bf16 by
    `hydra.cast`; products are summed in float32 and the result stays float32. So the residual stream, norms,
    rotary, softmax, routers, losses and the optimizer are float32 throughout (model.md 14).

    A value is rounded once, right where it is made, whoever multiplies it: the copy that the forward product
    reads is the one that the weight gradient reads, and the float32 value need not be kept. A reshape of a value
    is a reshape of its copy. With a row count, copies of other counts are other copies.

    So do `hydra.attention` (q, k, v) and `hydra.attention_grad` (dy too) of an even head width, unless they read a cache,
    which is float32.

    What stands between products is bf16 on both sides: `swiglu`, `swiglu_grad`, `cross_entropy` and its gradient
    whose operands are results of products that nothing else reads, and whose results only products read. They are
    most of the bytes that move outside of products; in between they compute in float32, and a loss is float32.
    Logits that are a result go out as the loss saw them.

    A product of which only rounded copies are read is made rounded, and so is one that only the gradient of a norm reads.
  }];
  let statistics = [Statistic<"numMatmuls", "num-matmuls", "Number of matmuls with rounded operands">,
                    Statistic<"numAttentions", "num-attentions", "Number of attentions with rounded operands">,
                    Statistic<"numCasts", "num-casts", "Number of values rounded">,
                    Statistic<"numActivations", "num-activations", "Number of ops between products that read and write bf16">,
                    Statistic<"numRoundedProducts", "num-rounded-products", "Number of other products whose result is bf16">];
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

def HydraDeriveWeights : Pass<"hydra-derive-weights", "::mlir::ModuleOp"> {
  let summary = "One bf16 copy per weight, made when the weight changes";
  let description = [{
    ```
    accumulate(W ...)  { cast W }      accumulate(W ..., derived W)
    apply(W ...) -> W'                 apply(W ...) -> W', derived W' = cast W'
                                       derive(W) -> derived W = cast W
    ```

    A cast of a parameter argument to bf16 becomes an argument of kind `derived`, so that no pass, entry or
    micro-batch rounds it again. `derive` fills the copies after weights were initialised, loaded or imported;
    `apply` does for those it updates. Copies are not checkpointed.
  }];
  let statistics = [Statistic<"numDerived", "num-derived", "Number of weights with a copy">];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::hydra::HydraDialect"];
}

#endif // HYDRA_PASSES_PRECISION_PASSES_TD
