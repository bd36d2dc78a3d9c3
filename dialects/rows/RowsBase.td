// The rows dialect, its enumerations and its access maps.
#ifndef ROWS_BASE_TD
#define ROWS_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Rows_Dialect : Dialect {
  let name = "rows";
  let cppNamespace = "::mlir::rows";
  let summary = "What a row-wise kernel computes, as scalar values over rows and columns";
  let description = [{
    ```
    hydra.fusion (primitives) --RowBodyOpInterface--> [ rows.program ] --schedule--> plan.kernel
                                                            |                          |
                                       interpreter (oracle)-+        emitters: CPU vectors, GPU threads
    ```

    A `rows.program` is the body of a fused region, built once: arith and math ops on scalars, for one element
    of the domain rows x (segments x width). Reads and writes name a tensor, a row map and a column map; reductions
    come from one registry (Reductions.h). The same program is read by the interpreter, by the planner (accesses,
    what may be overwritten, the schedule) and by one emitter per target, which clones it at its own type.

    **Invariants on exit**: every op of a program is an op of this dialect, `arith.constant`, or elementwise
    mappable; values are f32, i32, i1, or f64 and i64 where they do not depend on the column.

    **Not for**: loops, pointers, lanes, the order in which rows are visited, what is kept between sweeps (the
    schedule of `plan.kernel`, dialects/plan/RowSchedule.td).
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::hydra::HydraDialect"];
}

class Rows_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::rows";
  let genSpecializedAttr = 0;
}
class Rows_EnumAttr<I32EnumAttr enum, string mnemonic> : EnumAttr<Rows_Dialect, enum, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def Rows_RowMapKind : Rows_Enum<"RowMapKind", "which row of a tensor belongs to a row of the domain", [
  I32EnumAttrCase<"same", 0>,    // this row
  I32EnumAttrCase<"none", 1>,    // row 0, for every row
  I32EnumAttrCase<"axes", 2>,    // [d0, m0, s0, ...]: the sum of ((row / d) mod m) * s
  I32EnumAttrCase<"shift", 3>,   // [delta, period]: row + delta, zero where that leaves the group of `period` rows
  I32EnumAttrCase<"index", 4>]>; // the `index` operand, clamped to the tensor

def Rows_ColumnMapKind : Rows_Enum<"ColumnMapKind", "which column of a tensor belongs to a column of the domain", [
  I32EnumAttrCase<"same", 0>,    // column c
  I32EnumAttrCase<"none", 1>,    // column 0: one value per row
  I32EnumAttrCase<"window", 2>,  // [offset]: c + offset
  I32EnumAttrCase<"stride", 3>,  // [factor, offset]: c * factor + offset
  I32EnumAttrCase<"within", 4>,  // [offset]: c mod width + offset, the place in a segment
  I32EnumAttrCase<"segment", 5>, // c / width: one value per segment
  I32EnumAttrCase<"at", 6>]>;    // the `column` operand, clamped to the tensor: one column per row

class Rows_Attr<string name, string attrMnemonic> : AttrDef<Rows_Dialect, name> {
  let mnemonic = attrMnemonic;
  let assemblyFormat = "`<` $kind (`[` $values^ `]`)? `>`";
}
def Rows_RowMapAttr : Rows_Attr<"RowMap", "row"> {
  let summary = "Row of a tensor as a function of the row of the domain";
  let parameters = (ins EnumParameter<Rows_RowMapKind>:$kind, OptionalArrayRefParameter<"int64_t">:$values);
}
def Rows_ColumnMapAttr : Rows_Attr<"ColumnMap", "column"> {
  let summary = "Column of a tensor as a function of the column of the domain";
  let parameters = (ins EnumParameter<Rows_ColumnMapKind>:$kind, OptionalArrayRefParameter<"int64_t">:$values);
}

def Rows_ReductionKind : Rows_Enum<"ReductionKind", "a reduction of the registry (Reductions.h)", [
  I32EnumAttrCase<"sum", 0>,          // x, in f32: short sums
  I32EnumAttrCase<"wide_sum", 1>,     // x, in f64: sums of any length
  I32EnumAttrCase<"dot", 2>,          // x * y by fma, in f32
  I32EnumAttrCase<"wide_dot", 3>,     // x * y by fma, in f64
  I32EnumAttrCase<"max", 4>,          // x; NaN if any is NaN
  I32EnumAttrCase<"largest", 5>,      // x; NaNs are passed over
  I32EnumAttrCase<"log_sum_exp", 6>]>; // log(sum(exp(x))), online: states (maximum, sum)
def Rows_ReductionKindAttr : Rows_EnumAttr<Rows_ReductionKind, "reduction">;

def Rows_Extent : Rows_Enum<"Extent", "what a reduction runs over", [
  I32EnumAttrCase<"row", 0>, I32EnumAttrCase<"segment", 1>]>;
def Rows_ExtentAttr : Rows_EnumAttr<Rows_Extent, "extent">;

def Rows_Coordinate : Rows_Enum<"Coordinate", "a position in the domain", [
  I32EnumAttrCase<"row", 0>, I32EnumAttrCase<"column", 1>, I32EnumAttrCase<"segment", 2>]>;
def Rows_CoordinateAttr : Rows_EnumAttr<Rows_Coordinate, "axis">;

#endif // ROWS_BASE_TD
