// Primitive tier: ops along the sequence axis of [B, S, C] tensors: windows and attention.
#ifndef HYDRA_SEQUENCE_OPS_TD
#define HYDRA_SEQUENCE_OPS_TD

include "dialects/hydra/HydraAttributes.td"

// Operands that come by name behind x.
class Hydra_WindowOp<string mnemonic, string operands, list<Trait> traits = []>
    : Hydra_PrimitiveOp<mnemonic, !listconcat([AttrSizedOperandSegments], traits)> {
  let assemblyFormat = operands # [{
    (`history` $history^)? (`position` $position^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Hydra_ShiftOp : Hydra_WindowOp<"shift", "$x", [AlongSequence]> {
  let summary = "Delays the channels from `from_channel` on by one position (value shift, model.md 4.2)";
  let description = [{
    y[b, t, c] = x[b, t, c] for c < from_channel, x[b, t-1, c] otherwise. At t = 0 the delayed channels come
    from `history` [B, 1, C - from_channel]; they are zero without one and where position[b] = 0. `reverse` takes
    t+1 instead (the adjoint), zero at the end.
    Constraints: C1 x has three axes; C2 0 <= from_channel <= C; C3 the shape of `history`; C4 `reverse`
    excludes `history`; C5 `position` is [B] and comes with a history.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Optional<Hydra_FloatTensor>:$history,
                       Optional<Hydra_PerSequence>:$position, I64Attr:$from_channel, UnitAttr:$reverse);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_CausalConvOp : Hydra_WindowOp<"causal_conv", "$x `,` $filter", [AlongSequence]> {
  let summary = "Causal convolution over the sequence, grouped or dense, without bias (model.md 3)";
  let description = [{
    x [B, S, Cin], filter [Cout, Cin / groups, w] -> [B, S, Cout]. Values before t = 0 come from `history`
    [B, w-1, Cin]; they are zero without one and where position[b] = 0. The number of groups follows from the shapes.
    Constraints: C1 x and filter have three axes; C2 filter extent 1 divides Cin; C3 the number of groups
    divides Cout; C4 the shape of `history`; C5 x and filter have one element type; C6 `position` is
    [B] and comes with a history.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Hydra_FloatTensor:$filter,
                       Optional<Hydra_FloatTensor>:$history, Optional<Hydra_PerSequence>:$position);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_UnfoldOp : Hydra_WindowOp<"unfold", "$x"> {
  let summary = "Gathers causal windows: y[b, t, c * w + m] = x[b, t - (w-1) + m, c]";
  let description = [{
    [B, S, C] -> [B, S, C * w]; the layout matches a filter [Cout, Cin / groups, w] read as a matrix, so that
    causal_conv = matmul(unfold(x), filter). Before t = 0: `history` [B, w-1, C], zero without one
    and where position[b] = 0.
    Constraints: C1 x has three axes; C2 `width` >= 1; C3 the shape of `history`; C4 `position` is [B] and comes
    with a history.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Optional<Hydra_FloatTensor>:$history,
                       Optional<Hydra_PerSequence>:$position, I64Attr:$width);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_FoldOp : Hydra_PrimitiveOp<"fold"> {
  let summary = "Adjoint of unfold: x[b, t, c] = sum over m of y[b, t + (w-1) - m, c * w + m]";
  let description = [{ Constraints: C1 y has three axes; C2 `width` >= 1 divides its last extent. }];
  let arguments = (ins Hydra_FloatTensor:$y, I64Attr:$width);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_WindowTailOp : Hydra_PrimitiveOp<"window_tail", [NotDifferentiable]> {
  let summary = "The history for the next call: the last rows of history ++ x[:count]";
  let description = [{
    history [B, W, C], x [B, S, C] -> [B, W, C], sequence by sequence: history ++ x[:count]. Where position[b] = 0
    the history counts as zeros; where count[b] = 0 the result is the history as it is. Decoding state of model.md 16.
    Constraints: C1 three axes each; C2 equal batch and channels; C3 `position` and `count` are [B].
  }];
  let arguments = (ins Hydra_FloatTensor:$history, Hydra_FloatTensor:$x, Hydra_PerSequence:$position,
                       Hydra_PerSequence:$count);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_AttentionOp : Hydra_PrimitiveOp<"attention", [AttrSizedOperandSegments, AlongSequence]> {
  let summary = "Causal grouped-query attention with online softmax (model.md 4.9)";
  let description = [{
    q [B, S, heads * d], k [B, T, kv_heads * d], v [B, T, kv_heads * d] -> result [B, S, heads * d] and the
    log-sum-exp of the scaled scores, lse [B, S, heads]. Query head h uses key head h / (heads / kv_heads).
    Row (b, t) sees keys u <= position[b] + t, or T - S + t if `position` is absent. Rows t >= count[b] are not
    computed.
    Constraints: C1 three axes each; C2 `kv_heads` divides `heads`, which divides the width of q; C3 k and v
    have kv_heads heads of q's head width and equal shapes; C4 S <= T; C5 equal batch; C6 q, k, v of one element type,
    results too, but f32 for bf16; C7 `position` and `count` are [B]; C8 bf16: an even head width, scale > 0.
  }];
  let arguments = (ins Hydra_FloatTensor:$q, Hydra_FloatTensor:$k, Hydra_FloatTensor:$v,
                       Optional<Hydra_PerSequence>:$position, Optional<Hydra_PerSequence>:$count,
                       I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale);
  let results = (outs Hydra_FloatTensor:$result, Hydra_FloatTensor:$lse);
  let assemblyFormat = [{
    $q `,` $k `,` $v (`position` $position^)? (`count` $count^)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Hydra_AttentionGradOp : Hydra_PrimitiveOp<"attention_grad", [NotDifferentiable]> {
  let summary = "Gradients of attention for S = T: dq, dk, dv";
  let description = [{
    Scores are recomputed from q, k and lse; with D_t = dy_t . y_t per head:
    dS = P * (dy v^T - D), dq = scale dS k, dk = scale dS^T q, dv = P^T dy.
    Key/value gradients of a group are added in the order of its query heads.
    Constraints: C1 dy has q's type, y that of attention's result; C2 as attention C2, C3, C5, C6, C8; C3 S = T.
  }];
  let arguments = (ins Hydra_FloatTensor:$dy, Hydra_FloatTensor:$q, Hydra_FloatTensor:$k,
                       Hydra_FloatTensor:$v, Hydra_FloatTensor:$y, Hydra_FloatTensor:$lse,
                       I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale);
  let results = (outs Hydra_FloatTensor:$dq, Hydra_FloatTensor:$dk, Hydra_FloatTensor:$dv);
}

#endif // HYDRA_SEQUENCE_OPS_TD
