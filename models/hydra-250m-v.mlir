// hydra-250m-v: 250M of the variants file, 203,735,074 parameters.
// Written by scripts/model-specs.
//
//   tokens -> embedding -> 12 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  up to 4 passes of the MLP over h;  norm
hydra.model @hydra_250m_v attributes {vocab_size = 50257, dim = 1024, max_seq_len = 2048} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x1024xf32>

  %body = hydra.blocks %embedded count 12 as "layers" : tensor<?x?x1024xf32> {
  ^bb0(%x: tensor<?x?x1024xf32>):
    // Attention in a space of a quarter of the width; 16 query heads share 4 key and value heads.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x1024xf32>
    %a = hydra.ccgqa %n1 {heads = 16, kv_heads = 4, compression = 4} : tensor<?x?x1024xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x1024xf32>

    // Mixture of recursions around a mixture of depths, which is fitted to the inner blocks.
    %r = hydra.recursion %h passes 4 {min_depth = 1} : tensor<?x?x1024xf32> {
    ^bb0(%s: tensor<?x?x1024xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x1024xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.0173, warmup = 1000} : tensor<?x?x1024xf32> {
      ^bb0(%t: tensor<?x?x1024xf32>):
        %m = hydra.mlp %t {hidden = 3840} : tensor<?x?x1024xf32>
        hydra.yield %m : tensor<?x?x1024xf32>
      }
      hydra.yield %d : tensor<?x?x1024xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x1024xf32>
    hydra.yield %y : tensor<?x?x1024xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x1024xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x1024xf32> -> tensor<?x?x50257xf32>
  hydra.yield %logits : tensor<?x?x50257xf32>
}
