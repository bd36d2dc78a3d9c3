// Every constraint of the ops that select, order and group rows.
// RUN: hydra-opt %s --split-input-file --verify-diagnostics

func.func @top_k_c1(%x: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected scores of at least one axis}}
  %0:2 = hydra.top_k %x {k = 1 : i64} : (tensor<f32>) -> (tensor<1xi32>, tensor<i32>)
  return
}

// -----

func.func @top_k_c2(%x: tensor<2x4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected 1 <= k <= 4}}
  %0:2 = hydra.top_k %x {k = 5 : i64} : (tensor<2x4xf32>) -> (tensor<2x5xi32>, tensor<2x4xi32>)
  return
}

// -----

func.func @counting_sort_c1(%x: tensor<2x4xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected keys with one axis}}
  %0:2 = hydra.counting_sort %x {classes = 3 : i64} : (tensor<2x4xi32>) -> (tensor<2x4xi32>, tensor<4xi32>)
  return
}

// -----

func.func @counting_sort_c2(%x: tensor<4xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected at least one class, found 0}}
  %0:2 = hydra.counting_sort %x {classes = 0 : i64} : (tensor<4xi32>) -> (tensor<4xi32>, tensor<1xi32>)
  return
}

// -----

func.func @nonzero_c1(%x: tensor<2x2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected 1 <= capacity <= 4}}
  %0:2 = hydra.nonzero %x {capacity = 5 : i64} : (tensor<2x2xi32>) -> (tensor<5xi32>, tensor<i32>)
  return
}

// -----

func.func @merge_rows_c1(%x: tensor<2x2xf32>, %y: tensor<1x2xf32>, %n: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected base and x of one type with rows}}
  %0 = hydra.merge_rows %x, %y, %n : (tensor<2x2xf32>, tensor<1x2xf32>, tensor<i32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @grouped_matmul_c1(%x: tensor<2x2xf32>, %o: tensor<2xi32>, %w: tensor<3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected one weight or more and one offset more than that, found 2 weights}}
  %0 = hydra.grouped_matmul %x, %o, %w, %w {transpose_b} : (tensor<2x2xf32>, tensor<2xi32>, tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @grouped_matmul_c2(%x: tensor<2x2xf32>, %o: tensor<3xi32>, %w: tensor<3x2xf32>, %v: tensor<2x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected weights [N, K] of one type and with elements of 'f32'}}
  %0 = hydra.grouped_matmul %x, %o, %w, %v {transpose_b} : (tensor<2x2xf32>, tensor<3xi32>, tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @grouped_matmul_c3(%x: tensor<2x2xf32>, %o: tensor<2xi32>, %w: tensor<3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected x with rows of 3}}
  %0 = hydra.grouped_matmul %x, %o, %w : (tensor<2x2xf32>, tensor<2xi32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @grouped_weight_grad_c1(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>, %o: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a and b with equal rows and element types}}
  %0 = hydra.grouped_weight_grad %a, %b, %o {group = 0 : i64} : (tensor<2x3xf32>, tensor<3x2xf32>, tensor<2xi32>) -> tensor<3x2xf32>
  return
}

// -----

func.func @grouped_weight_grad_c2(%a: tensor<2x3xf32>, %o: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected offsets [G + 1] with 0 <= group < G}}
  %0 = hydra.grouped_weight_grad %a, %a, %o {group = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @grouped_weight_grad_c3(%a: tensor<2x3xf32>, %o: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected an accumulator of type}}
  %0 = hydra.grouped_weight_grad %a, %a, %o, %a {group = 0 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<2x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @prefix_rank_c1(%x: tensor<2x4xf32>, %k: tensor<3x4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected scores [B, S] and keys [B, T] of one element type with S <= T}}
  %0 = hydra.prefix_rank %x, %k : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x4xi32>
  return
}

// -----

func.func @prefix_rank_c2(%x: tensor<2x4xf32>, %k: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected scores [B, S] and keys [B, T] of one element type with S <= T}}
  %0 = hydra.prefix_rank %x, %k : (tensor<2x4xf32>, tensor<2x3xf32>) -> tensor<2x4xi32>
  return
}

// -----

func.func @prefix_rank_c3(%x: tensor<2x4xf32>, %p: tensor<3xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{expected a position per sequence, i32 [2]}}
  %0 = hydra.prefix_rank %x, %x, %p : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<3xi32>) -> tensor<2x4xi32>
  return
}
