// A block of a spec's own on primitives: its parameters by call, its state in decoding.
// RUN: hydra-opt %source_dir/tests/lowering/Inputs/own-block.mlir --pass-pipeline='builtin.module(hydra-materialize-params,hydra-lower-model{entries=eval@2x5,extend@2x4 cache=11},hydra-verify-primitives)' | FileCheck %s

// CHECK:       hydra.param @tok_emb.weight
// CHECK:       hydra.param @pos_embed.weight : tensor<11x16xf32> <normal 2.000000e-02 : f64> {{.*}}decay_factor = 0.000000e+00
// CHECK:       hydra.param @layers.0.attention.qkv_proj.weight : tensor<32x16xf32>
// CHECK:       hydra.param @layers.0.attention.qkv_proj.bias : tensor<32xf32> <constant 0.000000e+00 : f64>
// CHECK:       hydra.param @layers.0.attention.o_proj.weight : tensor<16x16xf32> <normal 2.000000e-02 : f64> {{.*}}residual_scale = 5.000000e-01
// CHECK:       hydra.param @layers.0.norm1.weight : tensor<16xf32> <constant 1.000000e+00 : f64> {{.*}}decay_factor = 0.000000e+00
// CHECK:       hydra.param @layers.0.mix1.qk.weight : tensor<32x16xf32>
// CHECK:       hydra.param @layers.0.mix1.filter : tensor<16x4x3xf32> <normal 3.000000e-01 : f64>
// CHECK:       hydra.param @layers.0.mix1.gate.down : tensor<2x16xf32>
// CHECK:       hydra.param @layers.0.mix1.gate.up : tensor<16x2xf32> <constant 5.000000e-01 : f64> {{.*}}decay_factor = 0.000000e+00{{.*}}lr_factor = 2.000000e+00
// CHECK:       hydra.param @layers.0.mix2.qk.weight
// CHECK-NOT:   func.func private

// CHECK-LABEL: func.func @eval_2x5_fixed
// CHECK-NOT:     #hydra.binding<cache
// Leading rows of the table of positions, for every sequence of the batch.
// CHECK:         hydra.slice_rows {{.*}}hydra.scope = "pos_embed"
// CHECK:         hydra.broadcast
// CHECK:         hydra.l2_norm {{.*}}hydra.scope = "layers.0.mix1"{{.*}} : (tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
// CHECK:         hydra.unary <gelu> {{.*}}hydra.scope = "layers.0.mix1.gate"

// CHECK-LABEL: func.func @extend_2x4_fixed
// CHECK-SAME:    #hydra.binding<input "position">
// CHECK-SAME:    tensor<2x11x8xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.key_cache">}
// CHECK-SAME:    tensor<2x1x8xf32> {hydra.binding = #hydra.binding<cache "layers.0.mix1.shift.0.history">}
// CHECK-SAME:    tensor<2x2x16xf32> {hydra.binding = #hydra.binding<cache "layers.0.mix1.causal_conv.0.history">}
// CHECK-SAME:    tensor<2x11x16xf32> {hydra.binding = #hydra.binding<cache "layers.0.mix1.attention.0.key_cache">}
// CHECK-SAME:    #hydra.binding<cache "layers.0.mix1.attention.0.value_cache">
// CHECK-SAME:    #hydra.binding<cache "layers.0.mix2.attention.0.key_cache">
// Rows of the table by position.
// CHECK:         hydra.embedding {{.*}}hydra.scope = "pos_embed"
// CHECK:         hydra.rope {{.*}} : (tensor<2x4x16xf32>, tensor<11x8xf32>, tensor<2xi32>)
// CHECK:         hydra.cache_update
// CHECK:         hydra.attention {{.*}} position {{.*}} count
