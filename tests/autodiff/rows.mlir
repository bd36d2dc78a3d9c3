// Gradients under a row count: adjoints take the same count, and what is defined in some rows only is never added to
// what is defined in all of them as it is.
// RUN: hydra-opt %s --hydra-differentiate | FileCheck %s

// Both uses have one count: plain addition under it, zeros elsewhere only at the end.
// CHECK-LABEL: func.func @same_count(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x3xf32>, %[[ROWS:[a-z0-9]+]]: tensor<i32>, %[[DY:[a-z0-9]+]]: tensor<4x3xf32>
func.func @same_count(%x: tensor<4x3xf32>, %rows: tensor<i32>) -> tensor<4x3xf32> attributes {hydra.vjp} {
  // CHECK: %[[N:.*]] = hydra.unary <neg> %[[X]], %[[ROWS]]
  // CHECK: %[[D1:.*]] = hydra.binary <mul> %[[DY]], %{{.*}}, %[[ROWS]]
  // CHECK: %[[SUM:.*]] = hydra.binary <add> %{{.*}}, %{{.*}}, %[[ROWS]]
  // CHECK: %[[DX:.*]] = hydra.unary <neg> %[[SUM]], %[[ROWS]]
  // CHECK: %[[INDEX:.*]] = hydra.constant dense<[0, 1, 2, 3]> : tensor<4xi32>
  // CHECK: %[[ALL:.*]] = hydra.scatter_rows %[[DX]], %[[INDEX]] rows %[[ROWS]]
  // CHECK: return %{{.*}}, %[[ALL]]
  %0 = hydra.unary <neg> %x, %rows : (tensor<4x3xf32>, tensor<i32>) -> tensor<4x3xf32>
  %1 = hydra.unary <square> %0, %rows : (tensor<4x3xf32>, tensor<i32>) -> tensor<4x3xf32>
  %2 = hydra.binary <mul> %1, %0, %rows : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<i32>) -> tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

// One use in all rows, one in some: the latter is added in its own rows.
// CHECK-LABEL: func.func @mixed_counts(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x3xf32>, %[[ROWS:[a-z0-9]+]]: tensor<i32>
func.func @mixed_counts(%x: tensor<4x3xf32>, %rows: tensor<i32>) -> (tensor<4x3xf32>, tensor<4x3xf32>)
    attributes {hydra.vjp} {
  // CHECK: %[[FULL:.*]] = hydra.binary <mul> %{{.*}}, %{{.*}} : (tensor<4x3xf32>, tensor<4x3xf32>)
  // CHECK: hydra.scatter_rows %{{.*}}, %{{.*}} accumulate %{{.*}} rows %[[ROWS]]
  %0 = hydra.unary <tanh> %x : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %1 = hydra.unary <exp> %0 : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %2 = hydra.unary <exp> %0, %rows : (tensor<4x3xf32>, tensor<i32>) -> tensor<4x3xf32>
  return %1, %2 : tensor<4x3xf32>, tensor<4x3xf32>
}

// A weight gradient stops at the count and is defined everywhere.
// CHECK-LABEL: func.func @weight(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x3xf32>, %[[W:[a-z0-9]+]]: tensor<5x3xf32>, %[[ROWS:[a-z0-9]+]]: tensor<i32>, %[[DY:[a-z0-9]+]]:
func.func @weight(%x: tensor<4x3xf32>, %w: tensor<5x3xf32>, %rows: tensor<i32>) -> tensor<4x5xf32>
    attributes {hydra.vjp} {
  // CHECK: %[[DX:.*]] = hydra.matmul %[[DY]], %[[W]] rows %[[ROWS]]
  // CHECK: %[[DW:.*]] = hydra.matmul %[[DY]], %[[X]] rows %[[ROWS]] {transpose_a}
  // CHECK: %[[ALL:.*]] = hydra.scatter_rows %[[DX]], %{{.*}} rows %[[ROWS]]
  // CHECK: return %{{.*}}, %[[ALL]], %[[DW]]
  %0 = hydra.matmul %x, %w rows %rows {transpose_b} : (tensor<4x3xf32>, tensor<5x3xf32>, tensor<i32>) -> tensor<4x5xf32>
  return %0 : tensor<4x5xf32>
}

// A reshape that keeps the last extent keeps the rows: nothing is filled in on the way.
// CHECK-LABEL: func.func @through_reshape(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x3xf32>, %[[ROWS:[a-z0-9]+]]: tensor<i32>, %[[DY:[a-z0-9]+]]: tensor<2x2x3xf32>
func.func @through_reshape(%x: tensor<4x3xf32>, %rows: tensor<i32>) -> tensor<2x2x3xf32> attributes {hydra.vjp} {
  // CHECK: %[[D1:.*]] = hydra.unary <neg> %[[DY]], %[[ROWS]]
  // CHECK-NEXT: %[[D0:.*]] = hydra.reshape %[[D1]]
  // CHECK-NEXT: %[[DX:.*]] = hydra.unary <neg> %[[D0]], %[[ROWS]]
  // CHECK: hydra.scatter_rows %[[DX]], %{{.*}} rows %[[ROWS]]
  // CHECK-NOT: hydra.scatter_rows
  %0 = hydra.unary <neg> %x, %rows : (tensor<4x3xf32>, tensor<i32>) -> tensor<4x3xf32>
  %1 = hydra.reshape %0 {shape = array<i64: 2, 2, 3>} : (tensor<4x3xf32>) -> tensor<2x2x3xf32>
  %2 = hydra.unary <neg> %1, %rows : (tensor<2x2x3xf32>, tensor<i32>) -> tensor<2x2x3xf32>
  return %2 : tensor<2x2x3xf32>
}
