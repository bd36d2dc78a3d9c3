// RUN: hydra-opt %s --hydra-differentiate | FileCheck %s

// Bound arguments and results are named by their bindings, others by position; integers have no gradient; an argument
// without a path gets zeros.
// CHECK-LABEL: func.func @named(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3xf32> {hydra.binding = #hydra.binding<input "x">}
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<5x3xf32> {hydra.binding = #hydra.binding<parameter "w">}
// CHECK-SAME: %[[U:[a-z0-9]+]]: tensor<4xf32>
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<2xi32>
// CHECK-SAME: %[[DY:[a-z0-9]+]]: tensor<2x5xf32> {hydra.binding = #hydra.binding<input "cotangent.y">}
// CHECK-SAME: -> (tensor<2x5xf32> {hydra.binding = #hydra.binding<output "y">}
// CHECK-SAME: tensor<2xi32>
// CHECK-SAME: tensor<2x3xf32> {hydra.binding = #hydra.binding<output "gradient.x">}
// CHECK-SAME: tensor<5x3xf32> {hydra.binding = #hydra.binding<output "gradient.w">}
// CHECK-SAME: tensor<4xf32> {hydra.binding = #hydra.binding<output "gradient.arg2">})
// CHECK-NOT: hydra.vjp
func.func @named(%x: tensor<2x3xf32> {hydra.binding = #hydra.binding<input "x">},
                 %w: tensor<5x3xf32> {hydra.binding = #hydra.binding<parameter "w">},
                 %unused: tensor<4xf32>, %i: tensor<2xi32>)
    -> (tensor<2x5xf32> {hydra.binding = #hydra.binding<output "y">}, tensor<2xi32>)
    attributes {hydra.vjp} {
  // CHECK: %[[Y:.*]] = hydra.matmul %[[X]], %[[W]] {transpose_b}
  // CHECK: %[[DX:.*]] = hydra.matmul %[[DY]], %[[W]] :
  // CHECK: %[[DW:.*]] = hydra.matmul %[[DY]], %[[X]] {transpose_a}
  // CHECK: %[[ZERO:.*]] = hydra.constant dense<0.000000e+00> : tensor<f32>
  // CHECK: %[[DU:.*]] = hydra.broadcast %[[ZERO]]
  // CHECK: return %[[Y]], %{{.*}}, %[[DX]], %[[DW]], %[[DU]]
  %0 = hydra.matmul %x, %w {transpose_b} : (tensor<2x3xf32>, tensor<5x3xf32>) -> tensor<2x5xf32>
  return %0, %i : tensor<2x5xf32>, tensor<2xi32>
}

// Values that carry no gradient by definition: the mask, comparisons, stopped values, the token loss.
// CHECK-LABEL: func.func @no_gradient(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<2x4xf32>, %[[X:[a-z0-9]+]]: tensor<2x4xf32>, %{{.*}}: tensor<2xi32>
// CHECK-SAME: %[[DLOSS:[a-z0-9]+]]: tensor<2xf32> {hydra.binding = #hydra.binding<input "cotangent.result0">}
// CHECK-SAME: %[[DY:[a-z0-9]+]]: tensor<2x4xf32> {hydra.binding = #hydra.binding<input "cotangent.result1">}
func.func @no_gradient(%m: tensor<2x4xf32>, %x: tensor<2x4xf32>, %t: tensor<2xi32>)
    -> (tensor<2xf32>, tensor<2x4xf32>) attributes {hydra.vjp} {
  // CHECK: %[[Y:.*]] = hydra.select %[[M]]
  // CHECK-NOT: cross_entropy_grad
  // CHECK: %[[DX:.*]] = hydra.select %[[M]], %[[DY]]
  // CHECK: return %{{.*}}, %[[Y]], %{{.*}}, %[[DX]]
  %loss, %token_loss, %lse = hydra.cross_entropy %x, %t : (tensor<2x4xf32>, tensor<2xi32>) -> (tensor<f32>, tensor<2xf32>, tensor<2xf32>)
  %stop = hydra.stop %m : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %ge = hydra.binary <ge> %m, %stop : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %0 = hydra.select %m, %x, %ge : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %token_loss, %0 : tensor<2xf32>, tensor<2x4xf32>
}

// A function without the attribute stays as it is.
// CHECK-LABEL: func.func @plain(%{{.*}}: tensor<2xf32>) -> tensor<2xf32> {
// CHECK-NEXT: hydra.unary <exp>
// CHECK-NEXT: return
func.func @plain(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = hydra.unary <exp> %x : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
