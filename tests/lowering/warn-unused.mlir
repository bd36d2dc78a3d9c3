// What a spec says without effect gets a warning where it stands; a spec that means all it says gets none.
// RUN: hydra-opt %s --hydra-warn-unused --split-input-file --verify-diagnostics

hydra.model @warned attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 2 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    // expected-warning@+1 {{'hydra.norm' has a result that nothing uses: it changes no output, and its parameters never train}}
    %n = hydra.norm %x "norm1" : tensor<?x?x4xf32>
    // expected-warning@+1 {{'hydra.depth_routing' has no effect: the first and the last block have no router, and there are no others; expected a count of at least 3, found 2}}
    %d = hydra.depth_routing %x capacity 0.5 : tensor<?x?x4xf32> {
    ^bb1(%u: tensor<?x?x4xf32>):
      %m = hydra.mlp %u {hidden = 8} : tensor<?x?x4xf32>
      hydra.yield %m : tensor<?x?x4xf32>
    }
    // expected-warning@+1 {{'hydra.experts' has no effect: expected layers >= 1, found 0}}
    %e = hydra.experts %d experts 2 layers 0 : tensor<?x?x4xf32> {
    ^bb2(%u: tensor<?x?x4xf32>):
      hydra.yield %u : tensor<?x?x4xf32>
    }
    hydra.yield %e : tensor<?x?x4xf32>
  }
  %2 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}

// -----

hydra.model @silent attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    %n = hydra.norm %x "norm1" : tensor<?x?x4xf32>
    %d = hydra.depth_routing %n capacity 0.5 : tensor<?x?x4xf32> {
    ^bb1(%u: tensor<?x?x4xf32>):
      hydra.yield %u : tensor<?x?x4xf32>
    }
    hydra.yield %d : tensor<?x?x4xf32>
  }
  %2 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}
