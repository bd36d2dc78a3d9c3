// Blocks of a spec's own that cannot be lowered, and why.
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-materialize-params,hydra-lower-model{entries=eval@1x4,extend@1x2 cache=8})' --split-input-file --verify-diagnostics

hydra.model @mixes attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{mixes the tokens of a sequence and keeps no state, so that it cannot be computed for one new token after the other; replace it by ops that keep tokens apart, hydra.gqa, hydra.attention, hydra.causal_conv or hydra.shift, or compile without extend entries and train the artifact: hydra-opt SPEC --entry=train@BxS --entry=eval@BxS -o FILE.hydra}}
  %1 = hydra.reduce <sum> <leading> %0 : (tensor<?x?x4xf32>) -> tensor<4xf32>
  %2 = hydra.binary <add> %0, %1 : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %2 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @late attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{mixes the tokens of a sequence and keeps no state}}
  %1 = hydra.shift %0 {from_channel = 1 : i64, reverse} : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @short attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %table = hydra.rope_table {positions = 7 : i64, head_dim = 4 : i64, theta = 1.0e4 : f64} : () -> tensor<7x4xf32>
  // expected-error@+1 {{expected a table of at least 8 positions, as many as the cache has, found 7}}
  %1 = hydra.rope %0, %table : (tensor<?x?x4xf32>, tensor<7x4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @gathered attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    %d = hydra.depth_routing %x capacity 0.5 {hydra.routing = "hard"} : tensor<?x?x4xf32> {
    ^bb1(%u: tensor<?x?x4xf32>):
      // expected-error@+1 {{works along the sequence, but stands where tokens are gathered from it}}
      %a = hydra.gqa %u {heads = 1} : tensor<?x?x4xf32>
      hydra.yield %a : tensor<?x?x4xf32>
    }
    hydra.yield %d : tensor<?x?x4xf32>
  }
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @captured attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    %d = hydra.depth_routing %x capacity 0.5 {hydra.routing = "hard"} : tensor<?x?x4xf32> {
    ^bb1(%u: tensor<?x?x4xf32>):
      // expected-error@+1 {{adds values of different tokens}}
      %a = hydra.residual %u, %x : tensor<?x?x4xf32>
      hydra.yield %a : tensor<?x?x4xf32>
    }
    hydra.yield %d : tensor<?x?x4xf32>
  }
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @rows attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %n = hydra.constant dense<1> : tensor<i32>
  // expected-error@+1 {{expected no rows operand in a spec}}
  %1 = hydra.unary <silu> %0, %n : (tensor<?x?x4xf32>, tensor<i32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

hydra.model @endless attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.call @a(%0) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}
func.func private @a(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  %0 = hydra.call @b(%x) as "b" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}
func.func private @b(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{calls @a from within: a block has no end then}}
  %0 = hydra.call @a(%x) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

hydra.model @misplaced attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-note@+1 {{called here}}
  %1 = hydra.call @a(%0) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}
func.func private @a(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{belongs into hydra.model itself, not into a function that it calls}}
  %0 = hydra.blocks %x count 2 as "inner" : tensor<?x?x4xf32> {
  ^bb0(%y: tensor<?x?x4xf32>):
    hydra.yield %y : tensor<?x?x4xf32>
  }
  return %0 : tensor<?x?x4xf32>
}

// -----

hydra.model @twice attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.call @a(%0) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %2 = hydra.call @a(%1) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.lm_head %2 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}
func.func private @a(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+2 {{two ops claim the parameter 'a.gain'; give one of them another name}}
  // expected-note@+1 {{the other one is here}}
  %w = hydra.weight "gain" : tensor<4xf32>
  %0 = hydra.binary <mul> %x, %w : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

hydra.model @huge attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{expected at most 36028797018963968 elements}}
  %w = hydra.weight "w" : tensor<1000000000x1000000000xf32>
  %3 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %3 : tensor<?x?x8xf32>
}

// -----

// expected-error@+1 {{is private, and nothing calls it: call it with hydra.call @alone(...) as "NAME", make it public, or remove it}}
func.func private @alone(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  return %x : tensor<1x2x4xf32>
}
