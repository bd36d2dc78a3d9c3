// What the ops of a spec's own blocks refuse, each where it stands; and primitives on shapes that are open.
// RUN: hydra-opt %s --split-input-file --verify-diagnostics

func.func @weight_shape() -> tensor<?xf32> {
  // expected-error@+1 {{expected a parameter of static shape and float32 elements, found 'tensor<?xf32>'}}
  %0 = hydra.weight "gain" : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @weight_factor() -> tensor<4xf32> {
  // expected-error@+1 {{expected decay_factor >= 0, found -1.0}}
  %0 = hydra.weight "gain" {decay_factor = -1.0} : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @weight_attribute() -> tensor<4xf32> {
  // expected-error@+1 {{expected no attributes but decay_factor, init, lr_factor, name, residual, found 'initial'}}
  %0 = hydra.weight "gain" {initial = 1.0} : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @linear_rows(%x: tensor<2x?x4xf32>) -> tensor<3x?x8xf32> {
  // expected-error@+1 {{expected a result of the batch and sequence of 'tensor<2x?x4xf32>', found 'tensor<3x?x8xf32>'}}
  %0 = hydra.linear %x "fc" : tensor<2x?x4xf32> -> tensor<3x?x8xf32>
  return %0 : tensor<3x?x8xf32>
}

// -----

func.func @layer_norm_eps(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected eps > 0, found 0.0}}
  %0 = hydra.layer_norm %x "norm" {eps = 0.0} : tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

// expected-note@+1 {{dim is set here}}
hydra.model @positions attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  // expected-error@+1 {{expected width 4, the model's dim, found 6}}
  %1 = hydra.position_embedding %t : tensor<?x?xi32> -> tensor<?x?x6xf32>
  %2 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}

// -----

hydra.model @scale attributes {vocab_size = 8, dim = 4, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  // expected-error@+1 {{expected a scale that is not zero}}
  %0 = hydra.token_embedding %t {scale = 0.0} : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %2 = hydra.lm_head %0 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}

// -----

func.func @gqa_heads(%x: tensor<?x?x12xf32>) -> tensor<?x?x12xf32> {
  // expected-error@+1 {{expected kv_heads to divide heads, found 3 heads and 2 kv_heads}}
  %0 = hydra.gqa %x {heads = 3, kv_heads = 2} : tensor<?x?x12xf32>
  return %0 : tensor<?x?x12xf32>
}

// -----

func.func @gqa_width(%x: tensor<?x?x12xf32>) -> tensor<?x?x12xf32> {
  // expected-error@+1 {{expected heads to divide the width, or a head_dim; found 5 heads}}
  %0 = hydra.gqa %x {heads = 5} : tensor<?x?x12xf32>
  return %0 : tensor<?x?x12xf32>
}

// -----

func.func @gqa_odd(%x: tensor<?x?x12xf32>) -> tensor<?x?x12xf32> {
  // expected-error@+1 {{expected an even head_dim >= 2, whose pairs rope rotates, found 3}}
  %0 = hydra.gqa %x {heads = 4} : tensor<?x?x12xf32>
  return %0 : tensor<?x?x12xf32>
}

// -----

func.func @gqa_theta(%x: tensor<?x?x12xf32>) -> tensor<?x?x12xf32> {
  // expected-error@+1 {{has rope_theta without effect, since rope = false; remove it}}
  %0 = hydra.gqa %x {heads = 2, rope = false, rope_theta = 500000.0} : tensor<?x?x12xf32>
  return %0 : tensor<?x?x12xf32>
}

// -----

func.func @gqa_base(%x: tensor<?x?x12xf32>) -> tensor<?x?x12xf32> {
  // expected-error@+1 {{expected rope_theta > 0, found -1.0}}
  %0 = hydra.gqa %x {heads = 2, rope_theta = -1.0} : tensor<?x?x12xf32>
  return %0 : tensor<?x?x12xf32>
}

// -----

func.func @nobody(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected a function of this file, found nothing under the name @missing}}
  %0 = hydra.call @missing(%x) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

// expected-note@+1 {{the function is here}}
func.func @public(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  return %x : tensor<?x?x4xf32>
}
func.func @calls_public(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  // expected-error@+1 {{expected a private function with a body of one block; @public is none: write func.func private @public(...)}}
  %0 = hydra.call @public(%x) as "a" : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %0 : tensor<?x?x4xf32>
}

// -----

// expected-note@+1 {{the function is here}}
func.func private @narrow(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  return %x : tensor<?x?x4xf32>
}
func.func @types(%x: tensor<?x?x6xf32>) -> tensor<?x?x6xf32> {
  // expected-error@+1 {{expected the types of @narrow}}
  %0 = hydra.call @narrow(%x) as "a" : (tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
  return %0 : tensor<?x?x6xf32>
}

// -----

func.func @open_reshape(%x: tensor<?x?x4xf32>) -> tensor<2x8xf32> {
  // expected-error@+1 {{expected static shapes, found 'tensor<?x?x4xf32>'; batch and sequence may be dynamic in ops that keep tokens apart or work along the sequence}}
  %0 = hydra.reshape %x {shape = array<i64: 2, 8>} : (tensor<?x?x4xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// -----

func.func @open_channels(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
  // expected-error@+1 {{expected static shapes, or [batch, sequence, channels] with the first two dynamic, found 'tensor<?x?x?xf32>'}}
  %0 = hydra.swiglu %x : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  return %0 : tensor<?x?x?xf32>
}

// -----

func.func @open_tokens(%x: tensor<?x?xi32>) -> tensor<?x?xi32> {
  // expected-error@+2 {{expected a last axis of known extent to join}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = hydra.concat %x, %x : (tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x?xi32>
  return %0 : tensor<?x?xi32>
}

// -----

// Those that may stand in a spec.
func.func @accepted(%x: tensor<?x?x8xf32>, %w: tensor<4x8xf32>) -> tensor<?x?x4xf32> {
  %0 = hydra.matmul %x, %w {transpose_b} : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
  %1 = hydra.reduce <sum> <last> %0 : (tensor<?x?x4xf32>) -> tensor<?x?x1xf32>
  %2 = hydra.binary <mul> %0, %1 : (tensor<?x?x4xf32>, tensor<?x?x1xf32>) -> tensor<?x?x4xf32>
  %3 = hydra.shift %2 {from_channel = 2} : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %3 : tensor<?x?x4xf32>
}
