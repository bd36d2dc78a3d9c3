// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-derive-weights)' | FileCheck %s
// RUN: sed 's/@eval/@derive/' %s | not hydra-opt --pass-pipeline='builtin.module(hydra-derive-weights)' 2>&1 | FileCheck %s --check-prefix=TAKEN

// TAKEN: error: 'func.func' op takes the name 'derive', which the entry that fills the copies of weights needs; rename it

hydra.param @w : tensor<4x8xf32> #hydra.init<constant 0.0>
hydra.param @unused : tensor<4xf32> #hydra.init<constant 0.0>

// The cast of a weight is its copy; that of another value stays.
// CHECK-LABEL: func.func @eval
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x8xf32>
// CHECK-SAME: %[[COPY:[a-z0-9]+]]: tensor<4x8xbf16> {hydra.binding = #hydra.binding<derived "w">}
// CHECK: %[[ROUNDED:.*]] = hydra.cast %[[X]]
// CHECK-NOT: hydra.cast
// CHECK: hydra.matmul %[[ROUNDED]], %[[COPY]]
func.func @eval(%x: tensor<2x8xf32> {hydra.binding = #hydra.binding<input "x">},
                %w: tensor<4x8xf32> {hydra.binding = #hydra.binding<parameter "w">})
    -> (tensor<2x4xf32> {hydra.binding = #hydra.binding<output "y">})
    attributes {hydra.entry = #hydra.entry<"eval", 1 x 2, "">} {
  %0 = hydra.cast %x {element_type = bf16} : (tensor<2x8xf32>) -> tensor<2x8xbf16>
  %1 = hydra.cast %w {element_type = bf16} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
  %2 = hydra.matmul %0, %1 {element_type = f32, transpose_b} : (tensor<2x8xbf16>, tensor<4x8xbf16>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// The optimizer step renews the copy from the new value.
// CHECK-LABEL: func.func @apply
// CHECK-SAME: tensor<4x8xbf16> {hydra.binding = #hydra.binding<derived "w">}
// CHECK: %[[NEW:.*]] = hydra.binary <add>
// CHECK: %[[AGAIN:.*]] = hydra.cast %[[NEW]]
// CHECK: return %[[NEW]], %[[AGAIN]]
func.func @apply(%w: tensor<4x8xf32> {hydra.binding = #hydra.binding<parameter "w">},
                 %g: tensor<4x8xf32> {hydra.binding = #hydra.binding<gradient "w">})
    -> (tensor<4x8xf32> {hydra.binding = #hydra.binding<parameter "w">})
    attributes {hydra.entry = #hydra.entry<"apply", 0 x 0, "">} {
  %0 = hydra.binary <add> %w, %g : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @derive(
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<4x8xf32> {hydra.binding = #hydra.binding<parameter "w">})
// CHECK-SAME: -> (tensor<4x8xbf16> {hydra.binding = #hydra.binding<derived "w">}) attributes {hydra.entry = #hydra.entry<"derive", 0 x 0, "">}
// CHECK: %[[MADE:.*]] = hydra.cast %[[W]]
// CHECK: return %[[MADE]]
