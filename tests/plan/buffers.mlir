// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// Regions over all functions; every buffer on its own cache line.
// CHECK:      plan.region_size <arena> 64
// CHECK-NEXT: plan.region_size <parameters> 192
// CHECK-NEXT: plan.region_size <gradients> 64
// CHECK-NEXT: plan.region_size <optimizer> 128
// CHECK-NEXT: plan.region_size <control> 64
// CHECK-NEXT: plan.region_size <control_state> 64
// CHECK-NEXT: plan.region_size <cache> 0
// CHECK-NEXT: plan.region_size <inputs> 128
// CHECK-NEXT: plan.region_size <outputs> 64
// CHECK-NEXT: plan.region_size <constants> 64
// CHECK-NEXT: plan.region_size <scratch> 0
// CHECK-NEXT: plan.region_size <record> 0
// CHECK-NEXT: plan.region_size <derived> 0
// Parameters in the order of the table, then their state; an unused parameter has its place.
// CHECK-NEXT: plan.buffer <parameter "b"> at <parameters, 0, 80> : tensor<20xf32>
// CHECK-NEXT: plan.buffer <parameter "a"> at <parameters, 128, 16> : tensor<4xf32>
// CHECK-NEXT: plan.buffer <gradient "a"> at <gradients, 0, 16> : tensor<4xf32>
// CHECK-NEXT: plan.buffer <optimizer "m/a"> at <optimizer, 0, 16> : tensor<4xf32>
// CHECK-NEXT: plan.buffer <optimizer "steps"> at <optimizer, 64, 8> : tensor<2xi32>
// CHECK-NEXT: plan.buffer <control "lr"> at <control, 0, 4> : tensor<f32> {initial = 2.500000e-01 : f64}
// CHECK-NEXT: plan.buffer <control_state "ema"> at <control_state, 0, 4> : tensor<f32>
// Equal constants are stored once.
// CHECK-NEXT: plan.constant <constants, 0, 16> dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK-NOT: plan.constant
// CHECK-NOT: func.func

hydra.param @b : tensor<20xf32> #hydra.init<constant 0.0>
hydra.param @a : tensor<4xf32> #hydra.init<normal 0.02>

// CHECK: plan.entry @first <"first", 0 x 0, "">
// CHECK-NEXT: plan.buffer <input "x"> at <inputs, 0, 16> : tensor<4xf32>
// CHECK-NEXT: plan.buffer <output "y"> at <outputs, 0, 16> : tensor<4xf32>
func.func @first(%x: tensor<4xf32> {hydra.binding = #hydra.binding<input "x">},
                 %a: tensor<4xf32> {hydra.binding = #hydra.binding<parameter "a">},
                 %lr: tensor<f32> {hydra.binding = #hydra.binding<control "lr">, hydra.initial = 0.25 : f64})
    -> (tensor<4xf32> {hydra.binding = #hydra.binding<output "y">}) {
  %c = hydra.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %d = hydra.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e = hydra.reshape %c {shape = array<i64: 4>} : (tensor<2x2xf32>) -> tensor<4xf32>
  %0 = hydra.binary <add> %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = hydra.binary <add> %0, %d : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = hydra.binary <mul> %1, %lr : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = hydra.binary <add> %2, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// Arguments and results without a binding get one by position; state that is only passed through stays put.
// CHECK: plan.entry @second <"second", 0 x 0, "">
// CHECK-NEXT: plan.buffer <input "arg0"> at <inputs, 0, 80> : tensor<20xf32>
// CHECK-NEXT: plan.buffer <output "result0"> at <outputs, 0, 4> : tensor<f32>
// CHECK-NOT: plan.copy
// CHECK-COUNT-2: plan.launch @reduce_
// CHECK-NOT: plan.copy
func.func @second(%x: tensor<20xf32>,
                  %g: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "a">},
                  %m: tensor<4xf32> {hydra.binding = #hydra.binding<optimizer "m/a">},
                  %s: tensor<2xi32> {hydra.binding = #hydra.binding<optimizer "steps">},
                  %e: tensor<f32> {hydra.binding = #hydra.binding<control_state "ema">})
    -> (tensor<f32>, tensor<f32> {hydra.binding = #hydra.binding<control_state "ema">}) {
  %0 = hydra.reduce <sum> <all> %x : (tensor<20xf32>) -> tensor<f32>
  return %0, %e : tensor<f32>, tensor<f32>
}
