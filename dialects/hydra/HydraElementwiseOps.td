// Primitive tier: elementwise ops, reductions, and ops that only rename or split values.
#ifndef HYDRA_ELEMENTWISE_OPS_TD
#define HYDRA_ELEMENTWISE_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_ConstantOp : Hydra_PrimitiveOp<"constant", [ConstantLike]> {
  let summary = "A tensor known at compile time";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Hydra_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Hydra_RopeTableOp : Hydra_PrimitiveOp<"rope_table", [NotDifferentiable]> {
  let summary = "Cosines and sines of rotary angles, computed once";
  let description = [{
    Row t holds cos a_0, sin a_0, cos a_1, sin a_1, ... with a_i = t * theta^(-2i/d), d = `head_dim`.
    Frequencies, angles, cosines and sines are rounded to float32 (model.md 3).
    Result: [positions, head_dim].
    Constraints: C1 `positions` > 0; C2 `head_dim` is positive and even; C3 `theta` > 0.
  }];
  let arguments = (ins I64Attr:$positions, I64Attr:$head_dim, F64Attr:$theta);
  let results = (outs 2DTensorOf<[F32, F64]>:$result);
}

def Hydra_UnaryOp : Hydra_PrimitiveOp<"unary", [TokenWiseOpInterface]> {
  let summary = "Elementwise function of one tensor";
  let description = [{
    `round` is to nearest, ties to even, with zero derivative. `silu` is x * sigmoid(x). `gelu` is the tanh form
    x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    Constraints: C1 `rows`, if present, is a scalar i32.
  }];
  let arguments = (ins Hydra_UnaryKindAttr:$kind, Hydra_FloatTensor:$x,
                       Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_FloatTensor:$result);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, results)";
}

def Hydra_BinaryOp : Hydra_PrimitiveOp<"binary", [TokenWiseOpInterface]> {
  let summary = "Elementwise function of two tensors with broadcasting";
  let description = [{
    Shapes are aligned at the last axis; a missing or unit axis is repeated. `ge`, `gt`, `eq` give 1 or 0 and
    have zero derivative. `max` and `min` send the whole derivative of a tie to the first operand, which makes
    `min(max(x, lo), hi)` pass the gradient at its bounds (as model.md 10 asks of its caps).
    Constraints: C1 equal element types; C2 every aligned pair of extents is equal or one of them is 1.
  }];
  let arguments = (ins Hydra_BinaryKindAttr:$kind, Hydra_Tensor:$a, Hydra_Tensor:$b,
                       Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_Tensor:$result);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, results)";
}

def Hydra_SelectOp : Hydra_PrimitiveOp<"select", [TokenWiseOpInterface]> {
  let summary = "a where mask is not zero, b elsewhere";
  let description = [{
    Unlike mask * a + (1 - mask) * b, the value that is not chosen may be anything, NaN included. The mask
    broadcasts like an operand of `hydra.binary`; it receives no gradient.
    Constraints: C1 `a` and `b` have the same type; C2 the mask broadcasts to it.
  }];
  let arguments = (ins Hydra_Tensor:$mask, Hydra_Tensor:$a, Hydra_Tensor:$b,
                       Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_CastOp : Hydra_PrimitiveOp<"cast", [TokenWiseOpInterface]> {
  let summary = "Converts the element type";
  let description = [{ Float to integer truncates towards zero and saturates. Round to nearest even otherwise. }];
  let arguments = (ins Hydra_Tensor:$x, TypeAttr:$element_type, Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_StopOp : Hydra_PrimitiveOp<"stop", [TokenWiseOpInterface]> {
  let summary = "Identity in value, zero in gradient";
  let arguments = (ins Hydra_Tensor:$x);
  let results = (outs Hydra_Tensor:$result);
  let extraClassDeclaration = [{
    // Another name of x has no rows of its own.
    void boundRows(::mlir::Value) {}
    bool hasBoundedRows() { return false; }
  }];
}

def Hydra_BroadcastOp : Hydra_PrimitiveOp<"broadcast"> {
  let summary = "Repeats a tensor along missing or unit axes";
  let description = [{ Constraints: C1 the operand broadcasts to `shape` as in `hydra.binary`. }];
  let arguments = (ins Hydra_Tensor:$x, DenseI64ArrayAttr:$shape, Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_ReduceOp : Hydra_PrimitiveOp<"reduce", [TokenWiseOpInterface]> {
  let summary = "Reduction over the last axis, the leading axes, or all";
  let description = [{
    `last`: [..., C] -> [..., 1]; `leading`: [..., C] -> [C]; `all`: -> scalar. With `rows`, `leading` and
    `all` stop there. Sums are taken in a fixed order that does not depend on threads.
    Constraints: C1 the operand has at least one axis, unless `all`.
  }];
  let arguments = (ins Hydra_ReduceKindAttr:$kind, Hydra_ReduceAxesAttr:$axes, Hydra_FloatTensor:$x,
                       Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_FloatTensor:$result);
  let assemblyFormat = "$kind $axes operands attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    bool isTokenWise() { return getAxes() == ReduceAxes::last; }
  }];
}

def Hydra_ReshapeOp : Hydra_PrimitiveOp<"reshape"> {
  let summary = "The same elements in row-major order under another shape; never moves data";
  let description = [{ Constraints: C1 the number of elements is unchanged. }];
  let arguments = (ins Hydra_Tensor:$x, DenseI64ArrayAttr:$shape);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_SplitOp : Hydra_PrimitiveOp<"split", [TokenWiseOpInterface]> {
  let summary = "Cuts the last axis into consecutive pieces";
  let description = [{
    Inverse and adjoint of `hydra.concat`.
    Constraints: C1 sizes are positive; C2 they add up to the last extent.
  }];
  let arguments = (ins Hydra_Tensor:$x, DenseI64ArrayAttr:$sizes, Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Variadic<Hydra_Tensor>:$results);
}

def Hydra_ConcatOp : Hydra_PrimitiveOp<"concat", [AttrSizedOperandSegments, TokenWiseOpInterface]> {
  let summary = "Joins tensors along the last axis";
  let description = [{ Constraints: C1 at least one input; C2 leading extents and element types agree. }];
  let arguments = (ins Variadic<Hydra_Tensor>:$inputs, Optional<Hydra_ScalarInt>:$rows);
  let results = (outs Hydra_Tensor:$result);
  let assemblyFormat =
      "$inputs (`rows` $rows^)? attr-dict `:` functional-type(operands, results)";
}

def Hydra_AfterOp : Hydra_PrimitiveOp<"after", [NotDifferentiable]> {
  let summary = "Identity in value; what reads it runs when another value is there";
  let description = [{
    Order as data flow: `x` shares its place, `event` is not read. Rematerialisation puts it in front of what it
    computes again, so that nobody merges the clone with the original or runs it early.
    Constraints: none; `event` may have any type.
  }];
  let arguments = (ins Hydra_Tensor:$x, Hydra_Tensor:$event);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_SliceRowsOp : Hydra_PrimitiveOp<"slice_rows"> {
  let summary = "Consecutive entries of the first axis; never moves data";
  let description = [{
    [N, ...] -> [count, ...], entries `first` .. `first` + `count` - 1: a place inside the operand's.
    Constraints: C1 at least one axis; C2 `first` >= 0, `count` >= 1, `first` + `count` <= N.
  }];
  let arguments = (ins Hydra_Tensor:$x, I64Attr:$first, I64Attr:$count);
  let results = (outs Hydra_Tensor:$result);
}

def Hydra_ConcatRowsOp : Hydra_PrimitiveOp<"concat_rows"> {
  let summary = "Joins tensors along the first axis";
  let description = [{
    Inverse and adjoint of `hydra.slice_rows`. The plan lets whoever makes an input write it where it belongs in
    the result; only what cannot be written there is copied.
    Constraints: C1 at least one input of at least one axis; C2 trailing extents and element types agree.
  }];
  let arguments = (ins Variadic<Hydra_Tensor>:$inputs);
  let results = (outs Hydra_Tensor:$result);
}

#endif // HYDRA_ELEMENTWISE_OPS_TD
