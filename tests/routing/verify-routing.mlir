// Routing ops without a mode and models without a variant are named, as are modes that do not exist.
// RUN: hydra-opt %s --split-input-file --verify-diagnostics --hydra-verify-routing

func.func @recursion(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  // expected-error@+1 {{'hydra.recursion' op has no routing mode}}
  %r = hydra.recursion %x passes 2 : tensor<1x2x4xf32> {
  ^bb1(%s: tensor<1x2x4xf32>):
    hydra.yield %s : tensor<1x2x4xf32>
  }
  return %r : tensor<1x2x4xf32>
}

// -----

// expected-error@+1 {{'hydra.model' op was not made for a variant}}
hydra.model @m attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %1 : tensor<?x?x8xf32>
}

// -----

func.func @mode(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  // expected-error@+1 {{expected hydra.routing = one of fixed, adaptive, mixture, blend_adaptive, blend_mixture, found "hard"}}
  %r = hydra.recursion %x passes 2 {hydra.routing = "hard"} : tensor<1x2x4xf32> {
  ^bb1(%s: tensor<1x2x4xf32>):
    hydra.yield %s : tensor<1x2x4xf32>
  }
  return %r : tensor<1x2x4xf32>
}
