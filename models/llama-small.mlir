// llama-small: the shape of Llama, 124,668,672 parameters.
//
//   tokens -> embedding -> 12 blocks -> norm -> logits (a matrix of their own)
//   block:  h = x + attention(norm(x)), 12 query heads in 4 groups, rotary positions;  h + SwiGLU(norm(h))
//
// Rotary pairs are neighbouring channels, as in Meta's own code; weights that rotate halves of a head (Hugging
// Face) fit after permuting the rows of the query and key matrices.
hydra.model @llama_small attributes {vocab_size = 32000, dim = 768, max_seq_len = 2048} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens {scale = 1.0} : tensor<?x?xi32> -> tensor<?x?x768xf32>

  %body = hydra.blocks %embedded count 12 as "layers" : tensor<?x?x768xf32> {
  ^bb0(%x: tensor<?x?x768xf32>):
    %n1 = hydra.norm %x "norm1" {eps = 1.0e-5} : tensor<?x?x768xf32>
    %a = hydra.gqa %n1 {heads = 12, kv_heads = 4} : tensor<?x?x768xf32>
    %h = hydra.residual %x, %a : tensor<?x?x768xf32>

    %n2 = hydra.norm %h "norm2" {eps = 1.0e-5} : tensor<?x?x768xf32>
    %m = hydra.call @swiglu(%n2) as "mlp" : (tensor<?x?x768xf32>) -> tensor<?x?x768xf32>
    %y = hydra.residual %h, %m : tensor<?x?x768xf32>
    hydra.yield %y : tensor<?x?x768xf32>
  }

  %normed = hydra.norm %body "norm" {eps = 1.0e-5} : tensor<?x?x768xf32>
  %logits = hydra.lm_head %normed {tied = false} : tensor<?x?x768xf32> -> tensor<?x?x32000xf32>
  hydra.yield %logits : tensor<?x?x32000xf32>
}

// silu(gate x) * (up x), projected back; the matrices of gate and up one below the other. hydra.mlp is the same
// in one line.
func.func private @swiglu(%x: tensor<?x?x768xf32>) -> tensor<?x?x768xf32> {
  %both = hydra.linear %x "gate_up" : tensor<?x?x768xf32> -> tensor<?x?x4096xf32>
  %inner = hydra.swiglu %both : (tensor<?x?x4096xf32>) -> tensor<?x?x2048xf32>
  %back = hydra.linear %inner "down" {residual = true} : tensor<?x?x2048xf32> -> tensor<?x?x768xf32>
  return %back : tensor<?x?x768xf32>
}
