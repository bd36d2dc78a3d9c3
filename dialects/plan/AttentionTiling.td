// How attention is cut into items and blocks: an attribute of plan.kernel.
#ifndef PLAN_ATTENTION_TILING_TD
#define PLAN_ATTENTION_TILING_TD

include "dialects/plan/PlanBase.td"

def Plan_AttentionTilingAttr : AttrDef<Plan_Dialect, "AttentionTiling"> {
  let mnemonic = "attention_tiling";
  let summary = "Items and blocks of attention, or of its gradient";
  let description = [{
    * `rows`: query rows, with all heads that share a key head, that are computed together.
    * `block`: keys whose scores stand in scratch at once.
    * `parts`: of the gradient, where the parts of a sequence begin, counted in tiles of `rows`, and the number of tiles.
      A part is one item; each but an only one leaves its own dk and dv, added in order by a second stage. Empty for
      attention, whose items are tiles.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$block, OptionalArrayRefParameter<"int64_t">:$parts);
  let assemblyFormat = [{ `<` `rows` `=` $rows `,` `block` `=` $block (`,` `parts` `=` `[` $parts^ `]`)? `>` }];
}

#endif // PLAN_ATTENTION_TILING_TD
