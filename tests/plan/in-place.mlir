// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// An elementwise chain runs in one buffer, and its last value goes where it is wanted.
// CHECK-LABEL: plan.entry @chain
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<inputs, 0, 256>, #plan.ref<arena, 0, 256>]
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<arena, 0, 256>, #plan.ref<arena, 0, 256>]
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<arena, 0, 256>, #plan.ref<outputs, 0, 256>]
func.func @chain(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = hydra.unary <exp> %x : (tensor<64xf32>) -> tensor<64xf32>
  %1 = hydra.unary <tanh> %0 : (tensor<64xf32>) -> tensor<64xf32>
  %2 = hydra.unary <neg> %1 : (tensor<64xf32>) -> tensor<64xf32>
  return %2 : tensor<64xf32>
}

// -----

// Not in place: an operand that is read again, a broadcast operand, an op that reads other positions.
// CHECK-LABEL: plan.entry @kept
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<inputs, 0, 256>, #plan.ref<arena, 0, 256>]
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<arena, 0, 256>, #plan.ref<arena, 256, 256>]
// CHECK: plan.launch @shift_{{.*}}[#plan.ref<arena, 256, 256>, #plan.ref<arena, 512, 256>]
// CHECK: plan.launch @binary_{{.*}}[#plan.ref<arena, 512, 256>, #plan.ref<arena, 0, 256>, #plan.ref<outputs, 0, 256>]
func.func @kept(%x: tensor<1x8x8xf32>) -> tensor<1x8x8xf32> {
  %0 = hydra.unary <exp> %x : (tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  %1 = hydra.unary <tanh> %0 : (tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  %2 = hydra.shift %1 {from_channel = 4 : i64} : (tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  %3 = hydra.binary <add> %2, %0 : (tensor<1x8x8xf32>, tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  return %3 : tensor<1x8x8xf32>
}

// -----

// Gradient accumulators: two contributions, both formed in the gradient's own buffer, without a copy.
// CHECK-LABEL: plan.entry @accumulate
// CHECK: plan.matmul {{.*}} -> <gradients, 0, 48> "" {{{.*}}accumulate,
// CHECK: plan.launch @scatter_rows_{{.*}}#plan.ref<gradients, 0, 48>, #plan.ref<gradients, 0, 48>, #plan.ref<arena
// CHECK-NOT: plan.copy
func.func @accumulate(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>, %x: tensor<5x4xf32>, %i: tensor<5xi32>,
                      %g: tensor<3x4xf32> {hydra.binding = #hydra.binding<gradient "w">})
    -> (tensor<3x4xf32> {hydra.binding = #hydra.binding<gradient "w">}) {
  %0 = hydra.matmul %a, %b accumulate %g {transpose_a} : (tensor<2x3xf32>, tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %1 = hydra.scatter_rows %x, %i accumulate %0 {size = 3 : i64, scale = 1.0 : f64} : (tensor<5x4xf32>, tensor<5xi32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}

// -----

// An accumulator that is needed afterwards is copied first.
// CHECK-LABEL: plan.entry @accumulator_kept
// CHECK: plan.copy <inputs, 128, 48> -> <outputs, 0, 48>
// CHECK-NEXT: plan.matmul <inputs, 0, 24>, <inputs, 64, 32> -> <outputs, 0, 48> "" {{{.*}}accumulate,
func.func @accumulator_kept(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>, %g: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %0 = hydra.matmul %a, %b accumulate %g {transpose_a} : (tensor<2x3xf32>, tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// The old state is read after the new one exists: it is kept, and the new one moves in at the end.
// CHECK-LABEL: plan.entry @old_state
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<control_state, 0, 4>, #plan.ref<arena, [[A:[0-9]+]], 4>]
// CHECK: plan.launch @binary_{{.*}}[#plan.ref<control_state, 0, 4>, #plan.ref<arena, [[A]], 4>, #plan.ref<outputs, 0, 4>]
// CHECK-NEXT: plan.copy <arena, [[A]], 4> -> <control_state, 0, 4> "results"
func.func @old_state(%s: tensor<f32> {hydra.binding = #hydra.binding<control_state "s">})
    -> (tensor<f32>, tensor<f32> {hydra.binding = #hydra.binding<control_state "s">}) {
  %0 = hydra.unary <exp> %s : (tensor<f32>) -> tensor<f32>
  %1 = hydra.binary <add> %s, %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %1, %0 : tensor<f32>, tensor<f32>
}

// -----

// Two states change places: through a temporary. A constant state is filled.
// CHECK-LABEL: plan.entry @exchange
// CHECK: plan.copy <control_state, 64, 4> -> <arena, [[A:[0-9]+]], 4>
// CHECK-NEXT: plan.copy <control_state, 0, 4> -> <arena, [[B:[0-9]+]], 4>
// CHECK-NEXT: plan.copy <arena, [[A]], 4> -> <control_state, 0, 4>
// CHECK-NEXT: plan.copy <arena, [[B]], 4> -> <control_state, 64, 4>
// CHECK-NEXT: plan.fill <optimizer, 0, 12> with 1065353216
func.func @exchange(%a: tensor<f32> {hydra.binding = #hydra.binding<control_state "a">},
                    %b: tensor<f32> {hydra.binding = #hydra.binding<control_state "b">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<control_state "a">},
        tensor<f32> {hydra.binding = #hydra.binding<control_state "b">},
        tensor<3xf32> {hydra.binding = #hydra.binding<optimizer "ones">}) {
  %ones = hydra.constant dense<1.0> : tensor<3xf32>
  return %b, %a, %ones : tensor<f32>, tensor<f32>, tensor<3xf32>
}

// -----

// The optimizer writes over everything it owns, and the window of a cache, which shifts, is copied.
// CHECK-LABEL: plan.entry @update
// CHECK: plan.launch @adamw_{{.*}}[#plan.ref<parameters, 0, 16>, #plan.ref<gradients, 0, 16>, #plan.ref<optimizer, 0, 16>, #plan.ref<optimizer, 64, 16>, {{.*}}, #plan.ref<parameters, 0, 16>, #plan.ref<optimizer, 0, 16>, #plan.ref<optimizer, 64, 16>, #plan.ref<gradients, 0, 16>] scalars
// CHECK: plan.launch @window_tail_{{.*}}[#plan.ref<cache, 0, 8>, {{.*}}, #plan.ref<arena, [[T:[0-9]+]], 8>]
// CHECK-NEXT: plan.copy <arena, [[T]], 8> -> <cache, 0, 8> "results"
func.func @update(%p: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "w">},
                  %g: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "w">},
                  %m: tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "m/w">},
                  %v: tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "v/w">},
                  %steps: tensor<1xi32> {hydra.binding = #hydra.binding<optimizer "steps">},
                  %present: tensor<1xi32> {hydra.binding = #hydra.binding<optimizer "present">},
                  %lr: tensor<f32> {hydra.binding = #hydra.binding<control "lr">},
                  %h: tensor<1x2x1xf32> {hydra.binding = #hydra.binding<cache "h">},
                  %x: tensor<1x3x1xf32>, %count: tensor<1xi32>)
    -> (tensor<4xf32> {hydra.binding = #hydra.binding<parameter "w">},
        tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "m/w">},
        tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "v/w">},
        tensor<4xf32> {hydra.binding = #hydra.binding<gradient "w">},
        tensor<1x2x1xf32> {hydra.binding = #hydra.binding<cache "h">}) {
  %0:4 = hydra.adamw %p, %g, %m, %v, %steps, %present, %lr, %lr, %lr
      {index = 0 : i64, lr_factor = 1.0 : f64, decay_factor = 1.0 : f64, beta1 = 0.9 : f64, beta2 = 0.95 : f64, eps = 1.0e-8 : f64}
      : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xi32>, tensor<1xi32>, tensor<f32>, tensor<f32>, tensor<f32>)
      -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
  %1 = hydra.window_tail %h, %x, %count, %count : (tensor<1x2x1xf32>, tensor<1x3x1xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x2x1xf32>
  return %0#0, %0#1, %0#2, %0#3, %1 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1x2x1xf32>
}
