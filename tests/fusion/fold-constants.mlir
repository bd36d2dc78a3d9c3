// RUN: hydra-opt %s --pass-pipeline='builtin.module(func.func(hydra-fold-constants))' | FileCheck %s

// The first pair of row 1 turns by one radian: cos 1 = 0.540302, sin 1 = 0.841471.
// CHECK-LABEL: func.func @table
func.func @table() -> tensor<2x2xf32> {
  // CHECK-NOT: rope_table
  // CHECK: hydra.constant dense<{{\[\[}}1.000000e+00, 0.000000e+00], [0.540302{{[0-9]*}}, 0.84147{{[0-9]*}}]]>
  %t = hydra.rope_table {positions = 2 : i64, head_dim = 2 : i64, theta = 10000.0 : f64} : () -> tensor<2x2xf32>
  return %t : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @reshapes
// CHECK-SAME: %[[X:.*]]: tensor<6xf32>
func.func @reshapes(%x: tensor<6xf32>) -> (tensor<2x3xf32>, tensor<6xf32>, tensor<3xf32>) {
  // CHECK-DAG: %[[C:.*]] = hydra.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>
  // CHECK-DAG: %[[R:.*]] = hydra.reshape %[[X]] {shape = array<i64: 2, 3>}
  // CHECK-NOT: hydra.reshape
  // CHECK: return %[[R]], %[[X]], %[[C]]
  %a = hydra.reshape %x {shape = array<i64: 3, 2>} : (tensor<6xf32>) -> tensor<3x2xf32>
  %b = hydra.reshape %a {shape = array<i64: 2, 3>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %s = hydra.stop %x : (tensor<6xf32>) -> tensor<6xf32>
  %k = hydra.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %c = hydra.reshape %k {shape = array<i64: 3>} : (tensor<1x3xf32>) -> tensor<3xf32>
  return %b, %s, %c : tensor<2x3xf32>, tensor<6xf32>, tensor<3xf32>
}

// Equal work is done once; a probed stop stays.
// CHECK-LABEL: func.func @merged
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @merged(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[E:.*]] = hydra.unary <exp> %[[X]]
  // CHECK-NOT: hydra.unary
  // CHECK: %[[S:.*]] = hydra.stop %[[X]] {hydra.probe = "kept"}
  // CHECK: return %[[E]], %[[E]], %[[S]]
  %a = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  %b = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  %unused = hydra.unary <log> %x : (tensor<4xf32>) -> tensor<4xf32>
  %s = hydra.stop %x {hydra.probe = "kept"} : (tensor<4xf32>) -> tensor<4xf32>
  return %a, %b, %s : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
