// Fused tier: groups of primitives that become one kernel.
#ifndef HYDRA_FUSED_OPS_TD
#define HYDRA_FUSED_OPS_TD

include "dialects/hydra/HydraAttributes.td"

def Hydra_FusionOp : Hydra_Op<"fusion", [FusedTier, IsolatedFromAbove, SingleBlock]> {
  let summary = "Primitives that are executed by one kernel";
  let description = [{
    Block arguments mirror the operands. `kind` names the emitter that owns loops, tiling and reductions;
    `reason` is the verdict of the ledger that formed the group.
    Constraints: C1 block arguments have the operands' types; C2 the yielded types are the results'; C3 the
    body holds primitives only.
  }];
  let arguments = (ins Variadic<Hydra_Tensor>:$inputs, Hydra_FusionKindAttr:$kind, StrAttr:$reason);
  let results = (outs Variadic<Hydra_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $kind $reason `(` $inputs `)` attr-dict-with-keyword `:` functional-type($inputs, $results) $body
  }];
  let hasVerifier = 1;
}

def Hydra_YieldOp : Hydra_Op<"yield", [Pure, Terminator]> {
  let summary = "Ends a region of a structural or fused op and names its results";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ /* no values */ }]>];
}

#endif // HYDRA_FUSED_OPS_TD
