// Primitive tier: ops that work on one row (token) at a time, and their derivatives.
#ifndef HYDRA_ROW_OPS_TD
#define HYDRA_ROW_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_RmsNormOp : Hydra_PrimitiveOp<"rms_norm", [TokenWiseOpInterface]> {
  let summary = "y = x / sqrt(mean(x^2) + eps) * weight over the last axis (model.md 3)";
  let description = [{ Constraints: C1 weight is [C] with C the last extent of x, and has its element type; C2 `eps` > 0. }];
  let arguments = (ins Hydra_FloatTensor:$x, Hydra_FloatTensor:$weight,
                       Optional<Hydra_ScalarInt>:$rows, F64Attr:$eps);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_RmsNormGradOp : Hydra_PrimitiveOp<"rms_norm_grad", [NotDifferentiable]> {
  let summary = "Gradient of rms_norm with respect to x";
  let description = [{
    With r = 1 / sqrt(mean(x^2) + eps) and g = dy * weight: dx = r g - x r^3 mean(g x).
    Constraints: C1 dy has the type of x; C2 weight is [C] and has its element type; C3 `eps` > 0.
  }];
  let arguments = (ins Hydra_FloatTensor:$dy, Hydra_FloatTensor:$x, Hydra_FloatTensor:$weight,
                       Optional<Hydra_ScalarInt>:$rows, F64Attr:$eps);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_RmsNormWeightGradOp : Hydra_PrimitiveOp<"rms_norm_weight_grad", [NotDifferentiable]> {
  let summary = "Gradient of rms_norm with respect to its weight: sum over rows of dy * x * r";
  let description = [{ Constraints: C1 dy has the type of x; C2 `eps` > 0. Result: [C]. }];
  let arguments = (ins Hydra_FloatTensor:$dy, Hydra_FloatTensor:$x,
                       Optional<Hydra_ScalarInt>:$rows, F64Attr:$eps);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_L2NormOp : Hydra_PrimitiveOp<"l2_norm", [TokenWiseOpInterface]> {
  let summary = "Each head vector divided by max(its Euclidean norm, eps) (model.md 3)";
  let description = [{
    The last axis holds `heads` vectors of equal width.
    Constraints: C1 `heads` >= 1 divides the last extent; C2 `eps` > 0.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Optional<Hydra_ScalarInt>:$rows, I64Attr:$heads,
                       F64Attr:$eps);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_L2NormGradOp : Hydra_PrimitiveOp<"l2_norm_grad", [NotDifferentiable]> {
  let summary = "Gradient of l2_norm";
  let description = [{
    With n = |x|, y = x / n: dx = (dy - y (y . dy)) / n where n > eps, dy / eps elsewhere.
    Constraints: C1 dy has the type of x; C2 `heads` >= 1 divides the last extent; C3 `eps` > 0.
  }];
  let arguments = (ins Hydra_FloatTensor:$dy, Hydra_FloatTensor:$x, Optional<Hydra_ScalarInt>:$rows,
                       I64Attr:$heads, F64Attr:$eps);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_SwigluOp : Hydra_PrimitiveOp<"swiglu", [TokenWiseOpInterface]> {
  let summary = "silu(gate) * up with [gate | up] the two halves of the last axis (model.md 5)";
  let description = [{ Constraints: C1 the last extent is even. Result: half as wide. }];
  let arguments = (ins Hydra_FloatTensor:$x, Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_SwigluGradOp : Hydra_PrimitiveOp<"swiglu_grad", [NotDifferentiable]> {
  let summary = "Gradient of swiglu: [dgate | dup]";
  let description = [{ Constraints: C1 x is twice as wide as dy; leading extents agree. }];
  let arguments = (ins Hydra_FloatTensor:$dy, Hydra_FloatTensor:$x, Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_HeadMixOp : Hydra_PrimitiveOp<"head_mix", [TokenWiseOpInterface]> {
  let summary = "The mean over heads, times a factor, given to another number of heads";
  let description = [{
    [..., from_heads * d] -> [..., to_heads * d]: every output head is `scale` times the mean of the input
    heads. The QK mean of model.md 4.5 for G > 1. Linear; its adjoint is head_mix with the numbers of heads
    exchanged and scale * to_heads / from_heads.
    Constraints: C1 `from_heads` >= 1 divides the last extent; C2 `to_heads` >= 1.
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Optional<Hydra_ScalarInt>:$rows, I64Attr:$from_heads,
                       I64Attr:$to_heads, F64Attr:$scale);
  let results = (outs Hydra_FloatTensor:$result);
}

def Hydra_RopeOp : Hydra_PrimitiveOp<"rope", [AlongSequence]> {
  let summary = "Rotary embedding of neighbouring channel pairs (model.md 3)";
  let description = [{
    x is [B, S, heads * d], the table [P, d] from `hydra.rope_table`. Row (b, t) uses table row
    position[b] + t, or t if `position` is absent. `inverse` rotates backwards, which is the adjoint. Table rows
    are clamped to 0 .. P - 1.
    Constraints: C1 x has three axes; C2 its last extent is a multiple of d; C3 S <= P; C4 x and the table have
    one element type; C5 `position` is [B].
  }];
  let arguments = (ins Hydra_FloatTensor:$x, Hydra_FloatTensor:$table,
                       Optional<Hydra_PerSequence>:$position, UnitAttr:$inverse);
  let results = (outs Hydra_FloatTensor:$result);
}

#endif // HYDRA_ROW_OPS_TD
