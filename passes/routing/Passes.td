// Routing: how many tokens, passes and experts take part.
#ifndef HYDRA_ROUTING_PASSES_TD
#define HYDRA_ROUTING_PASSES_TD

include "mlir/Pass/PassBase.td"

def DecideRouting : Pass<"hydra-decide-routing", "::mlir::ModuleOp"> {
  let summary = "Decides the routing mode, and refuses those that are not lowered yet";
  let description = [{
    An op needs routing if what it computes depends on the mode: adaptive `hydra.recursion` of more than one pass,
    and `hydra.depth_routing` in a block that has a router. A module without such ops is left alone under any mode.
    Otherwise the mode of the program becomes its attribute `hydra.routing`:

    * `fixed`: every token makes all passes and depth routing is dense. This is what hydra-lower-model does.
    * `static`, `dynamic`: not lowered yet. Every op that needs routing is an error at its location.
    * without `mode`: the same program as `fixed`, with one warning that names the ops. A `hydra.routing` of the
      model itself ("what the spec was written for") is quoted in the warning and does not change the program.
  }];
  let options = [Option<"mode", "mode", "std::string", "\"\"",
                        "fixed, static or dynamic; empty: nobody said">];
  let statistics = [Statistic<"routedOps", "routed-ops", "Ops whose result depends on the mode">];
}

#endif // HYDRA_ROUTING_PASSES_TD
