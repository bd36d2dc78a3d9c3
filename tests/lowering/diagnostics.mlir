// Specs that imply no consistent parameters, or ask for what is not lowered yet.
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-materialize-params,hydra-lower-model{entries=eval@1x4})' --split-input-file --verify-diagnostics

hydra.model @two_mlps attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-note@+1 {{the other one is here}}
  %1 = hydra.mlp %0 {hidden = 3} : tensor<?x?x4xf32>
  // expected-error@+1 {{two ops claim the parameter 'mlp.gate_up.weight'; give one of them another name}}
  %2 = hydra.mlp %1 {hidden = 5} : tensor<?x?x4xf32>
  %3 = hydra.lm_head %2 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

// expected-error@+1 {{expected the parameter 'tok_emb.weight' of type 'tensor<8x4xf32>'}}
hydra.param @tok_emb.weight : tensor<9x4xf32> <normal 0.02>
hydra.model @other_shape attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  // expected-note@+1 {{which this op implies}}
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @nested_blocks attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 2 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    // expected-error@+1 {{may not stand inside another hydra.blocks}}
    %2 = hydra.blocks %x count 2 as "layers" : tensor<?x?x4xf32> {
    ^bb0(%y: tensor<?x?x4xf32>):
      hydra.yield %y : tensor<?x?x4xf32>
    }
    hydra.yield %2 : tensor<?x?x4xf32>
  }
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @absurd attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{expected hidden <= 2147483648, found 4611686018427387904}}
  %1 = hydra.mlp %0 {hidden = 4611686018427387904} : tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @foreign attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{expected an op of the hydra dialect inside hydra.model, found func.call; a block of the spec's own is called by hydra.call}}
  %1 = func.call @block(%0) : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}
func.func private @block(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  return %x : tensor<?x?x4xf32>
}

// -----

hydra.model @experts attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    // expected-error@+1 {{'hydra.experts' op expected one hydra.mlp as the body of an expert}}
    %2 = hydra.experts %x experts 2 layers 1 : tensor<?x?x4xf32> {
    ^bb0(%y: tensor<?x?x4xf32>):
      %n = hydra.norm %y "inner" : tensor<?x?x4xf32>
      %m = hydra.mlp %n {name = "", hidden = 3} : tensor<?x?x4xf32>
      hydra.yield %m : tensor<?x?x4xf32>
    }
    hydra.yield %2 : tensor<?x?x4xf32>
  }
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @half attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  // expected-error@+1 {{expected a float32 stream before the precision stage, found 'tensor<?x?x4xbf16>'}}
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xbf16>
  %3 = hydra.lm_head %0 : tensor<?x?x4xbf16> -> tensor<?x?x8xbf16>
  hydra.yield %3 : tensor<?x?x8xbf16>
}

// -----

// expected-error@below {{entries were requested, but the module holds no hydra.model}}
module {
  func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
    return %x : tensor<2xf32>
  }
}

// -----

// expected-error@+1 {{expected rules = "pytorch", "corrected" or some of Q1, Q3}}
hydra.model @unknown_rule attributes {vocab_size = 8, dim = 4, max_seq_len = 8, rules = "Q4,Q99"} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %1 : tensor<?x?x8xf32>
}
