// Lowering: model tier -> functions of primitives.
#ifndef HYDRA_LOWERING_PASSES_TD
#define HYDRA_LOWERING_PASSES_TD

include "mlir/Pass/PassBase.td"

def WarnUnused : Pass<"hydra-warn-unused", "::mlir::ModuleOp"> {
  let summary = "Warns of what a spec says without effect";
  let description = [{
    One warning at each structural op that nothing uses (a norm whose result no other op takes still has a
    parameter, which then never trains), at `hydra.depth_routing` in blocks of which none has a router, and at
    `hydra.experts` for zero layers.
  }];
  let statistics = [Statistic<"warnings", "warnings", "Warnings given">];
}

def MaterializeParams : Pass<"hydra-materialize-params", "::mlir::ModuleOp"> {
  let summary = "Writes out the parameters that a hydra.model implies";
  let dependentDialects = ["::mlir::hydra::HydraDialect", "::mlir::func::FuncDialect"];
  let description = [{
    Creates one `hydra.param` per distinct tensor in front of its `hydra.model`, in the order of the state dict
    (model.md 2), with shape, initial values (model.md 12), optimizer factors (model.md 13) and aliases.
    Parameters that are already there are checked against the implied ones and kept.
    Fails, naming both ops, when two ops claim one name.
  }];
  let statistics = [
    Statistic<"parameters", "parameters", "Parameters in the table">,
    Statistic<"values", "values", "Trained numbers, all parameters together">];
}

def LowerModel : Pass<"hydra-lower-model", "::mlir::ModuleOp"> {
  let summary = "Lowers the model tier to one function of primitives per entry";
  let dependentDialects = ["::mlir::hydra::HydraDialect", "::mlir::func::FuncDialect"];
  let description = [{
    For every requested entry, instantiates `hydra.model` as a function (docs/contracts.md, "From a spec to
    functions") and then removes the model; its facts stay as module attribute `hydra.model_info`. Structural
    ops in ordinary functions are lowered in place: their parameters become further arguments.

    Routing ops are lowered in the mode that a routing pass wrote on them (`hydra.routing`); without one at fixed depth:
    every token makes every recursion pass and the MLP under depth routing is dense. A model that routing copied
    per variant gives one function per entry and copy. Adaptive recursions sort tokens by depth once and work on
    prefixes; where hard depth routing selects inside, the rows of a pass are those selected and active. Since hard
    depth routing is not causal (Q21), `extend` selects by a rule of model.md 16, `mod-rule`: `prefix` (default) ranks a
    token among the kept scores of its prefix, `threshold` compares with control `mod_threshold.BLOCK.CALL`, `predictor`
    with 0, `dense` takes every token, and `recompute` selects as in training among the `count` tokens that one call
    is given, which must be the whole text (position 0). Given, the rule holds for `eval` too.
    Requires `hydra-materialize-params`.
  }];
  let options = [
    ListOption<"entries", "entries", "std::string",
               "Entries as NAME@BxS; NAME is train, eval or extend">,
    Option<"cache", "cache", "int64_t", "0", "Positions of the decoding cache; needed by extend">,
    Option<"allLogits", "all-logits", "bool", "false",
           "Project every row of extend to the vocabulary, not only the last of a sequence">,
    Option<"modRule", "mod-rule", "std::string", "\"\"",
           "How hard depth routing selects in extend and eval; empty: prefix, and as in training">];
  let statistics = [
    Statistic<"functions", "functions", "Functions made or lowered">,
    Statistic<"primitives", "primitives", "Primitives created">];
}

def Inject : Pass<"hydra-inject", "::mlir::ModuleOp"> {
  let summary = "Named intermediate values become inputs";
  let description = [{
    The counterpart of hydra-probe: the first result of every primitive whose `hydra.probe` matches one of the glob
    patterns is no longer computed but given, as input `inject.NAME` of its function (`inject.NAME.2` of a name that
    occurs again). The mask of a `hydra.top_k` follows the injected index. No gradient passes an input. So the
    selections of one run can be made to hold in another: a program in bf16 compared with one in f32 takes the same
    tokens, passes and experts. Fails for a pattern that matches nothing, and for values that the function returns.
  }];
  let options = [ListOption<"patterns", "inject", "std::string",
                            "Glob patterns of names; several: separated by commas">];
  let statistics = [Statistic<"numInjected", "num-injected", "Number of values that became inputs">];
}

def VerifyPrimitives : Pass<"hydra-verify-primitives", "::mlir::ModuleOp"> {
  let summary = "Fails if an op of the model tier is left, or a function lacks a binding";
  let description = [{
    What holds after routing: functions consist of primitives on static shapes, every argument and result
    carries `hydra.binding`, and no `hydra.model` remains. Each violation is named with its location and reason.
  }];
}

#endif // HYDRA_LOWERING_PASSES_TD
