// Structural ops in an ordinary function: parameters become arguments, bindings are completed.
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-materialize-params,hydra-lower-model,hydra-verify-primitives)' | FileCheck %s

// CHECK-LABEL: func.func @attention
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<2x5x8xf32> {hydra.binding = #hydra.binding<input "x">}
// CHECK-SAME:    %[[T:[a-z0-9]+]]: tensor<1xf32> {hydra.binding = #hydra.binding<parameter "key_temperature">}
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<8x8xf32> {hydra.binding = #hydra.binding<parameter "qkv_proj.weight">}
// CHECK-SAME:    tensor<8x4xf32> {hydra.binding = #hydra.binding<parameter "o_proj.weight">}
// CHECK-NOT:     conv1
// CHECK-SAME:    attributes {hydra.vjp}
// CHECK:         hydra.matmul %[[X]], %[[W]]
// CHECK-NOT:     hydra.ccgqa
func.func @attention(%x: tensor<2x5x8xf32> {hydra.binding = #hydra.binding<input "x">})
    -> (tensor<2x5x8xf32> {hydra.binding = #hydra.binding<output "y">}) attributes {hydra.vjp} {
  %y = hydra.ccgqa %x {name = "", heads = 2, kv_heads = 1, compression = 2, convs = false} : tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// Key heads as many as query heads: the mean is taken head by head.
// CHECK-LABEL: func.func @equal_heads
// CHECK-SAME:    #hydra.binding<input "arg0">
// CHECK-SAME:    #hydra.binding<parameter "attention.q_conv.conv1.weight">
// CHECK-SAME:    #hydra.binding<output "result0">
// CHECK-NOT:     hydra.head_mix
// CHECK:         dense<5.000000e-01>
func.func @equal_heads(%x: tensor<2x5x8xf32>) -> tensor<2x5x8xf32> {
  %y = hydra.ccgqa %x {heads = 2, kv_heads = 2, compression = 2} : tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// CHECK-LABEL: func.func @mixed
// CHECK:         %[[S:.*]] = hydra.unary <silu>
// CHECK:         hydra.rms_norm %[[S]]
// CHECK:         hydra.swiglu
// CHECK:         hydra.unary <tanh>
func.func @mixed(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %0 = hydra.unary <silu> %x : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  %1 = hydra.norm %0 "norm" : tensor<1x2x4xf32>
  %2 = hydra.mlp %1 {hidden = 3} : tensor<1x2x4xf32>
  %3 = hydra.residual %0, %2 {scale = 0.25} : tensor<1x2x4xf32>
  %4 = hydra.unary <tanh> %3 : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  return %4 : tensor<1x2x4xf32>
}

// A function without structural ops is left alone.
// CHECK-LABEL: func.func @primitives
// CHECK-NEXT:    hydra.stop
// CHECK-NEXT:    return
func.func @primitives(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = hydra.stop %x : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
