// Element types of all operands, and eps of gradients.
// RUN: hydra-opt %s --split-input-file --verify-diagnostics

func.func @attention(%q: tensor<1x2x4xf32>, %k: tensor<1x2x4xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected equal batch sizes and element types}}
  %0, %1 = hydra.attention %q, %k, %k {heads = 1 : i64, kv_heads = 1 : i64, scale = 1.0 : f64} : (tensor<1x2x4xf32>, tensor<1x2x4xf64>, tensor<1x2x4xf64>) -> (tensor<1x2x4xf32>, tensor<1x2x1xf32>)
  return
}

// -----

func.func @attention_of_pairs(%q: tensor<1x2x6xbf16>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected of bf16 operands an even head width and a positive scale, found width 3}}
  %0, %1 = hydra.attention %q, %q, %q {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<1x2x6xbf16>, tensor<1x2x6xbf16>, tensor<1x2x6xbf16>) -> (tensor<1x2x6xf32>, tensor<1x2x2xf32>)
  return
}

// -----

func.func @norm(%x: tensor<2x4xf32>, %w: tensor<4xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a weight with one axis of the last extent and of the element type}}
  %0 = hydra.rms_norm %x, %w {eps = 1.0e-6 : f64} : (tensor<2x4xf32>, tensor<4xf64>) -> tensor<2x4xf32>
  return
}

// -----

func.func @rope(%x: tensor<1x2x4xf32>, %t: tensor<2x4xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a table of the element type}}
  %0 = hydra.rope %x, %t : (tensor<1x2x4xf32>, tensor<2x4xf64>) -> tensor<1x2x4xf32>
  return
}

// -----

func.func @conv(%x: tensor<1x2x4xf32>, %f: tensor<4x4x1xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a filter of the element type}}
  %0 = hydra.causal_conv %x, %f : (tensor<1x2x4xf32>, tensor<4x4x1xf64>) -> tensor<1x2x4xf32>
  return
}

// -----

func.func @global_norm(%a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected operands with elements of 'f32' like the first}}
  %0 = hydra.global_norm %a, %b : (tensor<4xf32>, tensor<4xf64>) -> tensor<f32>
  return
}

// -----

func.func @gradient(%x: tensor<2x4xf32>, %w: tensor<4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected eps > 0, found 0.000000e+00}}
  %0 = hydra.rms_norm_grad %x, %x, %w {eps = 0.0 : f64} : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @weight_gradient(%x: tensor<2x4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected eps > 0, found -1.000000e+00}}
  %0 = hydra.rms_norm_weight_grad %x, %x {eps = -1.0 : f64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @l2_gradient(%x: tensor<2x4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected eps > 0, found 0.000000e+00}}
  %0 = hydra.l2_norm_grad %x, %x {heads = 1 : i64, eps = 0.0 : f64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @undeclared(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{expected no attributes but kind, found 'kynd'; did you mean 'kind'?}}
  %0 = hydra.unary <exp> %x {kynd = 1} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @slice_scalar(%x: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a first axis to slice, found a scalar}}
  %0 = hydra.slice_rows %x {first = 0 : i64, count = 1 : i64} : (tensor<f32>) -> tensor<1xf32>
  return
}

// -----

func.func @slice_beyond(%x: tensor<4x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected entries of the first axis of 'tensor<4x2xf32>', found 2 from 3}}
  %0 = hydra.slice_rows %x {first = 3 : i64, count = 2 : i64} : (tensor<4x2xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @slice_nothing(%x: tensor<4x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected entries of the first axis of 'tensor<4x2xf32>', found 0 from 1}}
  %0 = hydra.slice_rows %x {first = 1 : i64, count = 0 : i64} : (tensor<4x2xf32>) -> tensor<0x2xf32>
  return
}

// -----

func.func @join_nothing() {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected at least one input}}
  %0 = hydra.concat_rows : () -> tensor<0x2xf32>
  return
}

// -----

func.func @join_scalars(%x: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a first axis to join, found a scalar}}
  %0 = hydra.concat_rows %x : (tensor<f32>) -> tensor<1xf32>
  return
}

// -----

func.func @join_widths(%x: tensor<4x2xf32>, %y: tensor<4x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected inputs that differ in the first extent only, found 'tensor<4x2xf32>' and 'tensor<4x3xf32>'}}
  %0 = hydra.concat_rows %x, %y : (tensor<4x2xf32>, tensor<4x3xf32>) -> tensor<8x2xf32>
  return
}

// -----

func.func @scale(%x: tensor<4x2xf32>, %t: tensor<4xi32>, %l: tensor<4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a scalar scale, found 'tensor<4xf32>'}}
  %0 = hydra.cross_entropy_grad %l, %x, %t, %l : (tensor<4xf32>, tensor<4x2xf32>, tensor<4xi32>, tensor<4xf32>) -> tensor<4x2xf32>
  return
}
