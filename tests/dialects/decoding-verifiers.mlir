// Ops of decoding: one number per sequence, and what belongs together.
// RUN: hydra-opt %s --split-input-file --verify-diagnostics

func.func @rope_position(%x: tensor<2x3x4xf32>, %t: tensor<8x4xf32>, %p: tensor<3xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected position of 2 numbers, one per sequence of 'tensor<2x3x4xf32>', found 'tensor<3xi32>'}}
  %0 = hydra.rope %x, %t, %p : (tensor<2x3x4xf32>, tensor<8x4xf32>, tensor<3xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @shift_position(%x: tensor<2x3x4xf32>, %h: tensor<2x1x2xf32>, %p: tensor<1xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected position of 2 numbers}}
  %0 = hydra.shift %x history %h position %p {from_channel = 2 : i64} : (tensor<2x3x4xf32>, tensor<2x1x2xf32>, tensor<1xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @shift_position_alone(%x: tensor<2x3x4xf32>, %p: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{position says where the history counts as zeros; expected a history beside it}}
  %0 = hydra.shift %x position %p {from_channel = 2 : i64} : (tensor<2x3x4xf32>, tensor<2xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @conv_position(%x: tensor<2x3x4xf32>, %f: tensor<4x4x2xf32>, %h: tensor<2x1x4xf32>, %p: tensor<1xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected position of 2 numbers}}
  %0 = hydra.causal_conv %x, %f history %h position %p : (tensor<2x3x4xf32>, tensor<4x4x2xf32>, tensor<2x1x4xf32>, tensor<1xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @unfold_position_alone(%x: tensor<2x3x4xf32>, %p: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a history beside it}}
  %0 = hydra.unfold %x position %p {width = 2 : i64} : (tensor<2x3x4xf32>, tensor<2xi32>) -> tensor<2x3x8xf32>
  return
}

// -----

func.func @window_tail_position(%x: tensor<2x3x4xf32>, %p: tensor<1xi32>, %n: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected position of 2 numbers}}
  %0 = hydra.window_tail %x, %x, %p, %n : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<1xi32>, tensor<2xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @window_tail_count(%x: tensor<2x3x4xf32>, %p: tensor<2xi32>, %n: tensor<1xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected count of 2 numbers}}
  %0 = hydra.window_tail %x, %x, %p, %n : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2xi32>, tensor<1xi32>) -> tensor<2x3x4xf32>
  return
}

// -----

func.func @attention_position(%x: tensor<2x3x4xf32>, %p: tensor<1xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected position of 2 numbers}}
  %0, %1 = hydra.attention %x, %x, %x position %p {heads = 1 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<1xi32>) -> (tensor<2x3x4xf32>, tensor<2x3x1xf32>)
  return
}

// -----

func.func @attention_count(%x: tensor<2x3x4xf32>, %p: tensor<2xi32>, %n: tensor<4xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected count of 2 numbers}}
  %0, %1 = hydra.attention %x, %x, %x position %p count %n {heads = 1 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2xi32>, tensor<4xi32>) -> (tensor<2x3x4xf32>, tensor<2x3x1xf32>)
  return
}

// -----

func.func @cache_channels(%c: tensor<2x8x5xf32>, %x: tensor<2x3x4xf32>, %n: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected equal batch, channels and element type}}
  %0 = hydra.cache_update %c, %x, %n, %n : (tensor<2x8x5xf32>, tensor<2x3x4xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x8x5xf32>
  return
}

// -----

func.func @cache_type(%c: tensor<2x8x4xi32>, %x: tensor<2x3x4xf32>, %n: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected equal batch, channels and element type}}
  %0 = hydra.cache_update %c, %x, %n, %n : (tensor<2x8x4xi32>, tensor<2x3x4xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x8x4xi32>
  return
}

// -----

func.func @cache_positions(%c: tensor<2x2x4xf32>, %x: tensor<2x3x4xf32>, %n: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a cache of at least 3 positions}}
  %0 = hydra.cache_update %c, %x, %n, %n : (tensor<2x2x4xf32>, tensor<2x3x4xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x2x4xf32>
  return
}

// -----

func.func @cache_count(%c: tensor<2x8x4xf32>, %x: tensor<2x3x4xf32>, %n: tensor<2xi32>, %m: tensor<3xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected count of 2 numbers}}
  %0 = hydra.cache_update %c, %x, %n, %m : (tensor<2x8x4xf32>, tensor<2x3x4xf32>, tensor<2xi32>, tensor<3xi32>) -> tensor<2x8x4xf32>
  return
}

// -----

func.func @sample_logits(%a0: tensor<2x1x9xf32>, %a1: tensor<2x4x1xi32>, %a2: tensor<2xi32>, %a3: tensor<2xi32>, %a4: tensor<2x2xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected f32 logits [B, V] with V >= 1, found 'tensor<2x1x9xf32>'}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x1x9xf32>, tensor<2x4x1xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_no_ids(%a0: tensor<2x0xf32>, %a1: tensor<2x4x1xi32>, %a2: tensor<2xi32>, %a3: tensor<2xi32>, %a4: tensor<2x2xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected f32 logits [B, V] with V >= 1}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x0xf32>, tensor<2x4x1xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_type(%a0: tensor<2x9xf64>, %a1: tensor<2x4x1xi32>, %a2: tensor<2xi32>, %a3: tensor<2xi32>, %a4: tensor<2x2xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected f32 logits}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x9xf64>, tensor<2x4x1xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_history(%a0: tensor<2x9xf32>, %a1: tensor<2x4xi32>, %a2: tensor<2xi32>, %a3: tensor<2xi32>, %a4: tensor<2x2xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a history [2, P, 1] with P >= 1, found 'tensor<2x4xi32>'}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x9xf32>, tensor<2x4xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_position(%a0: tensor<2x9xf32>, %a1: tensor<2x4x1xi32>, %a2: tensor<3xi32>, %a3: tensor<2xi32>, %a4: tensor<2x2xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected position of 2 numbers}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x9xf32>, tensor<2x4x1xi32>, tensor<3xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_count(%a0: tensor<2x9xf32>, %a1: tensor<2x4x1xi32>, %a2: tensor<2xi32>, %a3: tensor<3xi32>, %a4: tensor<2x2xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected count of 2 numbers}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x9xf32>, tensor<2x4x1xi32>, tensor<2xi32>, tensor<3xi32>, tensor<2x2xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_sequence(%a0: tensor<2x9xf32>, %a1: tensor<2x4x1xi32>, %a2: tensor<2xi32>, %a3: tensor<2xi32>, %a4: tensor<2x2xi32>, %a5: tensor<1xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected sequence of 2 numbers}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x9xf32>, tensor<2x4x1xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<1xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_seed(%a0: tensor<2x9xf32>, %a1: tensor<2x4x1xi32>, %a2: tensor<2xi32>, %a3: tensor<2xi32>, %a4: tensor<2x1xi32>, %a5: tensor<2xi32>, %a6: tensor<f32>, %a7: tensor<i32>, %a8: tensor<f32>, %a9: tensor<f32>, %a10: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected seeds [2, 2], found 'tensor<2x1xi32>'}}
  %r = hydra.sample %a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10 : (tensor<2x9xf32>, tensor<2x4x1xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2x1xi32>, tensor<2xi32>, tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<i32>) -> tensor<2xi32>
  return
}
