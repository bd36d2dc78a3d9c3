// hydra-1.5b-v: 1.5B of the variants file, 1,954,197,574 parameters.
// Written by scripts/model-specs.
//
//   tokens -> embedding -> 24 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  up to 5 passes of the MLP over h;  norm
hydra.model @hydra_1_5b_v attributes {vocab_size = 50257, dim = 2560, max_seq_len = 2048} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x2560xf32>

  %body = hydra.blocks %embedded count 24 as "layers" : tensor<?x?x2560xf32> {
  ^bb0(%x: tensor<?x?x2560xf32>):
    // Attention in a space of a quarter of the width; 40 query heads share 8 key and value heads.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x2560xf32>
    %a = hydra.ccgqa %n1 {heads = 40, kv_heads = 8, compression = 4} : tensor<?x?x2560xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x2560xf32>

    // Mixture of recursions around a mixture of depths, which is fitted to the inner blocks.
    %r = hydra.recursion %h passes 5 {min_depth = 1} : tensor<?x?x2560xf32> {
    ^bb0(%s: tensor<?x?x2560xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x2560xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.0685, warmup = 1000} : tensor<?x?x2560xf32> {
      ^bb0(%t: tensor<?x?x2560xf32>):
        %m = hydra.mlp %t {hidden = 9216} : tensor<?x?x2560xf32>
        hydra.yield %m : tensor<?x?x2560xf32>
      }
      hydra.yield %d : tensor<?x?x2560xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x2560xf32>
    hydra.yield %y : tensor<?x?x2560xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x2560xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x2560xf32> -> tensor<?x?x50257xf32>
  hydra.yield %logits : tensor<?x?x50257xf32>
}
