// RUN: hydra-opt %s --pass-pipeline='builtin.module(func.func(hydra-decompose-causal-conv))' | FileCheck %s

// CHECK-LABEL: func.func @grouped
// CHECK-SAME: %[[X:.*]]: tensor<2x5x6xf32>, %[[F:.*]]: tensor<4x3x3xf32>, %[[H:.*]]: tensor<2x2x6xf32>, %[[P:.*]]: tensor<2xi32>
func.func @grouped(%x: tensor<2x5x6xf32>, %f: tensor<4x3x3xf32>, %h: tensor<2x2x6xf32>, %p: tensor<2xi32>) -> tensor<2x5x4xf32> {
  // CHECK: %[[U:.*]] = hydra.unfold %[[X]] history %[[H]] position %[[P]] {hydra.scope = "layers.0.conv", width = 3 : i64}
  // CHECK: %[[M:.*]] = hydra.reshape %[[F]] {shape = array<i64: 4, 9>}
  // CHECK: %[[Y:.*]] = hydra.matmul %[[U]], %[[M]] {groups = 2 : i64, hydra.probe = "conv", hydra.scope = "layers.0.conv", transpose_b}
  // CHECK: return %[[Y]]
  %y = hydra.causal_conv %x, %f history %h position %p {hydra.probe = "conv", hydra.scope = "layers.0.conv"}
      : (tensor<2x5x6xf32>, tensor<4x3x3xf32>, tensor<2x2x6xf32>, tensor<2xi32>) -> tensor<2x5x4xf32>
  return %y : tensor<2x5x4xf32>
}

// Without a history, dense.
// CHECK-LABEL: func.func @dense
func.func @dense(%x: tensor<1x4x2xf32>, %f: tensor<3x2x2xf32>) -> tensor<1x4x3xf32> {
  // CHECK: hydra.unfold %{{[^,]*}} {width = 2 : i64}
  // CHECK-NOT: groups
  // CHECK: hydra.matmul
  %y = hydra.causal_conv %x, %f : (tensor<1x4x2xf32>, tensor<3x2x2xf32>) -> tensor<1x4x3xf32>
  return %y : tensor<1x4x3xf32>
}
