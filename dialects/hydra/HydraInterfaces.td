// What every primitive must answer. Declared here; implemented as external models by
// passes/autodiff (derivative), compiler/interpreter (interpretation), compiler/codegen (emission),
// and in this folder (cost, fusion kind).
#ifndef HYDRA_INTERFACES_TD
#define HYDRA_INTERFACES_TD

include "mlir/IR/OpBase.td"

class Hydra_Interface<string name> : OpInterface<name> {
  let cppNamespace = "::mlir::hydra";
}

def DifferentiableOpInterface : Hydra_Interface<"DifferentiableOpInterface"> {
  let description = [{ Builds the reverse-mode derivative of an op. }];
  let methods = [InterfaceMethod<[{
      Builds, at the builder's insertion point, the contribution of this op to the gradients of its operands.
      `resultGradients[i]` is null where no gradient reaches result i. On return `operandGradients` holds one
      value per operand, null where the gradient is zero by definition (integers, stopped paths).
      `needed[i]` tells whether the gradient of operand i is wanted; others may stay null.
    }], "::mlir::LogicalResult", "buildAdjoint",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultGradients,
         "::llvm::ArrayRef<bool>":$needed,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$operandGradients)>,
    InterfaceMethod<[{
      Builds an i32 scalar, 1 if the operand takes part in this execution and 0 if it has no gradient at all
      (model.md 13); null where it always takes part.
    }], "::mlir::Value", "buildPresence",
    (ins "::mlir::OpBuilder &":$builder, "unsigned":$operand), "",
    [{ return ::mlir::Value(); }]>];
}

def InterpretableOpInterface : Hydra_Interface<"InterpretableOpInterface"> {
  let description = [{ Evaluates an op on the host; the oracle that every kernel is compared with. }];
  let methods = [InterfaceMethod<[{
      Reads the operands from `frame` and sets every result. Accumulates in float64.
    }], "::mlir::LogicalResult", "interpret", (ins "::mlir::hydra::InterpreterFrame &":$frame)>];
}

def KernelOpInterface : Hydra_Interface<"KernelOpInterface"> {
  let description = [{ Emits the value-level body of an op for the loops that its fusion kind owns. }];
  let methods = [InterfaceMethod<[{
      Emits this op through `emitter`. Fails with a located diagnostic naming what is unsupported.
    }], "::mlir::LogicalResult", "emitKernel", (ins "::mlir::hydra::KernelEmitter &":$emitter)>];
}

def CostOpInterface : Hydra_Interface<"CostOpInterface"> {
  let description = [{ Arithmetic and memory traffic of one execution, for the planner and the ledger. }];
  let methods = [
    InterfaceMethod<"Floating point operations; a multiply-add counts 2 (model.md 18).",
                    "int64_t", "getFlops", (ins)>,
    InterfaceMethod<"Which emitter owns the loops of this op.",
                    "::mlir::hydra::FusionKind", "getFusionKind", (ins)>];
}

def TokenWiseOpInterface : Hydra_Interface<"TokenWiseOpInterface"> {
  let description = [{
    A primitive that can keep tokens apart: of operands [batch, sequence, channels], row (b, s) of the results depends
    on row (b, s) alone. It may stand in the body of a model as it is, also in decoding and where tokens are gathered.
  }];
  let methods = [
    InterfaceMethod<"Whether this op, with its attributes, keeps tokens apart.", "bool", "isTokenWise",
                    (ins), "", [{ return true; }]>,
    InterfaceMethod<"Bounds the rows that count; null: all do.", "void", "boundRows",
                    (ins "::mlir::Value":$rows), "", [{
      if (rows)
        $_op.getRowsMutable().assign(rows);
      else
        $_op.getRowsMutable().clear();
    }]>,
    InterfaceMethod<"Whether the op bounds its rows.", "bool", "hasBoundedRows", (ins), "",
                    [{ return static_cast<bool>($_op.getRows()); }]>];
}

#endif // HYDRA_INTERFACES_TD
