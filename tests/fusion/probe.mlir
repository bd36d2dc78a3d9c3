// RUN: hydra-opt %s --hydra-probe=probe='block.*,loss' | FileCheck %s
// RUN: not hydra-opt %s --hydra-probe=probe='nothing.*' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: hydra-opt %s --hydra-probe=probe='rounded' | FileCheck %s --check-prefix=WIDE
// RUN: not hydra-opt %s --hydra-probe=probe='[' 2>&1 | FileCheck %s --check-prefix=GLOB

// NONE: error: probe pattern 'nothing.*' matches none of 5 named values
// NONE: note: {{.*}}named values: block.0, block.0, loss, logits, rounded
// GLOB: error: probe pattern '[' is not a glob pattern

// CHECK-LABEL: func.func @f(
// CHECK-SAME: -> (tensor<4xf32> {hydra.binding = #hydra.binding<output "y">},
// CHECK-SAME: tensor<4xf32> {hydra.binding = #hydra.binding<output "probe.block.0">},
// CHECK-SAME: tensor<4xf32> {hydra.binding = #hydra.binding<output "probe.block.0.2">},
// CHECK-SAME: tensor<f32> {hydra.binding = #hydra.binding<output "probe.loss">})
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {hydra.binding = #hydra.binding<output "y">}) {
  // CHECK: %[[A:.*]] = hydra.unary <exp>
  // CHECK: %[[B:.*]] = hydra.unary <log>
  // CHECK: %[[L:.*]] = hydra.reduce
  // CHECK: %[[Y:.*]] = hydra.unary <tanh>
  // CHECK: return %[[Y]], %[[A]], %[[B]], %[[L]]
  %a = hydra.unary <exp> %x {hydra.probe = "block.0"} : (tensor<4xf32>) -> tensor<4xf32>
  %b = hydra.unary <log> %a {hydra.probe = "block.0"} : (tensor<4xf32>) -> tensor<4xf32>
  %l = hydra.reduce <sum> <all> %b {hydra.probe = "loss"} : (tensor<4xf32>) -> tensor<f32>
  %y = hydra.unary <tanh> %b {hydra.probe = "logits"} : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// What is rounded goes out wider, with its value.
// WIDE-LABEL: func.func @g(
// WIDE-SAME: tensor<4xf32> {hydra.binding = #hydra.binding<output "probe.rounded">})
// WIDE: %[[R:.*]] = hydra.cast %arg0 {element_type = bf16
// WIDE: %[[W:.*]] = hydra.cast %[[R]] {element_type = f32}
// WIDE: return %{{.*}}, %[[W]]
func.func @g(%x: tensor<4xf32>) -> (tensor<4xf32> {hydra.binding = #hydra.binding<output "y">}) {
  %r = hydra.cast %x {element_type = bf16, hydra.probe = "rounded"} : (tensor<4xf32>) -> tensor<4xbf16>
  %y = hydra.cast %r {element_type = f32} : (tensor<4xbf16>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
