// Passes of the remat stage: what is held in memory while a step runs.
#ifndef HYDRA_PASSES_REMAT_PASSES_TD
#define HYDRA_PASSES_REMAT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ChunkCrossEntropyPass : Pass<"hydra-chunk-cross-entropy", "::mlir::func::FuncOp"> {
  let summary = "Cuts the rows of logits, their loss and their gradient into chunks that follow each other";
  let description = [{
    ```
    logits = h W^T            [N, V]        for each chunk of rows:
    loss, token_loss = cross_entropy          logits_i = h_i W^T, token_loss_i = cross_entropy
    d = cross_entropy_grad                    d_i = cross_entropy_grad
    dh = d W                                  dh_i = d_i W
    dW += d^T h                               dW += d_i^T h_i
    ```

    So that nothing of the size [N, V] exists, forward and backward of a chunk run together: the gradient needs of the
    loss only its scale and the number of valid targets, which are known before. Rows are read and written where they
    lie (`hydra.slice_rows`, `hydra.concat_rows`). The chunk is chosen from the shape alone (LossChunk.h), so that train
    and eval entries of one shape, probed or not, compute the same bits; dW and the loss are added in ascending rows.

    The whole head is taken: the matmul, casts and reshapes of what it makes, loss, gradient, and both products of it.
    Logits that are a result of the function (hydra-probe) are joined from the chunks. Left alone, with a remark of category
    `memory` that says why, if anything else reads them (WIDE_USE), the matmul is no plain product (HEAD), or the gradient
    needs what is made of the loss itself (DEPENDS).
  }];
  let options = [Option<"rows", "rows", "int64_t", /*default=*/"0", "Rows of a chunk; 0: chosen by cost">];
  let statistics = [
    Statistic<"numChunked", "num-chunked", "Number of cross-entropies cut into chunks">,
    Statistic<"numChunks", "num-chunks", "Number of chunks made">,
    Statistic<"bytesSaved", "bytes-saved", "Bytes of logits that are not held">];
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

def RematerialisePass : Pass<"hydra-rematerialise", "::mlir::ModuleOp"> {
  let summary = "Values of the forward half are computed again in the backward half instead of being kept";
  let description = [{
    ```
    gate_up = matmul(n, W)              gate_up = matmul(n, W)
    act = swiglu(gate_up)               act = swiglu(gate_up)
    ...                                 ...
    dW += dy^T act                      act' = swiglu(after(gate_up, dy));  dW += dy^T act'
    ```

    * Always: row programs (norms, swiglu, casts, ...) of values that are there anyway, if they are not small and not read
      again soon.
    * With `memory-budget`, where all that is planned takes more: of every function whose arena is larger than what the
      rest leaves, whole scopes, those first that free most bytes for their operations, as few as are needed. The planner itself, run on a copy after the fusion passes, says what fits.
      A budget that cannot be met is an error that names the least that can be reached and the largest live values.

    Never recomputed: integers, and whatever selections, sorts and counts are made of, up to the products that score; nor
    products marked `full_precision`. A clone reads what it needs behind `hydra.after` a gradient, so that neither CSE nor
    fusion merges it with its original. It is the same op on the same values: gradients keep their bits.
    Remarks of category `memory` name what is recomputed (CHEAP, SCOPE).
  }];
  let options = [Option<"memoryBudget", "memory-budget", "int64_t", /*default=*/"0",
                        "Bytes that all planned memory may take; 0: no limit">];
  let statistics = [Statistic<"numCheap", "num-cheap", "Number of row programs that always run again">,
                    Statistic<"numScopes", "num-scopes", "Number of scopes recomputed for the budget">,
                    Statistic<"numClones", "num-clones", "Number of clones made">];
  let dependentDialects = ["::mlir::hydra::HydraDialect", "::mlir::plan::PlanDialect",
                           "::mlir::rows::RowsDialect"];
}

#endif // HYDRA_PASSES_REMAT_PASSES_TD
