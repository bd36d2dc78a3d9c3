// hydra-1b: 1B of the trainer's table, 855,657,530 parameters.
// Written by scripts/model-specs.
//
//   tokens -> embedding -> 20 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  up to 4 passes of the MLP over h;  norm
hydra.model @hydra_1b attributes {vocab_size = 50257, dim = 1792, max_seq_len = 2048} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x1792xf32>

  %body = hydra.blocks %embedded count 20 as "layers" : tensor<?x?x1792xf32> {
  ^bb0(%x: tensor<?x?x1792xf32>):
    // Attention in a space of a quarter of the width; 28 query heads share 4 key and value heads.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x1792xf32>
    %a = hydra.ccgqa %n1 {heads = 28, kv_heads = 4, compression = 4} : tensor<?x?x1792xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x1792xf32>

    // Mixture of recursions around a mixture of depths, which is fitted to the inner blocks.
    %r = hydra.recursion %h passes 4 {min_depth = 1} : tensor<?x?x1792xf32> {
    ^bb0(%s: tensor<?x?x1792xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x1792xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.049, warmup = 1000} : tensor<?x?x1792xf32> {
      ^bb0(%t: tensor<?x?x1792xf32>):
        %m = hydra.mlp %t {hidden = 6656} : tensor<?x?x1792xf32>
        hydra.yield %m : tensor<?x?x1792xf32>
      }
      hydra.yield %d : tensor<?x?x1792xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x1792xf32>
    hydra.yield %y : tensor<?x?x1792xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x1792xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x1792xf32> -> tensor<?x?x50257xf32>
  hydra.yield %logits : tensor<?x?x50257xf32>
}
