// Primitive tier: matrix products.
#ifndef HYDRA_MATMUL_OPS_TD
#define HYDRA_MATMUL_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_MatmulOp : Hydra_PrimitiveOp<"matmul", [AttrSizedOperandSegments, TokenWiseOpInterface]> {
  let summary = "Matrix product of flattened operands, optionally block-diagonal, optionally accumulating";
  let description = [{
    Operands are matrices after flattening all axes but the last: A is [rows, ca], B is [rb, cb].

    | transposes | contraction | result, groups = 1 | use |
    |---|---|---|---|
    | none | ca = rb | [A.leading..., cb] | input gradient dX = dY W |
    | `transpose_b` | ca = cb | [A.leading..., rb] | forward y = x W^T |
    | `transpose_a` | rows = rb | [ca, cb] | weight gradient dW = dY^T X |

    With `groups` = g > 1 the weight is block-diagonal, its g blocks stacked along its rows:
    transpose_b: A [..., g*K], B [g*N, K] -> [..., g*N];  none: A [..., g*N], B [g*N, K] -> [..., g*K];
    transpose_a: A [rows, g*N], B [rows, g*K] -> [g*N, K].

    With `rows`, the first `rows` rows of A (and of B under `transpose_a`) count.
    With `accumulator`, the result is accumulator + product and may reuse its buffer.
    `element_type` is that of the result where it differs from the operands': products of bf16 are summed in
    float32 and can be kept so. `full_precision` marks products that no --precision touches: router scores,
    whose ties and order decide what is computed (model.md 14).
    Constraints: C1 equal element types of the operands; the result has the same or, of bf16 operands, f32; C2 not both transposes; C3 contraction extents agree;
    C4 `groups` >= 1 divides the grouped extents; C5 the accumulator has the result's type;
    C6 both operands have at least two axes.
  }];
  let arguments = (ins Hydra_FloatTensor:$a, Hydra_FloatTensor:$b,
                       Optional<Hydra_FloatTensor>:$accumulator, Optional<Hydra_ScalarInt>:$rows,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b,
                       DefaultValuedAttr<I64Attr, "1">:$groups,
                       OptionalAttr<TypeAttr>:$element_type, UnitAttr:$full_precision);
  let results = (outs Hydra_FloatTensor:$result);
  let assemblyFormat = [{
    $a `,` $b (`accumulate` $accumulator^)? (`rows` $rows^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    // The rows of B are contracted or become columns.
    bool isTokenWise() {
      return !getTransposeA() && !getAccumulator() &&
             ::llvm::cast<::mlir::RankedTensorType>(getB().getType()).hasStaticShape();
    }
  }];
}

#endif // HYDRA_MATMUL_OPS_TD
