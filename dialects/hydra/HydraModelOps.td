// Model tier: the structural ops a spec is written in.
#ifndef HYDRA_MODEL_OPS_TD
#define HYDRA_MODEL_OPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "dialects/hydra/HydraAttributes.td"

// All of them: attributes that are not listed are refused, numbers are finite, texts printable
// (DeclaredAttributes.cpp).

// The residual stream and everything of its shape: [batch, sequence, width], the first two dynamic.
def Hydra_Stream : 3DTensorOf<[F32, BF16, F64]>;

def Hydra_LanguageModelOp : Hydra_ModelOp<"model", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "A language model: tokens in, logits out";
  let description = [{
    ```mlir
    hydra.model @tiny attributes {vocab_size = 256, dim = 64, max_seq_len = 512} {
    ^bb0(%tokens: tensor<?x?xi32>):
      %0 = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x64xf32>
      %1 = hydra.blocks %0 count 2 as "layers" { ... }
      %2 = hydra.norm %1 "norm" : tensor<?x?x64xf32>
      %3 = hydra.lm_head %2 : tensor<?x?x64xf32> -> tensor<?x?x256xf32>
      hydra.yield %3 : tensor<?x?x256xf32>
    }
    ```
    Parameters are implied by the ops of the body and named by their scope. `rules` is "pytorch" (default: the
    PyTorch HYDRA with its quirks), "corrected", or corrected rules of model.md 15 by name: "Q4,Q10".
    Constraints: C1 sizes are positive; C2 one block argument, tensor<?x?xi32>, and one yielded tensor with
    `vocab_size` as last extent; C3 `rules` is one of these; C4 exactly one token_embedding.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$vocab_size, I64Attr:$dim,
                       I64Attr:$max_seq_len,
                       DefaultValuedStrAttr<StrAttr, "pytorch">:$rules);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Hydra_ParamOp : Hydra_ModelOp<"param", [Symbol]> {
  let summary = "A trained tensor: name, shape, initial values, optimizer factors";
  let description = [{
    Created by `hydra-materialize-params` in the order of model.md 2, one per distinct tensor. The symbol is the
    state-dict name. `aliases` are further names under which checkpoints may hold it. `residual_scale` marks
    matrices that write into the residual stream: their initial values are multiplied by it.
    Constraints: C1 the shape is static; C2 factors are not negative.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Hydra_FloatTensor>:$type,
                       Hydra_InitAttr:$init, DefaultValuedAttr<F64Attr, "1.0">:$residual_scale,
                       DefaultValuedAttr<F64Attr, "1.0">:$lr_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$decay_factor,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$aliases);
  let assemblyFormat = "$sym_name `:` $type $init attr-dict";
  let hasVerifier = 1;
}

def Hydra_TokenEmbeddingOp : Hydra_ModelOp<"token_embedding"> {
  let summary = "Embedding table times a scale; out-of-range tokens are clamped (model.md 2)";
  let description = [{
    Parameter: `<name>.weight` [vocab_size, dim]. Without `scale` it is sqrt(width).
    Constraints: C1 the width is the model's `dim`; C2 `scale` is not zero.
  }];
  let arguments = (ins 2DTensorOf<[I32]>:$tokens, DefaultValuedStrAttr<StrAttr, "tok_emb">:$name,
                       OptionalAttr<F64Attr>:$scale);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$tokens attr-dict `:` type($tokens) `->` type($result)";
  let extraClassDeclaration = [{
    // The factor, given or derived.
    double factor();
  }];
  let hasVerifier = 1;
}

def Hydra_BlocksOp : Hydra_ModelOp<"blocks", [SingleBlock, AllTypesMatch<["x", "result"]>]> {
  let summary = "The body, repeated with its own parameters each time";
  let description = [{
    Scope of repetition i: `<name>.i`. Ops whose presence depends on the block (depth routing, experts) look at
    i and `count`. Constraints: C1 count >= 1; C2 block argument, operand, yielded value and result have one type.
  }];
  let arguments = (ins Hydra_Stream:$x, I64Attr:$count, StrAttr:$name);
  let results = (outs Hydra_Stream:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$x `count` $count `as` $name attr-dict `:` type($result) $body";
  let hasVerifier = 1;
}

def Hydra_NormOp : Hydra_ModelOp<"norm", [SameOperandsAndResultType]> {
  let summary = "RMS norm with weight `<name>.weight` (model.md 3)";
  let description = [{ Constraints: C1 `eps` > 0. }];
  let arguments = (ins Hydra_Stream:$x, StrAttr:$name, DefaultValuedAttr<F64Attr, "1e-6">:$eps);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x $name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Hydra_ResidualOp : Hydra_ModelOp<"residual", [SameOperandsAndResultType]> {
  let summary = "x + scale * branch";
  let arguments = (ins Hydra_Stream:$x, Hydra_Stream:$branch,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x `,` $branch attr-dict `:` type($result)";
}

def Hydra_CcgqaOp : Hydra_ModelOp<"ccgqa", [SameOperandsAndResultType]> {
  let summary = "Compressed convolutional grouped-query attention (model.md 4)";
  let description = [{
    Parameters under `<name>.`: key_temperature, qkv_proj.weight, o_proj.weight and, with `convs`,
    {q,k}_conv.conv{1,2}.weight. All switches default to on. key_temperature exists even if `qk_norm` is off, and
    then has no gradient (Q20).
    Constraints: C1 `kv_heads` divides `heads`; C2 width / compression is a positive multiple of `heads`; C3 the
    head width is even; C4 conv_kernel_size >= 1.
  }];
  let arguments = (ins Hydra_Stream:$x, DefaultValuedStrAttr<StrAttr, "attention">:$name,
                       I64Attr:$heads, I64Attr:$kv_heads,
                       DefaultValuedAttr<I64Attr, "4">:$compression,
                       DefaultValuedAttr<I64Attr, "3">:$conv_kernel_size,
                       DefaultValuedAttr<BoolAttr, "true">:$rope,
                       DefaultValuedAttr<BoolAttr, "true">:$qk_norm,
                       DefaultValuedAttr<BoolAttr, "true">:$convs,
                       DefaultValuedAttr<BoolAttr, "true">:$qk_mean,
                       DefaultValuedAttr<BoolAttr, "true">:$value_shift);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Hydra_MlpOp : Hydra_ModelOp<"mlp", [SameOperandsAndResultType]> {
  let summary = "SwiGLU MLP (model.md 5)";
  let description = [{
    Parameters `<name>.gate_up.weight` [2 hidden, D] and `<name>.down.weight` [D, hidden].
    Constraints: C1 hidden >= 1.
  }];
  let arguments = (ins Hydra_Stream:$x, DefaultValuedStrAttr<StrAttr, "mlp">:$name, I64Attr:$hidden);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Hydra_RecursionOp : Hydra_ModelOp<"recursion", [SingleBlock, AllTypesMatch<["x", "result"]>]> {
  let summary = "Mixture of recursions around the body (model.md 6, 7)";
  let description = [{
    s = x; pass r feeds s + recursion_bias[r] + recursion_embed[r] to the body and adds its result to s. How many
    passes a token makes is the routing's business: all of them at fixed depth.
    Parameters: mor_router.router.{weight,bias}, mor_executor.recursion_bias, mor_executor.recursion_embed.weight.
    Constraints: C1 recursions >= 1; C2 0 <= min_depth < recursions; C3 block argument, operand, yielded value
    and result have one type; C4 warmup and advantage_scale are not negative, dim_ref and depth_scale_max are at
    least 1.
  }];
  let arguments = (ins Hydra_Stream:$x, I64Attr:$recursions,
                       DefaultValuedAttr<BoolAttr, "true">:$adaptive,
                       DefaultValuedAttr<I64Attr, "0">:$min_depth,
                       DefaultValuedAttr<I64Attr, "1000">:$warmup,
                       DefaultValuedAttr<F64Attr, "0.1">:$advantage_scale,
                       DefaultValuedAttr<I64Attr, "768">:$dim_ref,
                       DefaultValuedAttr<F64Attr, "0.0">:$depth_alpha,
                       DefaultValuedAttr<F64Attr, "2.0">:$depth_scale_max);
  let results = (outs Hydra_Stream:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$x `passes` $recursions attr-dict `:` type($result) $body";
  let hasVerifier = 1;
}

def Hydra_DepthRoutingOp : Hydra_ModelOp<"depth_routing", [SingleBlock, AllTypesMatch<["x", "result"]>]> {
  let summary = "Mixture of depths around the body (model.md 8)";
  let description = [{
    Present in blocks 0 < i < count - 1 of the enclosing `hydra.blocks`; elsewhere the body is applied to every
    token and there is no router. Parameters: mod_mlp_wrapper.mod_router.router.{weight,bias}. `aux_weight` is the
    weight of the balance loss; absent means the automatic value of model.md 8. `predictor_weight` is that of a
    binary cross-entropy which teaches the router to tell its own selection without later tokens (model.md 16, rule 4).
    Constraints: C1 0 < capacity <= 1; C2 weights and warmup are not negative; C3 block argument, operand, yielded value
    and result have one type.
  }];
  let arguments = (ins Hydra_Stream:$x, F64Attr:$capacity, OptionalAttr<F64Attr>:$aux_weight,
                       DefaultValuedAttr<I64Attr, "100">:$warmup,
                       DefaultValuedAttr<F64Attr, "0.0">:$loss_aware_weight,
                       DefaultValuedAttr<F64Attr, "0.0">:$predictor_weight);
  let results = (outs Hydra_Stream:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$x `capacity` $capacity attr-dict `:` type($result) $body";
  let hasVerifier = 1;
}

def Hydra_ExpertsOp : Hydra_ModelOp<"experts", [SingleBlock, AllTypesMatch<["x", "result"]>]> {
  let summary = "A residual mixture-of-experts layer; the body is one expert (model.md 9)";
  let description = [{
    Placed after the blocks that the rule of model.md 9 picks for `layers` of them; absent elsewhere. Parameters
    under `moe_layers.j.`: residual_alpha, norm.weight, router.gate.weight, experts.e.<body>.
    Constraints: C1 experts >= 1; C2 1 <= top_k <= experts; C3 layers >= 0; C4 block argument, operand, yielded
    value and result have one type; C5 weights, factors and numbers of steps are not negative.
  }];
  let arguments = (ins Hydra_Stream:$x, I64Attr:$experts, I64Attr:$layers,
                       DefaultValuedAttr<I64Attr, "1">:$top_k,
                       DefaultValuedAttr<F64Attr, "0.01">:$aux_weight,
                       DefaultValuedAttr<I64Attr, "1000">:$warmup_steps,
                       OptionalAttr<F64Attr>:$capacity_factor,
                       DefaultValuedAttr<F64Attr, "0.0">:$router_jitter,
                       DefaultValuedAttr<BoolAttr, "true">:$identity_init,
                       DefaultValuedAttr<I64Attr, "0">:$forced_routing_steps,
                       DefaultValuedAttr<I64Attr, "0">:$teacher_until_step);
  let results = (outs Hydra_Stream:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$x `experts` $experts `layers` $layers attr-dict `:` type($result) $body";
  let hasVerifier = 1;
}

def Hydra_LmHeadOp : Hydra_ModelOp<"lm_head"> {
  let summary = "Output projection to the vocabulary, tied to the token embedding by default";
  let description = [{
    With `tied`, the weight is that of the token embedding; otherwise parameter `output.weight` [V, D].
    Constraints: C1 the result's last extent is the model's `vocab_size`.
  }];
  let arguments = (ins Hydra_Stream:$x, DefaultValuedAttr<BoolAttr, "true">:$tied);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

#endif // HYDRA_MODEL_OPS_TD
