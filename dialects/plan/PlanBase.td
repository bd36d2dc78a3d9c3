// The plan dialect and its enumerations. Kept apart from the ops so that hydra's enumerations are not generated twice.
#ifndef PLAN_BASE_TD
#define PLAN_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::mlir::plan";
  let summary = "Buffers at fixed offsets and commands in order";
  let description = [{
    ```
    hydra: fused tier --plan--> [ plan.buffer, plan.kernel, plan.entry ] --code generation--> machine code
                                        |                                                        |
                                        +----------------- artifact (flatbuffer) ----------------+
    ```

    Every value of every entry has a place (`#plan.ref<region, offset, bytes>`; views have rows), every step is a
    command, and
    kernels that do the same are one `plan.kernel`. The dialect maps one to one to the artifact's schema and to
    the runtime's command list, so that writing the artifact decides nothing.

    **Invariants on exit**: every reference lies inside its region; two live values never overlap unless one
    updates the other in place; every kernel is used; entries hold commands only.

    **Not for**: tensor semantics (the hydra dialect; they survive inside `plan.kernel` bodies only, until code
    generation) and anything a device decides at run time.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

class Plan_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::plan";
  let genSpecializedAttr = 0;
}

// Same values as fb::Region.
def Plan_Region : Plan_Enum<"Region", "a separately obtained piece of device memory", [
  I32EnumAttrCase<"arena", 0>, I32EnumAttrCase<"parameters", 1>, I32EnumAttrCase<"gradients", 2>,
  I32EnumAttrCase<"optimizer", 3>, I32EnumAttrCase<"control", 4>,
  I32EnumAttrCase<"control_state", 5>, I32EnumAttrCase<"cache", 6>, I32EnumAttrCase<"inputs", 7>,
  I32EnumAttrCase<"outputs", 8>, I32EnumAttrCase<"constants", 9>, I32EnumAttrCase<"scratch", 10>,
  I32EnumAttrCase<"record", 11>, I32EnumAttrCase<"derived", 12>]>;
def Plan_RegionAttr : EnumAttr<Plan_Dialect, Plan_Region, "region"> {
  let assemblyFormat = "`<` $value `>`";
}

// Same values as fb::CollectiveKind.
def Plan_CollectiveKind : Plan_Enum<"CollectiveKind", "what a collective computes", [
  I32EnumAttrCase<"all_reduce_sum", 0>]>;
def Plan_CollectiveKindAttr : EnumAttr<Plan_Dialect, Plan_CollectiveKind, "collective_kind"> {
  let assemblyFormat = "`<` $value `>`";
}

// Same values as fb::Reduce.
def Plan_Reduce : Plan_Enum<"Reduce", "how the host makes one value of those of all micro-batches", [
  I32EnumAttrCase<"last", 0>, I32EnumAttrCase<"sum", 1>, I32EnumAttrCase<"mean", 2>,
  I32EnumAttrCase<"max", 3>, I32EnumAttrCase<"min", 4>]>;
def Plan_ReduceAttr : EnumAttr<Plan_Dialect, Plan_Reduce, "reduce"> {
  let assemblyFormat = "`<` $value `>`";
}

// Same values as fb::MatrixLayout.
def Plan_MatrixLayout : Plan_Enum<"MatrixLayout", "how a matrix is stored", [
  I32EnumAttrCase<"plain", 0>, I32EnumAttrCase<"packed", 1>]>;
def Plan_MatrixLayoutAttr : EnumAttr<Plan_Dialect, Plan_MatrixLayout, "layout"> {
  let assemblyFormat = "`<` $value `>`";
}

#endif // PLAN_BASE_TD
