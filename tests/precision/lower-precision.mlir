// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-lower-precision)' | FileCheck %s

// One copy of x serves both products, also through a reshape; results stay float32.
// CHECK-LABEL: func.func @shared
// CHECK-DAG: %[[X:.*]] = hydra.cast %arg0 {element_type = bf16} : (tensor<2x3x8xf32>) -> tensor<2x3x8xbf16>
// CHECK-DAG: %[[W:.*]] = hydra.cast %arg1 {element_type = bf16}
// CHECK: %[[FLAT:.*]] = hydra.reshape %[[X]]
// CHECK-NOT: hydra.cast %arg0
// CHECK: hydra.matmul %[[X]], %[[W]] {element_type = f32, transpose_b} : (tensor<2x3x8xbf16>, tensor<4x8xbf16>) -> tensor<2x3x4xf32>
// CHECK: hydra.matmul %{{.*}}, %[[FLAT]] {element_type = f32, transpose_a} : (tensor<6x4xbf16>, tensor<6x8xbf16>) -> tensor<4x8xf32>
func.func @shared(%x: tensor<2x3x8xf32>, %w: tensor<4x8xf32>, %dy: tensor<6x4xf32>) -> (tensor<2x3x4xf32>, tensor<4x8xf32>) {
  %flat = hydra.reshape %x {shape = array<i64: 6, 8>} : (tensor<2x3x8xf32>) -> tensor<6x8xf32>
  %y = hydra.matmul %x, %w {transpose_b} : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32>
  %dw = hydra.matmul %dy, %flat {transpose_a} : (tensor<6x4xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  return %y, %dw : tensor<2x3x4xf32>, tensor<4x8xf32>
}

// -----

// A row count bounds the copy of what it bounds: of A, and of B in a weight gradient. The count may
// be made after the value.
// CHECK-LABEL: func.func @bounded
// CHECK: hydra.cast %arg1 {element_type = bf16} : (tensor<4x8xf32>)
// CHECK: %[[N:.*]] = hydra.cast %arg3 {element_type = i32}
// CHECK-DAG: hydra.cast %arg0, %[[N]] {element_type = bf16}
// CHECK-DAG: hydra.cast %arg2, %[[N]] {element_type = bf16}
// CHECK: hydra.matmul
func.func @bounded(%x: tensor<6x8xf32>, %w: tensor<4x8xf32>, %dy: tensor<6x4xf32>, %c: tensor<f32>) -> (tensor<6x4xf32>, tensor<4x8xf32>) {
  %n = hydra.cast %c {element_type = i32} : (tensor<f32>) -> tensor<i32>
  %y = hydra.matmul %x, %w rows %n {transpose_b} : (tensor<6x8xf32>, tensor<4x8xf32>, tensor<i32>) -> tensor<6x4xf32>
  %dw = hydra.matmul %dy, %x rows %n {transpose_a} : (tensor<6x4xf32>, tensor<6x8xf32>, tensor<i32>) -> tensor<4x8xf32>
  return %y, %dw : tensor<6x4xf32>, tensor<4x8xf32>
}

// -----

// Router scores stay as they are.
// CHECK-LABEL: func.func @router
// CHECK-NOT: hydra.cast
// CHECK: hydra.matmul %arg0, %arg1 {full_precision, transpose_b}
func.func @router(%x: tensor<6x8xf32>, %w: tensor<1x8xf32>) -> tensor<6x1xf32> {
  %y = hydra.matmul %x, %w {full_precision, transpose_b} : (tensor<6x8xf32>, tensor<1x8xf32>) -> tensor<6x1xf32>
  return %y : tensor<6x1xf32>
}

// -----

// Attention and its gradient take rounded operands, q of both the same copy; results stay float32.
// CHECK-LABEL: func.func @attention
// CHECK-DAG: %[[Q:.*]] = hydra.cast %arg0 {element_type = bf16}
// CHECK-DAG: %[[K:.*]] = hydra.cast %arg1 {element_type = bf16}
// CHECK: hydra.attention %[[Q]], %[[K]], %[[K]] {{.*}} -> (tensor<1x6x8xf32>, tensor<1x6x2xf32>)
// CHECK: hydra.attention_grad %{{.*}}, %[[Q]], %[[K]], %[[K]], {{.*}} -> (tensor<1x6x8xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>)
func.func @attention(%q: tensor<1x6x8xf32>, %k: tensor<1x6x4xf32>, %dy: tensor<1x6x8xf32>) -> (tensor<1x6x8xf32>, tensor<1x6x4xf32>) {
  %y:2 = hydra.attention %q, %k, %k {heads = 2, kv_heads = 1, scale = 0.5 : f64} : (tensor<1x6x8xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>) -> (tensor<1x6x8xf32>, tensor<1x6x2xf32>)
  %d:3 = hydra.attention_grad %dy, %q, %k, %k, %y#0, %y#1 {heads = 2, kv_heads = 1, scale = 0.5 : f64} : (tensor<1x6x8xf32>, tensor<1x6x8xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>, tensor<1x6x8xf32>, tensor<1x6x2xf32>) -> (tensor<1x6x8xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>)
  return %d#0, %d#1 : tensor<1x6x8xf32>, tensor<1x6x4xf32>
}

// -----

// Between two products everything is bf16, forward and backward.
// CHECK-LABEL: func.func @activation
// CHECK: %[[X:.*]] = hydra.matmul {{.*}} {transpose_b} : (tensor<4x8xbf16>, tensor<12x8xbf16>) -> tensor<4x12xbf16>
// CHECK-NEXT: %[[Y:.*]] = hydra.swiglu %[[X]] : (tensor<4x12xbf16>) -> tensor<4x6xbf16>
// CHECK: hydra.matmul %[[Y]], {{.*}} {element_type = f32, transpose_b}
// CHECK: %[[DY:.*]] = hydra.matmul {{.*}} -> tensor<4x6xbf16>
// CHECK: %[[DX:.*]] = hydra.swiglu_grad %[[DY]], %[[X]] : (tensor<4x6xbf16>, tensor<4x12xbf16>) -> tensor<4x12xbf16>
// CHECK-NEXT: hydra.matmul %[[DX]], {{.*}} {element_type = f32}
// CHECK-NEXT: hydra.matmul %[[DX]], {{.*}} {element_type = f32, transpose_a}
func.func @activation(%x: tensor<4x8xf32>, %w: tensor<12x8xf32>, %v: tensor<8x6xf32>, %dz: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<12x8xf32>) {
  %a = hydra.matmul %x, %w {transpose_b} : (tensor<4x8xf32>, tensor<12x8xf32>) -> tensor<4x12xf32>
  %y = hydra.swiglu %a : (tensor<4x12xf32>) -> tensor<4x6xf32>
  %z = hydra.matmul %y, %v {transpose_b} : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  %dy = hydra.matmul %dz, %v : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %da = hydra.swiglu_grad %dy, %a : (tensor<4x6xf32>, tensor<4x12xf32>) -> tensor<4x12xf32>
  %dx = hydra.matmul %da, %w : (tensor<4x12xf32>, tensor<12x8xf32>) -> tensor<4x8xf32>
  %dw = hydra.matmul %da, %x {transpose_a} : (tensor<4x12xf32>, tensor<4x8xf32>) -> tensor<12x8xf32>
  return %z, %dx, %dw : tensor<4x8xf32>, tensor<4x8xf32>, tensor<12x8xf32>
}

// -----

// A cache is read as it is, and an odd head width has no pairs.
// CHECK-LABEL: func.func @float_attention
// CHECK-NOT: hydra.cast
func.func @float_attention(%q: tensor<1x1x8xf32>, %k: tensor<1x6x4xf32>, %p: tensor<1xi32>, %x: tensor<1x6x3xf32>) -> (tensor<1x1x8xf32>, tensor<1x6x3xf32>) {
  %y:2 = hydra.attention %q, %k, %k position %p {heads = 2, kv_heads = 1, scale = 0.5 : f64} : (tensor<1x1x8xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>, tensor<1xi32>) -> (tensor<1x1x8xf32>, tensor<1x1x2xf32>)
  %z:2 = hydra.attention %x, %x, %x {heads = 1, kv_heads = 1, scale = 0.5 : f64} : (tensor<1x6x3xf32>, tensor<1x6x3xf32>, tensor<1x6x3xf32>) -> (tensor<1x6x3xf32>, tensor<1x6x1xf32>)
  return %y#0, %z#0 : tensor<1x1x8xf32>, tensor<1x6x3xf32>
}

// -----

// Somebody else reads the product: it stays float32, and so does what else reads it.
// CHECK-LABEL: func.func @observed
// CHECK: %[[A:.*]] = hydra.matmul {{.*}} -> tensor<4x12xf32>
// CHECK: hydra.swiglu %[[A]] : (tensor<4x12xf32>) -> tensor<4x6xf32>
func.func @observed(%x: tensor<4x8xf32>, %w: tensor<12x8xf32>, %v: tensor<8x6xf32>) -> (tensor<4x8xf32>, tensor<4x12xf32>) {
  %a = hydra.matmul %x, %w {transpose_b} : (tensor<4x8xf32>, tensor<12x8xf32>) -> tensor<4x12xf32>
  %y = hydra.swiglu %a : (tensor<4x12xf32>) -> tensor<4x6xf32>
  %z = hydra.matmul %y, %v {transpose_b} : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  return %z, %a : tensor<4x8xf32>, tensor<4x12xf32>
}

// -----

// Logits are rounded for the loss and its gradient, which is made rounded; the loss is float32. Who gets the logits gets
// what the loss saw.
// CHECK-LABEL: func.func @loss
// CHECK: %[[Z:.*]] = hydra.matmul {{.*}}transpose_b} : (tensor<4x8xbf16>, tensor<12x8xbf16>) -> tensor<4x12xbf16>
// CHECK: %[[WIDE:.*]] = hydra.cast %[[Z]] {element_type = f32}
// CHECK: %[[CE:[a-z]+]], %{{.*}} = hydra.cross_entropy %[[Z]], {{.*}} : (tensor<4x12xbf16>, tensor<4xi32>) -> (tensor<f32>, tensor<4xf32>, tensor<4xf32>)
// CHECK: %[[D:.*]] = hydra.cross_entropy_grad {{.*}}, %[[Z]], {{.*}} -> tensor<4x12xbf16>
// CHECK-NEXT: hydra.matmul %[[D]], {{.*}} {element_type = f32}
// CHECK-NEXT: hydra.matmul %[[D]], {{.*}} {element_type = f32, transpose_a}
// CHECK-NEXT: return %[[CE]], %[[WIDE]]
func.func @loss(%x: tensor<4x8xf32>, %w: tensor<12x8xf32>, %t: tensor<4xi32>, %s: tensor<f32>) -> (tensor<f32>, tensor<4x12xf32>, tensor<4x8xf32>, tensor<12x8xf32>) {
  %z = hydra.matmul %x, %w {transpose_b, hydra.probe = "logits"} : (tensor<4x8xf32>, tensor<12x8xf32>) -> tensor<4x12xf32>
  %ce:3 = hydra.cross_entropy %z, %t : (tensor<4x12xf32>, tensor<4xi32>) -> (tensor<f32>, tensor<4xf32>, tensor<4xf32>)
  %d = hydra.cross_entropy_grad %s, %z, %t, %ce#2 : (tensor<f32>, tensor<4x12xf32>, tensor<4xi32>, tensor<4xf32>) -> tensor<4x12xf32>
  %dx = hydra.matmul %d, %w : (tensor<4x12xf32>, tensor<12x8xf32>) -> tensor<4x8xf32>
  %dw = hydra.matmul %d, %x {transpose_a} : (tensor<4x12xf32>, tensor<4x8xf32>) -> tensor<12x8xf32>
  return %ce#0, %z, %dx, %dw : tensor<f32>, tensor<4x12xf32>, tensor<4x8xf32>, tensor<12x8xf32>
}

// -----

// A gradient that somebody reads in float32 keeps the logits float32.
// CHECK-LABEL: func.func @observed_gradient
// CHECK: hydra.cross_entropy_grad {{.*}} -> tensor<4x12xf32>
func.func @observed_gradient(%x: tensor<4x8xf32>, %w: tensor<12x8xf32>, %t: tensor<4xi32>, %s: tensor<f32>, %lse: tensor<4xf32>) -> (tensor<4x12xf32>, tensor<4x8xf32>) {
  %z = hydra.matmul %x, %w {transpose_b} : (tensor<4x8xf32>, tensor<12x8xf32>) -> tensor<4x12xf32>
  %d = hydra.cross_entropy_grad %s, %z, %t, %lse : (tensor<f32>, tensor<4x12xf32>, tensor<4xi32>, tensor<4xf32>) -> tensor<4x12xf32>
  %dx = hydra.matmul %d, %w : (tensor<4x12xf32>, tensor<12x8xf32>) -> tensor<4x8xf32>
  return %d, %dx : tensor<4x12xf32>, tensor<4x8xf32>
}

// -----

// What is only multiplied again is made rounded, joined or not; what the gradient of a norm reads, too.
// CHECK-LABEL: func.func @chain
// CHECK: %[[A:.*]] = hydra.matmul {{.*}} {transpose_b} {{.*}} -> tensor<4x8xbf16>
// CHECK-NEXT: %[[B:.*]] = hydra.matmul %[[A]], {{.*}} {transpose_b} {{.*}} -> tensor<4x8xbf16>
// CHECK: %[[J:.*]] = hydra.concat {{.*}} -> tensor<4x16xbf16>
// CHECK: hydra.matmul %[[J]]
// CHECK: %[[DN:.*]] = hydra.matmul {{.*}} -> tensor<4x8xbf16>
// CHECK-NEXT: %[[WIDE:.*]] = hydra.cast %[[DN]] {element_type = f32}
// CHECK: hydra.rms_norm_grad %[[WIDE]], %arg3
// CHECK: hydra.rms_norm_weight_grad %[[WIDE]], %arg3
func.func @chain(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %v: tensor<5x16xf32>, %n: tensor<4x8xf32>, %g: tensor<8xf32>) -> (tensor<4x5xf32>, tensor<4x8xf32>, tensor<8xf32>) {
  %a = hydra.matmul %x, %w {transpose_b} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %b = hydra.matmul %a, %w {transpose_b} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %e = hydra.unary <exp> %n : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %j = hydra.concat %b, %e : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x16xf32>
  %y = hydra.matmul %j, %v {transpose_b} : (tensor<4x16xf32>, tensor<5x16xf32>) -> tensor<4x5xf32>
  %dn = hydra.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %dx = hydra.rms_norm_grad %dn, %n, %g {eps = 1.0e-6 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %dg = hydra.rms_norm_weight_grad %dn, %n {eps = 1.0e-6 : f64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8xf32>
  return %y, %dx, %dg : tensor<4x5xf32>, tensor<4x8xf32>, tensor<8xf32>
}
