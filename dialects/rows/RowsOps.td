// The ops of a row program. What is not here is arith or math.
#ifndef ROWS_OPS_TD
#define ROWS_OPS_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/rows/RowsBase.td"

def Rows_Tensor : AnyTypeOf<[RankedTensorOf<[F32, BF16, I32]>], "tensor of f32, bf16 or i32">;
def Rows_Value : AnyTypeOf<[F32, I32], "f32 or i32">;

class Rows_Op<string mnemonic, list<Trait> traits = []> : Op<Rows_Dialect, mnemonic, traits>;

def Rows_ProgramOp : Rows_Op<"program", [Pure, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "Values of one element of a domain, for all of its rows and columns";
  let description = [{
    The domain is `rows` x (`segments` x `width`). Block arguments mirror the operands. With `rows_input`, that operand,
    a scalar i32, bounds the rows: those at or beyond it are not computed and touch no result.
    Constraints: C1 block arguments have the operands' types; C2 the rows input is a scalar i32 operand; C3 the
    body holds ops of this dialect, constants and elementwise mappable ops; C4 every result is written.
  }];
  let arguments = (ins Variadic<Rows_Tensor>:$inputs, I64Attr:$rows, I64Attr:$segments, I64Attr:$width,
                       OptionalAttr<I64Attr>:$rows_input);
  let results = (outs Variadic<Rows_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` attr-dict-with-keyword `:` functional-type($inputs, $results) $body
  }];
  let extraClassDeclaration = [{
    int64_t getColumns() { return static_cast<int64_t>(getSegments() * getWidth()); }
    // The block argument that bounds the rows; null if there is none.
    Value getRowsArgument();
  }];
  let hasRegionVerifier = 1;
}

def Rows_ReadOp : Rows_Op<"read", [Pure, AttrSizedOperandSegments]> {
  let summary = "An element of a tensor";
  let description = [{
    `pitch` is the distance between rows of the tensor in elements. Defined for columns c < `extent` of the domain.
    bf16 is read as f32.
    Constraints: C1 `index` is there exactly if the row map is `index`, `column` if the column map is `at`.
  }];
  let arguments = (ins Rows_Tensor:$tensor, Optional<I32>:$index, Optional<I32>:$column,
                       Rows_RowMapAttr:$row_map, Rows_ColumnMapAttr:$column_map, I64Attr:$pitch,
                       I64Attr:$extent);
  let results = (outs Rows_Value:$value);
  let assemblyFormat = [{
    $tensor (`index` $index^)? (`column` $column^)? $row_map $column_map attr-dict `:` type($tensor) `->` type($value)
  }];
  let hasVerifier = 1;
}

def Rows_WriteOp : Rows_Op<"write"> {
  let summary = "An element of a result";
  let description = [{
    Writes result number `result` of the program: this row if the value depends on rows, the only row if it comes from
    column reductions. Column maps are same, none, window and stride; the columns are c < `extent`.
    A bf16 result rounds.
    Constraints: C1 the result exists and has the value's kind; C2 the column map is one of those named.
  }];
  let arguments = (ins Rows_Value:$value, I64Attr:$result, Rows_ColumnMapAttr:$column_map, I64Attr:$pitch,
                       I64Attr:$extent);
  let assemblyFormat = "$value `to` $result $column_map attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Rows_ScalarOp : Rows_Op<"scalar", [Pure]> {
  let summary = "A scalar attribute of the op the body came from";
  let description = [{
    Operand of a kernel, never a constant: `value` is neutral inside `plan.kernel`. `source` numbers the op of the
    fused region, `name` its attribute; together they say which scalar a launch passes.
  }];
  let arguments = (ins I64Attr:$source, StrAttr:$name, TypedAttrInterface:$value);
  let results = (outs AnyTypeOf<[F32, F64, I32]>:$result);
  let assemblyFormat = "$source $name $value attr-dict `:` type($result)";
}

def Rows_CoordinateOp : Rows_Op<"coordinate", [Pure]> {
  let summary = "Where in the domain: the row, the column, or the segment";
  let arguments = (ins Rows_CoordinateAttr:$axis);
  let results = (outs I32:$result);
  let assemblyFormat = "$axis attr-dict";
}

def Rows_NeighborOp : Rows_Op<"neighbor", [Pure, SameOperandsAndResultType]> {
  let summary = "The value of column c xor 1";
  let description = [{ The width is even. The emitter hands over both values of a pair before either is written. }];
  let arguments = (ins F32:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def Rows_ReduceOp : Rows_Op<"reduce", [Pure]> {
  let summary = "A reduction over the columns of a row or of a segment";
  let arguments = (ins Rows_ReductionKindAttr:$kind, Rows_ExtentAttr:$extent, Variadic<F32>:$values);
  let results = (outs F32:$result);
  let assemblyFormat = "$kind $extent $values attr-dict `:` type($values)";
  let hasVerifier = 1;
}

def Rows_ColumnReduceOp : Rows_Op<"column_reduce", [Pure]> {
  let summary = "A reduction over all rows, per column if the value depends on the column";
  let description = [{
    Rows are cut into chunks fixed by shape; the states of the chunks are combined in ascending order. What depends on
    the result is computed after all rows.
  }];
  let arguments = (ins Rows_ReductionKindAttr:$kind, Variadic<F32>:$values);
  let results = (outs F32:$result);
  let assemblyFormat = "$kind $values attr-dict `:` type($values)";
  let hasVerifier = 1;
}

#endif // ROWS_OPS_TD
