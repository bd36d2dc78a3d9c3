// hydra-100m: 100M of the trainer's table, 94,562,326 parameters.
// Written by scripts/model-specs.
//
//   tokens -> embedding -> 8 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  up to 4 passes of the MLP over h;  norm
hydra.model @hydra_100m attributes {vocab_size = 50257, dim = 768, max_seq_len = 2048} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x768xf32>

  %body = hydra.blocks %embedded count 8 as "layers" : tensor<?x?x768xf32> {
  ^bb0(%x: tensor<?x?x768xf32>):
    // Attention in a space of a quarter of the width; 12 query heads share 3 key and value heads.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x768xf32>
    %a = hydra.ccgqa %n1 {heads = 12, kv_heads = 3, compression = 4} : tensor<?x?x768xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x768xf32>

    // Mixture of recursions around a mixture of depths, which is fitted to the inner blocks.
    %r = hydra.recursion %h passes 4 {min_depth = 1} : tensor<?x?x768xf32> {
    ^bb0(%s: tensor<?x?x768xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x768xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.1, warmup = 1000} : tensor<?x?x768xf32> {
      ^bb0(%t: tensor<?x?x768xf32>):
        %m = hydra.mlp %t {hidden = 2816} : tensor<?x?x768xf32>
        hydra.yield %m : tensor<?x?x768xf32>
      }
      hydra.yield %d : tensor<?x?x768xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x768xf32>
    hydra.yield %y : tensor<?x?x768xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x768xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x768xf32> -> tensor<?x?x50257xf32>
  hydra.yield %logits : tensor<?x?x50257xf32>
}
