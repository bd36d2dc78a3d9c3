// Recursion, depth routing and experts in three blocks.
hydra.model @m attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    %r = hydra.recursion %x passes 3 : tensor<?x?x4xf32> {
    ^bb1(%s: tensor<?x?x4xf32>):
      %n = hydra.norm %s "norm2" : tensor<?x?x4xf32>
      %d = hydra.depth_routing %n capacity 0.5 : tensor<?x?x4xf32> {
      ^bb2(%u: tensor<?x?x4xf32>):
        %m = hydra.mlp %u {hidden = 8} : tensor<?x?x4xf32>
        hydra.yield %m : tensor<?x?x4xf32>
      }
      hydra.yield %d : tensor<?x?x4xf32>
    }
    %f = hydra.norm %r "final_norm" : tensor<?x?x4xf32>
    %e = hydra.experts %f experts 2 layers 1 {forced_routing_steps = 10 : i64} : tensor<?x?x4xf32> {
    ^bb1(%s: tensor<?x?x4xf32>):
      %m = hydra.mlp %s {name = "", hidden = 8} : tensor<?x?x4xf32>
      hydra.yield %m : tensor<?x?x4xf32>
    }
    hydra.yield %e : tensor<?x?x4xf32>
  }
  %2 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}
