// gpt2-124m: GPT-2 small, 124,439,808 parameters. Weights of a trained GPT-2 fit after renaming and transposing
// its Conv1D matrices: c_attn is attention.qkv_proj, c_proj attention.o_proj.
//
//   tokens -> embedding + learned positions -> 12 blocks -> layer norm -> logits (tied to the embedding)
//   block:  h = x + attention(norm(x));  h + MLP(norm(h)), with biases and GELU in its tanh form
hydra.model @gpt2_124m attributes {vocab_size = 50257, dim = 768, max_seq_len = 1024} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens {scale = 1.0} : tensor<?x?xi32> -> tensor<?x?x768xf32>
  %positions = hydra.position_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x768xf32>
  %start = hydra.residual %embedded, %positions : tensor<?x?x768xf32>

  %body = hydra.blocks %start count 12 as "h" : tensor<?x?x768xf32> {
  ^bb0(%x: tensor<?x?x768xf32>):
    %n1 = hydra.layer_norm %x "norm1" : tensor<?x?x768xf32>
    %a = hydra.gqa %n1 {heads = 12, rope = false, bias = true} : tensor<?x?x768xf32>
    %h = hydra.residual %x, %a : tensor<?x?x768xf32>

    %n2 = hydra.layer_norm %h "norm2" : tensor<?x?x768xf32>
    %m = hydra.call @mlp(%n2) as "mlp" : (tensor<?x?x768xf32>) -> tensor<?x?x768xf32>
    %y = hydra.residual %h, %m : tensor<?x?x768xf32>
    hydra.yield %y : tensor<?x?x768xf32>
  }

  %normed = hydra.layer_norm %body "norm" : tensor<?x?x768xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x768xf32> -> tensor<?x?x50257xf32>
  hydra.yield %logits : tensor<?x?x50257xf32>
}

// A block of this file's own: each call has parameters of its own, here h.N.mlp.fc and h.N.mlp.proj.
func.func private @mlp(%x: tensor<?x?x768xf32>) -> tensor<?x?x768xf32> {
  %wide = hydra.linear %x "fc" {bias = true} : tensor<?x?x768xf32> -> tensor<?x?x3072xf32>
  %bent = hydra.unary <gelu> %wide : (tensor<?x?x3072xf32>) -> tensor<?x?x3072xf32>
  %back = hydra.linear %bent "proj" {bias = true, residual = true} : tensor<?x?x3072xf32> -> tensor<?x?x768xf32>
  return %back : tensor<?x?x768xf32>
}
