// Primitive tier: selecting, ordering and grouping rows on the device, for routing.
#ifndef HYDRA_ROUTING_OPS_TD
#define HYDRA_ROUTING_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_TopKOp : Hydra_PrimitiveOp<"top_k", [NotDifferentiable]> {
  let summary = "Positions of the k greatest values of each row (model.md 8, 9)";
  let description = [{
    score [..., S] -> index i32 [..., k] and chosen i32 [..., S], 1 at those positions and 0 elsewhere. Of equal
    values the lower position is taken first; -0 equals +0, and NaN ranks below every number. Indices ascend;
    with `by_value` they follow descending values instead, equal ones in ascending position.
    Selections are integers: no gradient passes.
    Constraints: C1 score has at least one axis; C2 1 <= k <= S.
  }];
  let arguments = (ins Hydra_FloatTensor:$score, I64Attr:$k, UnitAttr:$by_value);
  let results = (outs Hydra_IntTensor:$index, Hydra_IntTensor:$chosen);
}

def Hydra_CountingSortOp : Hydra_PrimitiveOp<"counting_sort", [NotDifferentiable]> {
  let summary = "Stable sort of rows by a small integer, and where each class begins";
  let description = [{
    key i32 [n], clamped to 0 .. classes-1 -> order i32 [n], offsets i32 [classes + 1]. Sorted row i is row
    order[i]; class c stands at offsets[c] <= i < offsets[c + 1], in the order of its row numbers; offsets[0] is 0.
    With `rows`, only the first `rows` keys take part: offsets[classes] is `rows`, and order is unspecified from
    there on.
    Constraints: C1 key has one axis; C2 classes >= 1.
  }];
  let arguments = (ins Hydra_IntTensor:$key, Optional<Hydra_ScalarInt>:$rows, I64Attr:$classes);
  let results = (outs Hydra_IntTensor:$order, Hydra_IntTensor:$offsets);
}

def Hydra_NonzeroOp : Hydra_PrimitiveOp<"nonzero", [NotDifferentiable]> {
  let summary = "Flat positions of the elements that are not zero, ascending, and their number";
  let description = [{
    mask [...] -> index i32 [capacity], count i32 []. There must be at most `capacity` of them: beyond, the first
    ones are kept. index is unspecified from `count` on, which is what the `rows` operand of its users says.
    Constraints: C1 1 <= capacity <= number of elements of the mask.
  }];
  let arguments = (ins Hydra_Tensor:$mask, I64Attr:$capacity);
  let results = (outs Hydra_IntTensor:$index, Hydra_IntTensor:$count);
}

def Hydra_PrefixRankOp : Hydra_PrimitiveOp<"prefix_rank", [NotDifferentiable]> {
  let summary = "Rank of each score among those before it: causal selection (model.md 15 Q21, 16)";
  let description = [{
    score [B, S], keys [B, T], position i32 [B] (T - S if absent) -> rank i32 [B, S]: 1 + the number of u < position[b] + t
    with keys[b, u] >= score[b, t]. An earlier token wins a tie; NaN ranks below every number. In training the keys
    are the scores themselves, in decoding those of the whole prefix.
    Constraints: C1 score and keys have two axes, equal batch and element type; C2 S <= T; C3 position is i32 [B].
  }];
  let arguments = (ins Hydra_FloatTensor:$score, Hydra_FloatTensor:$keys,
                       Optional<Hydra_IntTensor>:$position);
  let results = (outs Hydra_IntTensor:$rank);
}

def Hydra_MergeRowsOp : Hydra_PrimitiveOp<"merge_rows"> {
  let summary = "base with its first rows replaced by those of x, or increased by them";
  let description = [{
    result[i] = x[i] for i < rows (base[i] + x[i] with `accumulate`), base[i] elsewhere. The result is defined
    wherever the base is, so that it may take the base's buffer and touch nothing beyond the count.
    Constraints: C1 base and x have one type, of at least one axis.
  }];
  let arguments = (ins Hydra_FloatTensor:$base, Hydra_FloatTensor:$x, Hydra_ScalarInt:$rows,
                       UnitAttr:$accumulate);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_GroupedMatmulOp : Hydra_PrimitiveOp<"grouped_matmul"> {
  let summary = "Each group of consecutive rows times the weight of its group (model.md 9)";
  let description = [{
    x [..., c] flattened to rows, offsets i32 [G + 1], G weights of one type [N, K]: rows offsets[g] <= i <
    offsets[g + 1] are multiplied by weight g. With `transpose_b` y = x W^T, [..., K] -> [..., N]; without, y = x W,
    [..., N] -> [..., K], which is the input gradient. Offsets do not descend; rows outside of all groups are
    unspecified. A group may be empty: then its weight has no gradient at all, rather than a zero one
    (model.md 13), and the optimizer leaves it alone.
    Constraints: C1 offsets is i32 [G + 1] for G >= 1 weights; C2 the weights have one type, of two axes and x's
    element type; C3 contraction extents agree.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Hydra_IntTensor:$offsets,
                       Variadic<Hydra_FloatTensor>:$weights, UnitAttr:$transpose_b);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_GroupedWeightGradOp
    : Hydra_PrimitiveOp<"grouped_weight_grad", [NotDifferentiable]> {
  let summary = "Weight gradient of one group of grouped_matmul: the sum over its rows of a^T b";
  let description = [{
    a [..., N], b [..., K], offsets i32 [G + 1] -> [N, K], summed over rows offsets[group] <= i <
    offsets[group + 1] in a fixed order. With `accumulator`, the result is accumulator + sum and may reuse its
    buffer; of an empty group it is the accumulator itself.
    Constraints: C1 a and b have equal rows and element types; C2 offsets has one axis and 0 <= group < G; C3 the
    accumulator has the result's type.
  }];
  let arguments = (ins Hydra_FloatTensor:$a, Hydra_FloatTensor:$b, Hydra_IntTensor:$offsets,
                       Optional<Hydra_FloatTensor>:$accumulator, I64Attr:$group);
  let results = (outs Hydra_FloatTensor:$result);
}

#endif // HYDRA_ROUTING_OPS_TD
