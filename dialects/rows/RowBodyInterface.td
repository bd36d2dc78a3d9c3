// What a row-wise primitive answers for code generation: its domain and its body.
#ifndef ROW_BODY_INTERFACE_TD
#define ROW_BODY_INTERFACE_TD

include "mlir/IR/OpBase.td"

def RowBodyOpInterface : OpInterface<"RowBodyOpInterface"> {
  let cppNamespace = "::mlir::rows";
  let description = [{
    What an op computes, as scalar values (RowBuilder.h). The planner, the interpreter and the emitters of all targets
    read the program that this builds; nothing about accesses is declared a second time.
  }];
  let methods = [
    InterfaceMethod<"The rows and columns the op works on, and what bounds the rows.",
                    "::mlir::rows::RowDomain", "getRowDomain", (ins)>,
    InterfaceMethod<[{
      Appends the op's values. Fails, with a diagnostic from the builder, where an operand of the same region is
      read by a map that needs memory.
    }], "::mlir::LogicalResult", "buildRowBody", (ins "::mlir::rows::RowBuilder &":$builder)>];
}

#endif // ROW_BODY_INTERFACE_TD
