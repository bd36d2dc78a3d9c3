// Primitive tier: ops that move rows by index.
#ifndef HYDRA_MOVE_OPS_TD
#define HYDRA_MOVE_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_EmbeddingOp : Hydra_PrimitiveOp<"embedding", [TokenWiseOpInterface]> {
  let summary = "Rows of a table chosen by token, times a factor (model.md 2)";
  let description = [{
    table [V, D], tokens i32 [...] -> [..., D]. Tokens are clamped to 0 .. V-1.
    Constraints: C1 the table has two axes; C2 it is not empty.
  }];
  let arguments = (ins Hydra_FloatTensor:$table, Hydra_IntTensor:$tokens,
                       Optional<Hydra_ScalarInt>:$rows, F64Attr:$scale);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_GatherRowsOp : Hydra_PrimitiveOp<"gather_rows"> {
  let summary = "y[i] = x[index[i]]";
  let description = [{
    x [N, C], index i32 [n] -> [n, C]; `rows` bounds the index list. Indices are clamped to 0 .. N-1. `unique`
    promises that no index that counts occurs twice, which makes the adjoint a scatter with unique targets.
    Constraints: C1 x has two axes, index one; C2 N > 0.
  }];
  let arguments = (ins Hydra_Tensor:$x, Hydra_IntTensor:$index, Optional<Hydra_ScalarInt>:$rows,
                       UnitAttr:$unique);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_ScatterRowsOp : Hydra_PrimitiveOp<"scatter_rows", [AttrSizedOperandSegments]> {
  let summary = "y[n] = accumulator[n] + scale * sum of x[i] with index[i] = n, added in the order of i";
  let description = [{
    x [..., C], index i32 of x's leading shape -> [size, C]; without `accumulator` from zero. Indices are
    clamped to 0 .. size-1. Duplicates are added in ascending i, whatever the number of threads. `unique` promises
    that no index that counts occurs twice; rows can then be written independently. The adjoint of gather_rows
    and of embedding.
    Constraints: C1 index has x's leading shape; C2 `size` > 0; C3 the accumulator has the result's type.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Hydra_IntTensor:$index,
                       Optional<Hydra_FloatTensor>:$accumulator, Optional<Hydra_ScalarInt>:$rows,
                       I64Attr:$size, F64Attr:$scale, UnitAttr:$unique);
  let results = (outs Hydra_FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $index (`accumulate` $accumulator^)? (`rows` $rows^)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Hydra_CacheUpdateOp : Hydra_PrimitiveOp<"cache_update", [NotDifferentiable]> {
  let summary = "Writes the first count[b] rows of x[b] into a cache from position[b] on, in place";
  let description = [{
    cache [B, P, C], x [B, S, C] -> [B, P, C]. Rows beyond P are dropped.
    Constraints: C1 three axes each; C2 equal batch, channels and element type; C3 S <= P; C4 `position` and
    `count` are [B].
  }];
  let arguments = (ins Hydra_Tensor:$cache, Hydra_Tensor:$x, Hydra_PerSequence:$position,
                       Hydra_PerSequence:$count);
  let results = (outs Hydra_Tensor:$result);
}

#endif // HYDRA_MOVE_OPS_TD
