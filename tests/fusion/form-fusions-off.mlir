// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},func.func(hydra-verify-fused))' | FileCheck %s

// CHECK-LABEL: func.func @kinds
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x4xf32>, %[[W:[^:]*]]: tensor<4xf32>, %[[M:[^:]*]]: tensor<3x4xf32>
func.func @kinds(%x: tensor<2x4xf32>, %w: tensor<4xf32>, %m: tensor<3x4xf32>) -> (tensor<2x3xf32>, tensor<4xf32>, tensor<8xf32>) {
  // CHECK: %[[N:.*]] = hydra.fusion <rows> "single"(%[[X]], %[[W]]) attributes {hydra.probe = "n", hydra.scope = "norm"}
  // CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<2x4xf32>, %[[B:.*]]: tensor<4xf32>):
  // CHECK-NEXT: %[[R:.*]] = hydra.rms_norm %[[A]], %[[B]] {eps = {{[^,]*}} : f64} :
  // CHECK-NEXT: hydra.yield %[[R]]
  %n = hydra.rms_norm %x, %w {eps = 1.0e-6 : f64, hydra.scope = "norm", hydra.probe = "n"} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // One argument for an operand that occurs twice.
  // CHECK: %[[S:.*]] = hydra.fusion <rows> "single"(%[[N]]) :
  // CHECK-NEXT: ^bb0(%[[C:.*]]: tensor<2x4xf32>):
  // CHECK-NEXT: hydra.binary <mul> %[[C]], %[[C]]
  %s = hydra.binary <mul> %n, %n : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  // The kind is derived: what has a row body is of kind rows, column sums included.
  // CHECK: hydra.fusion <rows> "single"(%[[S]])
  %c = hydra.reduce <sum> <leading> %s : (tensor<2x4xf32>) -> tensor<4xf32>
  // Neither matmuls nor aliases become kernels.
  // CHECK-NOT: hydra.fusion
  // CHECK: hydra.matmul %[[S]], %[[M]] {transpose_b}
  // CHECK: hydra.reshape %[[S]]
  %y = hydra.matmul %s, %m {transpose_b} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %f = hydra.reshape %s {shape = array<i64: 8>} : (tensor<2x4xf32>) -> tensor<8xf32>
  return %y, %c, %f : tensor<2x3xf32>, tensor<4xf32>, tensor<8xf32>
}
