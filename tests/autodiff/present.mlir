// Presence of the weights of experts: an expert without rows has no gradient, and says so on the device.
// RUN: hydra-opt %s --hydra-differentiate | FileCheck %s

hydra.param @head : tensor<2xf32> #hydra.init<constant 1.0>
hydra.param @a : tensor<2x2xf32> #hydra.init<constant 1.0>
hydra.param @b : tensor<2x2xf32> #hydra.init<constant 1.0>
hydra.param @idle : tensor<2xf32> #hydra.init<constant 1.0>

// CHECK-LABEL: func.func @accumulate_1x3
// CHECK: hydra.grouped_weight_grad {{.*}} {group = 0 : i64}
// CHECK: hydra.grouped_weight_grad {{.*}} {group = 1 : i64}
// CHECK: %[[A0:.*]] = hydra.binary <gt> %{{.*}}#1, %{{.*}}#0
// CHECK: %[[A1:.*]] = hydra.reshape %[[A0]]
// CHECK: %[[HEAD:.*]] = hydra.constant dense<1> : tensor<1xi32>
// CHECK: %[[A2:.*]] = hydra.reshape %[[A1]]
// CHECK: %[[B0:.*]] = hydra.binary <gt> %{{.*}}#2, %{{.*}}#1
// CHECK: %[[B1:.*]] = hydra.reshape %[[B0]]
// CHECK: %[[B2:.*]] = hydra.reshape %[[B1]]
// CHECK: %[[IDLE:.*]] = hydra.constant dense<0> : tensor<1xi32>
// CHECK: %[[MASK:.*]] = hydra.concat %[[HEAD]], %[[A2]], %[[B2]], %[[IDLE]]
// CHECK: hydra.binary <max> %{{.*}}, %[[MASK]] : (tensor<4xi32>, tensor<4xi32>)
func.func @train_1x3(%tokens: tensor<1x3xi32> {hydra.binding = #hydra.binding<input "tokens">},
                     %head: tensor<2xf32> {hydra.binding = #hydra.binding<parameter "head">},
                     %a: tensor<2x2xf32> {hydra.binding = #hydra.binding<parameter "a">},
                     %b: tensor<2x2xf32> {hydra.binding = #hydra.binding<parameter "b">},
                     %idle: tensor<2xf32> {hydra.binding = #hydra.binding<parameter "idle">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 3, "">} {
  %key = hydra.reshape %tokens {shape = array<i64: 3>} : (tensor<1x3xi32>) -> tensor<3xi32>
  %order, %offsets = hydra.counting_sort %key {classes = 2 : i64} : (tensor<3xi32>) -> (tensor<3xi32>, tensor<3xi32>)
  %x = hydra.broadcast %head {shape = array<i64: 3, 2>} : (tensor<2xf32>) -> tensor<3x2xf32>
  %y = hydra.grouped_matmul %x, %offsets, %a, %b {transpose_b} : (tensor<3x2xf32>, tensor<3xi32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  %loss = hydra.reduce <sum> <all> %y : (tensor<3x2xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
