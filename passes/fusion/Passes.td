// Passes of the fusion stage: functions of primitives to functions of fusions, matmuls and aliases.
#ifndef HYDRA_PASSES_FUSION_PASSES_TD
#define HYDRA_PASSES_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ProbePass : Pass<"hydra-probe", "::mlir::ModuleOp"> {
  let summary = "Turns named intermediate values into outputs";
  let description = [{
    Every primitive with attribute `hydra.probe = "NAME"` whose name matches one of the glob patterns gives its
    first result to the caller as output `probe.NAME`. A name that occurs again in the same function gets
    `.2`, `.3`, ... appended. A pattern that matches nothing in the whole module is an error that lists names.
    Runs first in stage remat, so that probed values are kept and never optimised away.
  }];
  let options = [ListOption<"patterns", "probe", "std::string",
                            "Glob patterns of probe names; several: separated by commas">];
  let statistics = [Statistic<"numProbed", "num-probed", "Number of values that became outputs">];
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

def DecomposeCausalConvPass : Pass<"hydra-decompose-causal-conv", "::mlir::func::FuncOp"> {
  let summary = "causal_conv becomes unfold and a (grouped) matmul";
  let description = [{
    The filter [Cout, Cin / groups, w] is read as the matrix [Cout, Cin / groups * w]; the unfolded input has the
    same order of columns. The matmul does the work on planned tiles, and its adjoints exist already.
  }];
  let statistics = [Statistic<"numDecomposed", "num-decomposed", "Number of convolutions replaced">];
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

def FoldConstantsPass : Pass<"hydra-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Evaluates what is known at compile time and removes what is not used";
  let description = [{
    rope_table becomes a constant; reshape and stop of a constant become constants; chains of reshapes become one;
    a stop, which has done its duty in autodiff, is replaced by its operand unless it is probed. Then common
    subexpressions are merged.
  }];
  let statistics = [Statistic<"numTables", "num-tables", "Number of rope tables evaluated">,
                    Statistic<"numMerged", "num-merged", "Number of common subexpressions removed">];
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

// A pass that asks the policy (passes/fusion/FusionPolicy.h). All of a pipeline get the same options.
class FusionJudge<string name> : Pass<name, "::mlir::ModuleOp"> {
  let options = [
    Option<"enabled", "enabled", "bool", /*default=*/"true", "Whether anything is merged at all">,
    ListOption<"noFuse", "no-fuse", "std::string", "Codes, scopes (globs) or FILE:LINE not to merge">,
    Option<"level", "level", "std::string", /*default=*/"",
           "The instruction-set level by whose facts candidates are judged; default: the smallest">];
  let dependentDialects = ["::mlir::hydra::HydraDialect", "::mlir::plan::PlanDialect", "::mlir::rows::RowsDialect"];
}

def FuseAccumulatePass : FusionJudge<"hydra-fuse-accumulate"> {
  let summary = "Adds become the accumulate operand of matmul and scatter_rows";
  let description = [{
    add(x, matmul(a, b)) becomes matmul(a, b) accumulate x, where the product has no other use, no accumulator
    yet and no probe, x is defined before the product and both have one type. The sum is then formed in the
    buffer of x when the plan can give it away: gradient accumulators are updated in place. With a row count that
    bounds the result the add must have the same count. The policy judges every such pair, and the ledger
    names those that were refused, too.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Number of adds removed">];
}

def FormFusionsPass : FusionJudge<"hydra-form-fusions"> {
  let summary = "Primitives become kernels, alone or together";
  let description = [{
    Every primitive that becomes a kernel gets a `hydra.fusion` around it. Candidates (cuts of columns that are read
    where they lie, producers and their readers, readers of one tensor) are judged by the policy
    (passes/fusion/FusionPolicy.h) in program order and merged greedily; a structure is decided once. `reason` of a fusion
    is "single", or the codes of the verdicts that made it. All verdicts, and why the others were refused, are the module's
    attribute `plan.ledger` and remarks of category `fusion`.

    Matmuls (done by a library) and aliases (constant, reshape, stop, after, slice_rows: no work) stay outside; aliases inside a group are
    copied. Operands that occur twice become one argument. The scope of a fusion is what its primitives' scopes have in
    common; a single primitive's probe name moves to the fusion.
  }];
  let statistics = [Statistic<"numFusions", "num-fusions", "Number of fusions formed">,
                    Statistic<"numMerged", "num-merged", "Number of candidates taken">];
}

def ChooseProductsPass : Pass<"hydra-choose-products", "::mlir::ModuleOp"> {
  let summary = "Products that a kernel of our own computes get a fusion around them";
  let description = [{
    For targets whose code generator has a kernel for products (dialects/plan/ProductTiling.h). A product whose rows
    are counted on the device is such a kernel's (COUNTED): no library reads a count from there. So is a small one
    (SMALL_PRODUCT). What is left (LARGE_PRODUCT) becomes a matmul command, which a library carries out; where the
    device's driver has none (`library=false`), it is a kernel's too (NO_LIBRARY). The ledger
    names all of them with their shapes.
  }];
  let options = [
    Option<"library", "library", "bool", /*default=*/"true", "Whether the device has a library for products">];
  let statistics = [Statistic<"numKernels", "num-kernels", "Number of products that became kernels">,
                    Statistic<"numLibrary", "num-library", "Number of products left to a library">];
  let dependentDialects = ["::mlir::hydra::HydraDialect"];
}

def VerifyFusedPass : Pass<"hydra-verify-fused", "::mlir::func::FuncOp"> {
  let summary = "Checks the invariant of the fusion stage and names what is left over";
  let description = [{
    After fusion a function of one block holds hydra.fusion, hydra.matmul, hydra.constant, hydra.reshape,
    hydra.stop, hydra.after, hydra.slice_rows, hydra.concat_rows and func.return only, on static shapes.
  }];
}

#endif // HYDRA_PASSES_FUSION_PASSES_TD
