// Raw gradients as named values.
// RUN: hydra-opt %s --hydra-differentiate=probe-gradients=true | FileCheck %s
// Without the option none is kept.
// RUN: hydra-opt %s --hydra-differentiate | FileCheck %s --check-prefix=PLAIN
// PLAIN-NOT: hydra.probe

hydra.param @w : tensor<4x4xf32> <normal 2.0e-02 : f32>
hydra.param @b : tensor<f32> <constant 0.0 : f32>

func.func @train_1x2(%x: tensor<2x4xf32> {hydra.binding = #hydra.binding<input "x">},
    %w: tensor<4x4xf32> {hydra.binding = #hydra.binding<parameter "w">},
    %b: tensor<f32> {hydra.binding = #hydra.binding<parameter "b">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 2, "">} {
  %0 = hydra.matmul %x, %w {transpose_b} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = hydra.matmul %0, %w {transpose_b} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %2 = hydra.reduce <sum> <all> %1 : (tensor<2x4xf32>) -> tensor<f32>
  // The gradient of b is the loss scale, an argument: it gets an op to carry the name.
  // CHECK: %[[B:.*]] = hydra.reshape %{{.*}} {hydra.probe = "gradient.b"
  // CHECK: hydra.binary <add> %{{.*}}, %[[B]]
  // CHECK: %[[W1:.*]] = hydra.matmul {{.*}} {transpose_a}
  // Contributions are added as where nothing observes them.
  // CHECK: %[[RAW:.*]] = hydra.matmul {{.*}} accumulate %[[W1]] {hydra.probe = "gradient.w", transpose_a}
  // CHECK: hydra.binary <add> %{{.*}}, %[[RAW]] :
  %3 = hydra.binary <add> %2, %b : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %3 : tensor<f32>
}
