// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(hydra-chunk-cross-entropy{rows=16}),canonicalize,cse)' | FileCheck %s
// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(hydra-chunk-cross-entropy{rows=16}))' --remarks-filter=memory -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(hydra-chunk-cross-entropy))' --mlir-pass-statistics --mlir-pass-statistics-display=list -o %t 2>&1 | FileCheck %s --check-prefix=SMALL

// Without rows these logits are too small to be cut.
// SMALL-NOT: {{[1-9][0-9]*}} num-chunked

// Forward and backward of a chunk follow each other, the weight's gradient in ascending rows; the rows are cut evenly.
// CHECK-LABEL: func.func @head(
// CHECK-SAME: %[[H:[a-z0-9]+]]: tensor<2x20x8xf32>, %[[W:[a-z0-9]+]]: tensor<50x8xf32>, %[[T:[a-z0-9]+]]: tensor<2x20xi32>, %[[S:[a-z0-9]+]]: tensor<f32>, %[[DW:[a-z0-9]+]]: tensor<50x8xf32>
// CHECK-NOT: 40x50xf32
// CHECK-NOT: 20x50xf32
// CHECK: %[[SCALE:.*]] = hydra.binary <div> %[[S]]
// CHECK: %[[HF:.*]] = hydra.reshape %[[H]] {shape = array<i64: 40, 8>
// CHECK: %[[H0:.*]] = hydra.slice_rows %[[HF]] {count = 16 : i64, first = 0 : i64
// CHECK: %[[L0:.*]] = hydra.matmul %[[H0]], %[[W]] {hydra.scope = "head", transpose_b} : {{.*}} -> tensor<16x50xf32>
// CHECK: %[[T0:.*]] = hydra.slice_rows %{{.*}} {count = 16 : i64, first = 0 : i64
// CHECK: %{{.*}}, %[[TL0:.*]], %[[LSE0:.*]] = hydra.cross_entropy %[[L0]], %[[T0]]
// CHECK: %[[D0:.*]] = hydra.cross_entropy_grad %[[SCALE]], %[[L0]], %[[T0]], %[[LSE0]]
// CHECK: %[[DH0:.*]] = hydra.matmul %[[D0]], %[[W]] :
// CHECK: %[[DW0:.*]] = hydra.matmul %[[D0]], %[[H0]] accumulate %[[DW]] {transpose_a}
// CHECK: hydra.slice_rows %[[HF]] {count = 16 : i64, first = 16 : i64
// CHECK: %[[DW1:.*]] = hydra.matmul %{{.*}} accumulate %[[DW0]] {transpose_a}
// CHECK: hydra.slice_rows %[[HF]] {count = 8 : i64, first = 32 : i64
// CHECK: %[[DW2:.*]] = hydra.matmul %{{.*}} accumulate %[[DW1]] {hydra.probe = "gradient.w", transpose_a}
// CHECK: %[[DHF:.*]] = hydra.concat_rows %[[DH0]],
// CHECK: %[[DHW:.*]] = hydra.reshape %[[DHF]] {shape = array<i64: 2, 20, 8>
// CHECK: %[[TL:.*]] = hydra.concat_rows %[[TL0]],
// CHECK: %[[TLW:.*]] = hydra.reshape %[[TL]] {{{.*}}shape = array<i64: 2, 20>
// CHECK: %[[SUM:.*]] = hydra.reduce <sum> <all> %[[TLW]]
// CHECK: %[[LOSS:.*]] = hydra.binary <div> %[[SUM]], %{{.*}} {hydra.probe = "loss.ce"
// CHECK: return %[[LOSS]], %[[TLW]], %[[DHW]], %[[DW2]]
// REMARK: remark: {{.*}}CHUNKED{{.*}}Function=head{{.*}}logits in chunks of 16 rows", bytes_after=3200, bytes_before=8000
func.func @head(%h: tensor<2x20x8xf32>, %w: tensor<50x8xf32>, %t: tensor<2x20xi32>, %s: tensor<f32>, %dw: tensor<50x8xf32>)
    -> (tensor<f32>, tensor<2x20xf32>, tensor<2x20x8xf32>, tensor<50x8xf32>) {
  %logits = hydra.matmul %h, %w {transpose_b, hydra.scope = "head", hydra.probe = "logits"} : (tensor<2x20x8xf32>, tensor<50x8xf32>) -> tensor<2x20x50xf32>
  %loss, %token, %lse = hydra.cross_entropy %logits, %t {hydra.probe = "loss.ce"} : (tensor<2x20x50xf32>, tensor<2x20xi32>) -> (tensor<f32>, tensor<2x20xf32>, tensor<2x20xf32>)
  %n = hydra.constant dense<40.0> : tensor<f32>
  %scale = hydra.binary <div> %s, %n : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %d = hydra.cross_entropy_grad %scale, %logits, %t, %lse : (tensor<f32>, tensor<2x20x50xf32>, tensor<2x20xi32>, tensor<2x20xf32>) -> tensor<2x20x50xf32>
  %dh = hydra.matmul %d, %w : (tensor<2x20x50xf32>, tensor<50x8xf32>) -> tensor<2x20x8xf32>
  %1 = hydra.matmul %d, %h accumulate %dw {transpose_a, hydra.probe = "gradient.w"} : (tensor<2x20x50xf32>, tensor<2x20x8xf32>, tensor<50x8xf32>) -> tensor<50x8xf32>
  return %loss, %token, %dh, %1 : tensor<f32>, tensor<2x20xf32>, tensor<2x20x8xf32>, tensor<50x8xf32>
}

// -----

// Rounded factors, and logits that are a result; they keep their name.
// CHECK-LABEL: func.func @asked
// CHECK: hydra.cross_entropy_grad
// CHECK: hydra.cast %{{.*}} {element_type = bf16} : (tensor<16x50xf32>) -> tensor<16x50xbf16>
// CHECK: %[[JOINED:.*]] = hydra.concat_rows %{{.*}} : (tensor<16x50xf32>, tensor<4x50xf32>) -> tensor<20x50xf32>
// CHECK: %[[WHOLE:.*]] = hydra.reshape %[[JOINED]] {hydra.probe = "asked", shape = array<i64: 20, 50>}
// CHECK: return %[[WHOLE]]
// REMARK: remark: {{.*}}CHUNKED{{.*}}Function=asked{{.*}}Reason="the whole is put together, because it is asked for
func.func @asked(%h: tensor<20x8xbf16>, %w: tensor<50x8xbf16>, %t: tensor<20xi32>, %s: tensor<f32>, %dw: tensor<50x8xf32>)
    -> (tensor<20x50xf32>, tensor<20x8xf32>, tensor<50x8xf32>) {
  %logits = hydra.matmul %h, %w {transpose_b, element_type = f32, hydra.probe = "asked"} : (tensor<20x8xbf16>, tensor<50x8xbf16>) -> tensor<20x50xf32>
  %loss, %token, %lse = hydra.cross_entropy %logits, %t : (tensor<20x50xf32>, tensor<20xi32>) -> (tensor<f32>, tensor<20xf32>, tensor<20xf32>)
  %d = hydra.cross_entropy_grad %s, %logits, %t, %lse : (tensor<f32>, tensor<20x50xf32>, tensor<20xi32>, tensor<20xf32>) -> tensor<20x50xf32>
  %r = hydra.cast %d {element_type = bf16} : (tensor<20x50xf32>) -> tensor<20x50xbf16>
  %dh = hydra.matmul %r, %w {element_type = f32} : (tensor<20x50xbf16>, tensor<50x8xbf16>) -> tensor<20x8xf32>
  %1 = hydra.matmul %r, %h accumulate %dw {transpose_a, element_type = f32} : (tensor<20x50xbf16>, tensor<20x8xbf16>, tensor<50x8xf32>) -> tensor<50x8xf32>
  return %logits, %dh, %1 : tensor<20x50xf32>, tensor<20x8xf32>, tensor<50x8xf32>
}

// -----

// CHECK-LABEL: func.func @wide_use
// CHECK-NOT: slice_rows
// REMARK: remark: {{.*}}WIDE_USE{{.*}}Reason="hydra.unary reads all of the logits", Remark="logits of 20 x 50 are held whole"
func.func @wide_use(%h: tensor<20x8xf32>, %w: tensor<50x8xf32>, %t: tensor<20xi32>) -> (tensor<f32>, tensor<20x50xf32>) {
  %logits = hydra.matmul %h, %w {transpose_b} : (tensor<20x8xf32>, tensor<50x8xf32>) -> tensor<20x50xf32>
  %loss, %token, %lse = hydra.cross_entropy %logits, %t : (tensor<20x50xf32>, tensor<20xi32>) -> (tensor<f32>, tensor<20xf32>, tensor<20xf32>)
  %0 = hydra.unary <tanh> %logits : (tensor<20x50xf32>) -> tensor<20x50xf32>
  return %loss, %0 : tensor<f32>, tensor<20x50xf32>
}

// -----

// CHECK-LABEL: func.func @counted
// CHECK-NOT: slice_rows
// REMARK: remark: {{.*}}HEAD{{.*}}logits are not a plain product of rows
func.func @counted(%h: tensor<20x8xf32>, %w: tensor<50x8xf32>, %t: tensor<20xi32>, %rows: tensor<i32>) -> tensor<f32> {
  %logits = hydra.matmul %h, %w rows %rows {transpose_b} : (tensor<20x8xf32>, tensor<50x8xf32>, tensor<i32>) -> tensor<20x50xf32>
  %loss, %token, %lse = hydra.cross_entropy %logits, %t : (tensor<20x50xf32>, tensor<20xi32>) -> (tensor<f32>, tensor<20xf32>, tensor<20xf32>)
  return %loss : tensor<f32>
}

// -----

// A gradient that is only known when the loss is.
// CHECK-LABEL: func.func @depends
// CHECK-NOT: slice_rows
// REMARK: remark: {{.*}}DEPENDS{{.*}}the gradient needs what is made of the loss itself
func.func @depends(%h: tensor<20x8xf32>, %w: tensor<50x8xf32>, %t: tensor<20xi32>) -> tensor<20x8xf32> {
  %logits = hydra.matmul %h, %w {transpose_b} : (tensor<20x8xf32>, tensor<50x8xf32>) -> tensor<20x50xf32>
  %loss, %token, %lse = hydra.cross_entropy %logits, %t : (tensor<20x50xf32>, tensor<20xi32>) -> (tensor<f32>, tensor<20xf32>, tensor<20xf32>)
  %s = hydra.unary <exp> %loss : (tensor<f32>) -> tensor<f32>
  %d = hydra.cross_entropy_grad %s, %logits, %t, %lse : (tensor<f32>, tensor<20x50xf32>, tensor<20xi32>, tensor<20xf32>) -> tensor<20x50xf32>
  %dh = hydra.matmul %d, %w : (tensor<20x50xf32>, tensor<50x8xf32>) -> tensor<20x8xf32>
  return %dh : tensor<20x8xf32>
}
