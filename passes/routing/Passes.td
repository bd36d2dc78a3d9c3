// Routing: how many tokens, passes and experts take part.
#ifndef HYDRA_ROUTING_PASSES_TD
#define HYDRA_ROUTING_PASSES_TD

include "mlir/Pass/PassBase.td"

def DecideRouting : Pass<"hydra-decide-routing", "::mlir::ModuleOp"> {
  let summary = "Decides the routing mode of a program";
  let description = [{
    An op needs routing if what it computes depends on the mode: adaptive `hydra.recursion`, and
    `hydra.depth_routing` in a block that has a router. A module without such ops is left alone under any mode.
    Otherwise the mode of the program becomes its attribute `hydra.routing`: `fixed`, `static` or `dynamic`.
    Without `mode` it is the `hydra.routing` of the model itself ("what the spec was written for"), else `dynamic`.
  }];
  let options = [Option<"mode", "mode", "std::string", "\"\"",
                        "fixed, static or dynamic; empty: what the model asks for, else dynamic">];
  let statistics = [Statistic<"routedOps", "routed-ops", "Ops whose result depends on the mode">];
}

class RoutePass<string mode> : Pass<"hydra-route-" # mode, "::mlir::ModuleOp"> {
  let options = [ListOption<"variants", "variants", "std::string",
                            "Variants to make; empty: all that the model has in this mode">];
  let statistics = [Statistic<"programs", "programs", "Copies of models, one per variant">];
  let dependentDialects = ["::mlir::hydra::HydraDialect", "::mlir::func::FuncDialect"];
}

def RouteFixed : RoutePass<"fixed"> {
  let summary = "Every token makes all recursion passes; depth routing is dense";
  let description = [{
    Replaces `hydra.model @m` by one copy `@m_VARIANT` per variant, with `hydra.routing` on every routing op and
    `hydra.entry<"", 0 x 0, "VARIANT">` on the copy. Variants are what changes the program over a curriculum:

    | part | when | means |
    |---|---|---|
    | `fixed`, `blend`, `adaptive` | always; only `fixed` without adaptive recursion or under this mode | recursions at fixed depth, both paths added by control `mor_blend`, the routed path alone |
    | `_mod` | dynamic mode, depth routing somewhere | depth routing selects tokens |
    | `_forced` | static and dynamic mode, experts with forced_routing_steps | experts are chosen by position or by the batch |

    so `fixed`, `adaptive_mod`, `blend_mod_forced`. Functions outside of a model are routed in place, with everything
    on. Here there is one variant, `fixed`: recursions `fixed`, depth routing `disabled`, experts `top_k`.
  }];
}

def RouteStatic : RoutePass<"static"> {
  let summary = "Soft weights and dense compute: nothing depends on data";
  let description = [{
    As hydra-route-fixed, but adaptive recursions add the states of all passes (`mixture`), with the ramp-up
    (`blend_mixture`, whose two paths share the passes), and depth routing weights the MLP against its input (`soft`) in every variant, whether or not
    it is enabled (Q6).
  }];
}

def RouteDynamic : RoutePass<"dynamic"> {
  let summary = "Tokens take part where the routers say so, and only there";
  let description = [{
    As hydra-route-fixed, but adaptive recursions make as many passes as the router gives each token (`adaptive`,
    `blend_adaptive`), and depth routing selects the tokens of highest score (`hard`) in variants `_mod`. Every routing
    pass gives one remark of category `hydra-routing` per block and variant: the active fraction of passes (expected
    at the routers' initial biases) and tokens, and the MLP FLOPs kept against fixed depth.
  }];
}

def VerifyRouting : Pass<"hydra-verify-routing", "::mlir::ModuleOp"> {
  let summary = "Fails if an op that needs routing has no mode";
  let description = [{
    What holds after the routing passes: every `hydra.recursion`, `hydra.depth_routing` and `hydra.experts` carries
    `hydra.routing`, every `hydra.model` its variant. Modules without routing ops are accepted as they are.
  }];
}

#endif // HYDRA_ROUTING_PASSES_TD
