// One optimizer step for the whole module, however many entries train it.
// RUN: hydra-opt %s --hydra-differentiate | FileCheck %s
// Without a train entry there is none.
// RUN: hydra-opt %s --hydra-differentiate | hydra-opt --hydra-differentiate | FileCheck %s --check-prefix=ONCE

hydra.param @a : tensor<4xf32> <constant 1.0 : f32> {decay_factor = 0.0, lr_factor = 0.1}
hydra.param @never : tensor<4xf32> <constant 1.0 : f32>
hydra.param @b : tensor<4xf32> <constant 1.0 : f32>

func.func @train_1x4(
    %a: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "a">},
    %never: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "never">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 4, "">} {
  %0 = hydra.reduce <sum> <all> %a : (tensor<4xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

func.func @train_1x2(
    %b: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "b">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">})
    attributes {hydra.entry = #hydra.entry<"train", 1 x 2, "">} {
  %0 = hydra.reduce <sum> <all> %b : (tensor<4xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// ONCE-COUNT-1: func.func @apply
// ONCE-NOT: func.func @apply

// CHECK: func.func @accumulate_1x4
// CHECK: func.func @accumulate_1x2
// CHECK-LABEL: func.func @apply(
// CHECK-SAME: %[[PA:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "a">}
// CHECK-SAME: %[[PB:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "b">}
// CHECK-SAME: %[[GA:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "a">}
// CHECK-SAME: %[[GB:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "b">}
// CHECK-SAME: %[[MA:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "m/a">}
// CHECK-SAME: #hydra.binding<optimizer "m/b">
// CHECK-SAME: %[[VA:[a-z0-9]+]]: tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "v/a">}
// CHECK-SAME: #hydra.binding<optimizer "v/b">
// CHECK-SAME: %[[STEPS:[a-z0-9]+]]: tensor<3xi32> {hydra.binding = #hydra.binding<optimizer "steps">}
// CHECK-SAME: %[[PRESENT:[a-z0-9]+]]: tensor<3xi32> {hydra.binding = #hydra.binding<optimizer "present">}
// CHECK-SAME: %[[LR:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "lr">}
// CHECK-SAME: %[[DECAY:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "weight_decay">}
// CHECK-SAME: %[[MIN:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "clip_min">}
// CHECK-SAME: %[[MAX:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "clip_max">}
// CHECK-SAME: %[[FACTOR:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control "clip_factor">}
// CHECK-SAME: #hydra.binding<control "clip_ema_decay">
// CHECK-SAME: #hydra.binding<control "spike_norm">
// CHECK-SAME: #hydra.binding<control "spike_lr_factor">
// CHECK-SAME: %[[EMA:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control_state "grad_norm_ema">}
// CHECK-SAME: %[[HALTED:[a-z0-9]+]]: tensor<f32> {hydra.binding = #hydra.binding<control_state "halted">, hydra.initial = 0.000000e+00 : f64}
// CHECK-SAME: #hydra.binding<output "grad_norm">, hydra.reduce = "last"
// CHECK-SAME: #hydra.binding<output "clip_scale">, hydra.reduce = "last"
// CHECK-SAME: #hydra.binding<output "lr">, hydra.reduce = "last"
// CHECK-SAME: #hydra.binding<output "clip_limit">, hydra.reduce = "last"
// CHECK-SAME: #hydra.binding<output "grad_norm_ema">, hydra.reduce = "last"
// CHECK-SAME: #hydra.binding<output "halted">, hydra.reduce = "last"
// CHECK-SAME: hydra.entry = #hydra.entry<"apply", 0 x 0, "">
// CHECK: %[[NORM:.*]] = hydra.global_norm %[[GA]], %[[GB]]
// CHECK: %[[SCALED:.*]] = hydra.binary <mul> %[[FACTOR]], %[[EMA]]
// CHECK: %[[FLOOR:.*]] = hydra.binary <max> %[[MIN]], %[[SCALED]]
// CHECK: %[[LIMIT:.*]] = hydra.binary <min> %[[MAX]], %[[FLOOR]]
// CHECK: %[[CLIP:.*]] = hydra.binary <min>
// CHECK: %[[STEP_LR:.*]] = hydra.select
// CHECK: hydra.binary <sub> %{{.*}}, %[[HALTED]]
// CHECK: %[[LATCHED:.*]] = hydra.binary <max> %[[HALTED]]
// CHECK: %[[TAKING:.*]] = hydra.binary <mul> %[[PRESENT]]
// CHECK: %[[NEW_STEPS:.*]] = hydra.binary <add> %[[STEPS]], %[[TAKING]]
// CHECK: hydra.adamw %[[PA]], %[[GA]], %[[MA]], %[[VA]], %[[NEW_STEPS]], %[[TAKING]], %[[CLIP]], %[[STEP_LR]], %[[DECAY]]
// CHECK-SAME: decay_factor = 0.000000e+00 : f64
// CHECK-SAME: index = 0 : i64, lr_factor = 1.000000e-01 : f64
// Positions count the whole table, also what is never trained.
// CHECK: hydra.adamw %[[PB]]
// CHECK-SAME: decay_factor = 1.000000e+00 : f64
// CHECK-SAME: index = 2 : i64, lr_factor = 1.000000e+00 : f64
// CHECK: %[[CLEARED:.*]] = hydra.constant dense<0> : tensor<3xi32>
// CHECK: return {{.*}}, %[[NEW_STEPS]], %[[CLEARED]], %[[AVERAGE:.*]], %[[LATCHED]], %[[NORM]], %[[CLIP]], %[[STEP_LR]], %[[LIMIT]], %[[AVERAGE]], %[[LATCHED]] :
