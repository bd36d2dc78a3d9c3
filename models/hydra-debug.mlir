// hydra-debug: debug of the trainer's table, 32,479,236 parameters.
// Written by scripts/model-specs.
//
//   tokens -> embedding -> 2 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  up to 2 passes of the MLP over h;  norm
hydra.model @hydra_debug attributes {vocab_size = 50257, dim = 512, max_seq_len = 2048} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x512xf32>

  %body = hydra.blocks %embedded count 2 as "layers" : tensor<?x?x512xf32> {
  ^bb0(%x: tensor<?x?x512xf32>):
    // Attention in a space of a quarter of the width; 8 query heads share 2 key and value heads.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x512xf32>
    %a = hydra.ccgqa %n1 {heads = 8, kv_heads = 2, compression = 4} : tensor<?x?x512xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x512xf32>

    // Mixture of recursions around a mixture of depths, which is fitted to the inner blocks; of two none is inner.
    %r = hydra.recursion %h passes 2 {min_depth = 1} : tensor<?x?x512xf32> {
    ^bb0(%s: tensor<?x?x512xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x512xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.05, warmup = 1000} : tensor<?x?x512xf32> {
      ^bb0(%t: tensor<?x?x512xf32>):
        %m = hydra.mlp %t {hidden = 2048} : tensor<?x?x512xf32>
        hydra.yield %m : tensor<?x?x512xf32>
      }
      hydra.yield %d : tensor<?x?x512xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x512xf32>
    hydra.yield %y : tensor<?x?x512xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x512xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x512xf32> -> tensor<?x?x50257xf32>
  hydra.yield %logits : tensor<?x?x50257xf32>
}
