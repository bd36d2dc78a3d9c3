// A train entry becomes accumulate: contributions of one parameter chain through the accumulators of the ops that
// compute them, in the order of the backward pass.
// RUN: hydra-opt %s --hydra-differentiate --split-input-file | FileCheck %s

hydra.param @tok : tensor<8x4xf32> <normal 2.0e-02 : f32>
hydra.param @w : tensor<4x4xf32> <normal 2.0e-02 : f32>
hydra.param @g : tensor<4xf32> <constant 1.0 : f32>
hydra.param @router : tensor<4xf32> <constant 0.0 : f32>

// CHECK-LABEL: func.func @accumulate_2x3_fixed(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<2x3xi32> {hydra.binding = #hydra.binding<input "tokens">}
// CHECK-SAME: %[[TARGETS:[a-z0-9]+]]: tensor<2x3xi32> {hydra.binding = #hydra.binding<input "targets">}
// CHECK-SAME: %[[TOK:[a-z0-9]+]]: tensor<8x4xf32> {hydra.binding = #hydra.binding<parameter "tok">}
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<4x4xf32> {hydra.binding = #hydra.binding<parameter "w">}
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "g">}
// CHECK-SAME: %[[ROUTER:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "router">}
// CHECK-SAME: %[[SCALE:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "loss_scale">, hydra.initial = 1.000000e+00 : f64}
// CHECK-SAME: %[[DTOK:[a-z0-9]+]]: tensor<8x4xf32> {hydra.binding = #hydra.binding<gradient "tok">}
// CHECK-SAME: %[[DW:[a-z0-9]+]]: tensor<4x4xf32> {hydra.binding = #hydra.binding<gradient "w">}
// CHECK-SAME: %[[DG:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "g">}
// CHECK-SAME: %[[PRESENT:[a-z0-9]+]]: tensor<4xi32> {hydra.binding = #hydra.binding<optimizer "present">})
// A loss is a field of the step record.
// CHECK-SAME: -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">, hydra.reduce = "mean"}
// CHECK-SAME: tensor<8x4xf32> {hydra.binding = #hydra.binding<gradient "tok">}
// CHECK-SAME: tensor<4x4xf32> {hydra.binding = #hydra.binding<gradient "w">}
// CHECK-SAME: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "g">}
// CHECK-SAME: tensor<4xi32> {hydra.binding = #hydra.binding<optimizer "present">})
// CHECK-SAME: hydra.entry = #hydra.entry<"accumulate", 2 x 3, "fixed">
func.func @train_2x3_fixed(
    %tokens: tensor<2x3xi32> {hydra.binding = #hydra.binding<input "tokens">},
    %targets: tensor<2x3xi32> {hydra.binding = #hydra.binding<input "targets">},
    %tok: tensor<8x4xf32> {hydra.binding = #hydra.binding<parameter "tok">},
    %w: tensor<4x4xf32> {hydra.binding = #hydra.binding<parameter "w">},
    %g: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "g">},
    %router: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "router">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 2 x 3, "fixed">} {
  // CHECK: %[[E:.*]] = hydra.embedding
  // CHECK: %[[N:.*]] = hydra.rms_norm
  // CHECK: %[[H:.*]] = hydra.matmul %[[N]], %[[W]] {transpose_b}
  // CHECK: %[[R:.*]] = hydra.binary <add> %[[E]]
  // CHECK: %[[LOSS:.*]], %{{.*}}, %{{.*}} = hydra.cross_entropy
  %0 = hydra.embedding %tok, %tokens {scale = 2.0} : (tensor<8x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %1 = hydra.rms_norm %0, %g {eps = 1.0e-6, hydra.scope = "norm1"} : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %2 = hydra.matmul %1, %w {transpose_b} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %3 = hydra.matmul %2, %w {transpose_b} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %4 = hydra.binary <add> %0, %3 : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %5 = hydra.matmul %4, %tok {transpose_b} : (tensor<2x3x4xf32>, tensor<8x4xf32>) -> tensor<2x3x8xf32>
  %loss, %token_loss, %lse = hydra.cross_entropy %5, %targets : (tensor<2x3x8xf32>, tensor<2x3xi32>) -> (tensor<f32>, tensor<2x3xf32>, tensor<2x3xf32>)

  // The seed is the loss scale, shared out among the valid targets.
  // CHECK: %[[COUNT:.*]] = hydra.binary <max> %{{.*}} : (tensor<f32>, tensor<f32>)
  // CHECK: %[[FACTOR:.*]] = hydra.binary <div> %[[SCALE]], %[[COUNT]]
  // CHECK: %[[DL:.*]] = hydra.cross_entropy_grad %[[FACTOR]]
  // The tied table: first through the head, then through the embedding.
  // CHECK: %[[TOK1:.*]] = hydra.matmul %[[DL]], %[[R]] accumulate %[[DTOK]] {transpose_a}
  // The weight that is used twice.
  // CHECK: %[[W1:.*]] = hydra.matmul %{{.*}}, %[[H]] accumulate %[[DW]] {transpose_a}
  // CHECK: %[[W2:.*]] = hydra.matmul %{{.*}}, %[[N]] accumulate %[[W1]] {transpose_a}
  // Adjoint ops keep the scope of their op.
  // CHECK: hydra.rms_norm_grad {{.*}}hydra.scope = "norm1"
  // An op without an accumulator is followed by an addition.
  // CHECK: %[[GRAW:.*]] = hydra.rms_norm_weight_grad {{.*}}hydra.scope = "norm1"
  // CHECK: %[[G1:.*]] = hydra.binary <add> %[[DG]], %[[GRAW]] {hydra.scope = "norm1"}
  // CHECK: %[[TOK2:.*]] = hydra.scatter_rows %{{.*}}, %[[TOKENS]] accumulate %[[TOK1]] {scale = 2.0{{.*}}, size = 8
  // No path to the router: not present.
  // CHECK: %[[MASK:.*]] = hydra.constant dense<[1, 1, 1, 0]> : tensor<4xi32>
  // CHECK: %[[P:.*]] = hydra.binary <max> %[[PRESENT]], %[[MASK]]
  // CHECK: return %[[LOSS]], %[[TOK2]], %[[W2]], %[[G1]], %[[P]]
  return %loss : tensor<f32>
}

// -----

// The filter of a convolution accumulates behind a reshape; a zero gradient counts as present; stopped paths do not.

hydra.param @filter : tensor<6x2x3xf32> <normal 2.0e-02 : f32>
hydra.param @bias : tensor<6xf32> <constant 0.0 : f32>
hydra.param @stopped : tensor<6xf32> <constant 0.0 : f32>

// CHECK-LABEL: func.func @accumulate_1x5(
// CHECK-SAME: %[[DF:[a-z0-9]+]]: tensor<6x2x3xf32> {hydra.binding = #hydra.binding<gradient "filter">}
// CHECK-SAME: %[[DB:[a-z0-9]+]]: tensor<6xf32> {hydra.binding = #hydra.binding<gradient "bias">}
// CHECK-SAME: tensor<3xi32> {hydra.binding = #hydra.binding<optimizer "present">})
// CHECK-NOT: gradient "stopped"
func.func @train_1x5(
    %x: tensor<1x5x4xf32> {hydra.binding = #hydra.binding<input "x">},
    %scale: tensor<f32> {hydra.binding = #hydra.binding<control "loss_scale">},
    %filter: tensor<6x2x3xf32> {hydra.binding = #hydra.binding<parameter "filter">},
    %bias: tensor<6xf32> {hydra.binding = #hydra.binding<parameter "bias">},
    %stopped: tensor<6xf32> {hydra.binding = #hydra.binding<parameter "stopped">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 5, "">} {
  %0 = hydra.causal_conv %x, %filter : (tensor<1x5x4xf32>, tensor<6x2x3xf32>) -> tensor<1x5x6xf32>
  %1 = hydra.unary <round> %bias : (tensor<6xf32>) -> tensor<6xf32>
  %2 = hydra.stop %stopped : (tensor<6xf32>) -> tensor<6xf32>
  %3 = hydra.binary <add> %1, %2 : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  %4 = hydra.binary <mul> %0, %3 : (tensor<1x5x6xf32>, tensor<6xf32>) -> tensor<1x5x6xf32>
  %5 = hydra.reduce <sum> <all> %4 : (tensor<1x5x6xf32>) -> tensor<f32>
  // CHECK: %[[U:.*]] = hydra.unfold
  // CHECK: %[[FLAT:.*]] = hydra.reshape %[[DF]] {shape = array<i64: 6, 6>}
  // CHECK: %[[SUM:.*]] = hydra.matmul %{{.*}}, %[[U]] accumulate %[[FLAT]] {groups = 2 : i64, transpose_a}
  // CHECK: %[[F1:.*]] = hydra.reshape %[[SUM]] {shape = array<i64: 6, 2, 3>}
  // CHECK: hydra.constant dense<[1, 1, 0]>
  // CHECK: return %{{.*}}, %[[F1]]
  return %5 : tensor<f32>
}
