// A small routed model for the tests of this folder.
hydra.model @m attributes {vocab_size = 16, dim = 8, max_seq_len = 32} {
^bb0(%tokens: tensor<?x?xi32>):
  %0 = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x8xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x8xf32> {
  ^bb0(%x: tensor<?x?x8xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x8xf32>
    %a = hydra.ccgqa %n1 {heads = 2, kv_heads = 1, compression = 2} : tensor<?x?x8xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x8xf32>
    %r = hydra.recursion %h passes 2 : tensor<?x?x8xf32> {
    ^bb0(%s: tensor<?x?x8xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x8xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.25} : tensor<?x?x8xf32> {
      ^bb0(%t: tensor<?x?x8xf32>):
        %m = hydra.mlp %t {hidden = 6} : tensor<?x?x8xf32>
        hydra.yield %m : tensor<?x?x8xf32>
      }
      hydra.yield %d : tensor<?x?x8xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x8xf32>
    hydra.yield %y : tensor<?x?x8xf32>
  }
  %2 = hydra.norm %1 "norm" : tensor<?x?x8xf32>
  %3 = hydra.lm_head %2 : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  hydra.yield %3 : tensor<?x?x16xf32>
}
