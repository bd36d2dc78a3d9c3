// Model tier: the parts of any transformer, of which a spec makes blocks that have no op of their own.
#ifndef HYDRA_OPEN_OPS_TD
#define HYDRA_OPEN_OPS_TD

include "dialects/hydra/HydraModelOps.td"

def Hydra_WeightOp : Hydra_ModelOp<"weight"> {
  let summary = "A parameter of the spec's own, for primitives to use";
  let description = [{
    ```mlir
    %gain = hydra.weight "gain" {init = #hydra.init<constant 1.0>} : tensor<64xf32>
    %y = hydra.binary <mul> %x, %gain : (tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
    ```
    Parameter `name`, with the scope of the place before it. Without `init`, normal with the standard deviation of
    all matrices (model.md 12). `residual` scales initial values as those of all matrices that write into the
    residual stream. `lr_factor` and `decay_factor` replace those that follow from the name (model.md 13).
    Constraints: C1 a static shape of float32; C2 factors are not negative.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<Hydra_InitAttr>:$init,
                       DefaultValuedAttr<BoolAttr, "false">:$residual,
                       OptionalAttr<F64Attr>:$lr_factor, OptionalAttr<F64Attr>:$decay_factor);
  let results = (outs Hydra_FloatTensor:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Hydra_LinearOp : Hydra_ModelOp<"linear"> {
  let summary = "A dense layer: x times a matrix, plus a bias if asked for";
  let description = [{
    Parameters `<name>.weight` [out, in] and, with `bias`, `<name>.bias` [out], zero at first. `residual`: the layer
    writes into the residual stream, and the initial values of its matrix are scaled for that (model.md 12).
    Constraints: C1 batch and sequence of x and the result agree.
  }];
  let arguments = (ins Hydra_Stream:$x, StrAttr:$name, DefaultValuedAttr<BoolAttr, "false">:$bias,
                       DefaultValuedAttr<BoolAttr, "false">:$residual);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x $name attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Hydra_LayerNormOp : Hydra_ModelOp<"layer_norm", [SameOperandsAndResultType]> {
  let summary = "(x - mean(x)) / sqrt(var(x) + eps) times a weight, plus a bias unless it is switched off";
  let description = [{
    Mean and variance are those of a row; the variance is the mean of squares. Parameters `<name>.weight`, one at first, and with `bias`
    `<name>.bias`, zero at first. Neither decays.
    Constraints: C1 `eps` > 0.
  }];
  let arguments = (ins Hydra_Stream:$x, StrAttr:$name, DefaultValuedAttr<F64Attr, "1e-5">:$eps,
                       DefaultValuedAttr<BoolAttr, "true">:$bias);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x $name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Hydra_PositionEmbeddingOp : Hydra_ModelOp<"position_embedding"> {
  let summary = "A learned vector for every position";
  let description = [{
    Row (b, t) is row t of parameter `<name>.weight` [max_seq_len, dim]; in decoding that of the token's position in
    its sequence. The tokens give the shape alone.
    Constraints: C1 the width is the model's `dim`.
  }];
  let arguments = (ins 2DTensorOf<[I32]>:$tokens, DefaultValuedStrAttr<StrAttr, "pos_embed">:$name);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$tokens attr-dict `:` type($tokens) `->` type($result)";
  let hasVerifier = 1;
}

def Hydra_GqaOp : Hydra_ModelOp<"gqa", [SameOperandsAndResultType]> {
  let summary = "Dense causal attention, with key and value heads shared by groups of query heads";
  let description = [{
    softmax(q k^T / sqrt(d)) v over the tokens up to one's own, H = `heads` of width d = `head_dim` or else D / H, and
    K = `kv_heads` or else H heads of keys and values; query head h uses key head h / (H / K). With `rope`, queries and
    keys are rotated in neighbouring pairs of channels by the angles t * rope_theta^(-2i/d) (model.md 3).
    Parameters under `<name>.`: qkv_proj.weight [(H + 2 K) d, D], the matrices of queries, keys and values one below
    the other, and o_proj.weight [D, H d]; with `bias` also qkv_proj.bias and o_proj.bias. Decoding keeps
    key_cache and value_cache.
    Constraints: C1 `kv_heads` divides `heads`; C2 without `head_dim`, `heads` divides the width; C3 `head_dim` >= 1,
    even with `rope`; C4 `rope_theta` > 0, and not without `rope`, where it has no effect.
  }];
  let arguments = (ins Hydra_Stream:$x, DefaultValuedStrAttr<StrAttr, "attention">:$name,
                       I64Attr:$heads, OptionalAttr<I64Attr>:$kv_heads,
                       OptionalAttr<I64Attr>:$head_dim,
                       DefaultValuedAttr<BoolAttr, "true">:$rope, OptionalAttr<F64Attr>:$rope_theta,
                       DefaultValuedAttr<BoolAttr, "false">:$bias);
  let results = (outs Hydra_Stream:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
  let extraClassDeclaration = [{
    // Heads of keys and values, and the width of a head, given or derived.
    int64_t keyHeads() { return getKvHeads().value_or(getHeads()); }
    int64_t headWidth() {
      return getHeadDim().value_or(getX().getType().getShape().back() / getHeads());
    }
    double rotaryBase() { return getRopeTheta() ? getRopeTheta()->convertToDouble() : 10000.0; }
  }];
  let hasVerifier = 1;
}

def Hydra_CallOp : Hydra_ModelOp<"call", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A block of the spec's own: a function of this file, with parameters of its own";
  let description = [{
    ```mlir
    func.func private @gated(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> {
      %g = hydra.linear %x "gate" : tensor<?x?x64xf32> -> tensor<?x?x64xf32>
      ...
    }
    %y = hydra.call @gated(%x) as "ffn" : (tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    ```
    The body of the function takes the place of the call. Parameters that it implies have the scope `name`: two calls of one
    function have two sets of them. Such a function is a pattern and no entry: it is private, and gone after lowering.
    Constraints: C1 the callee is a private function of this file, with a body; C2 types are its own.
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Hydra_Tensor>:$inputs, StrAttr:$name);
  let results = (outs Variadic<Hydra_Tensor>:$results);
  let assemblyFormat = [{
    $callee `(` $inputs `)` `as` $name attr-dict `:` functional-type($inputs, $results)
  }];
}

#endif // HYDRA_OPEN_OPS_TD
