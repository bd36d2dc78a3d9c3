// The functions of a routed model at fixed depth: bindings, scopes, probes, the balance loss.
// RUN: hydra-opt %source_dir/tests/lowering/Inputs/routed.mlir --pass-pipeline='builtin.module(hydra-materialize-params,hydra-lower-model{entries=train@2x5,eval@1x4,extend@1x3 cache=8},hydra-verify-primitives)' | FileCheck %s

// CHECK:       module attributes {hydra.model_info = {dim = 8 : i64, max_seq_len = 32 : i64, name = "m", rules = "pytorch", vocab_size = 16 : i64}}
// CHECK-NOT:   hydra.model @

// CHECK-LABEL: func.func @train_2x5_fixed
// CHECK-SAME:    tensor<2x5xi32> {hydra.binding = #hydra.binding<input "tokens">}
// CHECK-SAME:    #hydra.binding<input "targets">
// CHECK-SAME:    tensor<16x8xf32> {hydra.binding = #hydra.binding<parameter "tok_emb.weight">}
// CHECK-SAME:    #hydra.binding<parameter "layers.0.mor_router.router.weight">
// CHECK-SAME:    %[[WEIGHT:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "mod_aux_weight">, hydra.initial = 2.500000e-01 : f64}
// CHECK-SAME:    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">}, tensor<f32> {hydra.binding = #hydra.binding<output "loss.ce">}, tensor<f32> {hydra.binding = #hydra.binding<output "loss.aux">})
// CHECK-SAME:    hydra.entry = #hydra.entry<"train", 2 x 5, "fixed">
// CHECK:         hydra.rope_table {{.*}}positions = 32
// CHECK:         hydra.embedding {{.*}}hydra.scope = "tok_emb", scale = 2.8284271247461903
// CHECK:         hydra.matmul {{.*}}hydra.scope = "layers.0.attention", transpose_b
// CHECK:         hydra.attention {{.*}}kv_heads = 1
// Two passes; block 0 has no depth router.
// CHECK-NOT:     sigmoid
// CHECK:         hydra.swiglu {{.*}}hydra.scope = "layers.0.pass.0.mlp"
// CHECK:         hydra.swiglu {{.*}}hydra.scope = "layers.0.pass.1.mlp"
// CHECK-NOT:     hydra.scope = "layers.0.pass.2
// CHECK:         hydra.rms_norm {{.*}}hydra.probe = "block.0", hydra.scope = "layers.0.final_norm"
// The balance loss of block 1 comes from the last pass alone.
// CHECK-NOT:     layers.1.pass.0.mod_router
// CHECK:         hydra.unary <sigmoid> {{.*}}hydra.scope = "layers.1.pass.1.mod_router"
// CHECK:         %[[AUX:.*]] = hydra.binary <mul> %{{.*}}, %[[WEIGHT]] {hydra.probe = "loss.aux", hydra.scope = "layers.1.pass.1.mod_router"}
// CHECK-NOT:     sigmoid
// CHECK:         hydra.matmul {{.*}}hydra.probe = "logits", hydra.scope = "output"
// CHECK:         %[[CE:[a-z0-9_]+]], %{{.*}}, %{{.*}} = hydra.cross_entropy {{.*}}hydra.probe = "loss.ce"
// CHECK:         %[[CAP:.*]] = hydra.constant dense<1.000000e+02>
// CHECK:         %[[MIN:.*]] = hydra.binary <min> %[[AUX]], %[[CAP]]
// CHECK:         %[[TOTAL:.*]] = hydra.binary <add> %[[CE]], %[[MIN]] {hydra.probe = "loss.total"
// CHECK:         return %[[TOTAL]], %[[CE]], %[[AUX]]

// CHECK-LABEL: func.func @eval_1x4_fixed
// CHECK-NOT:     mod_aux_weight
// CHECK-SAME:    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.ce">}, tensor<1x4xf32> {hydra.binding = #hydra.binding<output "token_loss">}, tensor<1x4x16xf32> {hydra.binding = #hydra.binding<output "logits">})
// CHECK-NOT:     sigmoid

// CHECK-LABEL: func.func @extend_1x3_fixed
// CHECK-SAME:    #hydra.binding<input "tokens">
// CHECK-SAME:    %[[POSITION:[a-z0-9]+]]: tensor<1xi32> {hydra.binding = #hydra.binding<input "position">}
// CHECK-SAME:    %[[COUNT:[a-z0-9]+]]: tensor<1xi32> {hydra.binding = #hydra.binding<input "count">}
// CHECK-SAME:    %[[SEED:[a-z0-9]+]]: tensor<1x2xi32> {hydra.binding = #hydra.binding<input "seed">}
// CHECK-SAME:    %[[SEQUENCE:[a-z0-9]+]]: tensor<1xi32> {hydra.binding = #hydra.binding<input "sequence">}
// CHECK-SAME:    tensor<1x1x1xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.value_history">}
// CHECK-SAME:    tensor<1x2x4xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.conv1_history_q">}
// CHECK-SAME:    tensor<1x2x4xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.conv2_history_q">}
// CHECK-SAME:    tensor<1x2x2xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.conv1_history_k">}
// CHECK-SAME:    tensor<1x2x2xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.conv2_history_k">}
// CHECK-SAME:    tensor<1x8x2xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.key_cache">}
// CHECK-SAME:    tensor<1x8x2xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.value_cache">}
// CHECK-SAME:    tensor<1x8x1xi32> {hydra.binding = #hydra.binding<cache "tokens">}
// CHECK-SAME:    tensor<f32> {hydra.binding = #hydra.binding<control "temperature">, hydra.initial = 0.000000e+00 : f64}
// CHECK-SAME:    tensor<i32> {hydra.binding = #hydra.binding<control "vocabulary">, hydra.initial = 1.600000e+01 : f64}
// CHECK-SAME:    -> (tensor<1xi32> {hydra.binding = #hydra.binding<output "next_token">}, tensor<1x16xf32> {hydra.binding = #hydra.binding<output "last_logits">}, tensor<1x1x1xf32> {hydra.binding = #hydra.binding<cache "layers.0.attention.value_history">}
// CHECK:         hydra.window_tail %{{.*}}, %{{.*}}, %[[POSITION]], %[[COUNT]]
// CHECK:         %[[KEYS:.*]] = hydra.cache_update %{{.*}}, %{{.*}}, %[[POSITION]], %[[COUNT]]
// CHECK:         hydra.attention %{{.*}}, %[[KEYS]], %{{.*}} position %[[POSITION]] count %[[COUNT]]
// Only the last row of a sequence is projected to the vocabulary.
// CHECK:         %[[LAST:.*]] = hydra.gather_rows
// CHECK:         hydra.matmul %[[LAST]]
// CHECK:         %[[HISTORY:.*]] = hydra.cache_update %{{.*}}, %{{.*}}, %[[POSITION]], %[[COUNT]]
// CHECK:         hydra.sample %{{.*}}, %[[HISTORY]], %[[POSITION]], %[[COUNT]], %[[SEED]], %[[SEQUENCE]]
