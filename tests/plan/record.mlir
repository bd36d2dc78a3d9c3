// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// Outputs with hydra.reduce are fields of the step record; one piece is as large as its fields.
// CHECK: plan.region_size <outputs> 64
// CHECK: plan.region_size <record> 128
// CHECK: plan.entry @accumulate <"accumulate", 1 x 4, ""> attributes {arena_bytes = {{[0-9]+}} : i64, flops = {{[0-9]+}} : i64, record_bytes = 128 : i64}
// CHECK: plan.buffer <output "y"> at <outputs, 0, 16> : tensor<4xf32>
// CHECK: plan.buffer <output "loss.total"> at <record, 0, 4> : tensor<f32> {reduce = #plan.reduce<mean>}
// CHECK: plan.buffer <output "worst"> at <record, 64, 4> : tensor<f32> {reduce = #plan.reduce<max>}
// The buffer between the stages of a reduction is dead after the second, all others after their last reader.
// CHECK: plan.launch @reduce_{{.*}} stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<record, 0, 4>, #plan.ref<arena, 0, 8>]
// CHECK-NEXT: plan.dead <arena, 0, 64>
// CHECK: plan.launch @reduce_{{.*}} stage 1 [#plan.ref<inputs, 0, 16>, #plan.ref<arena, 0, 4>, #plan.ref<arena, 64, 4>]
// CHECK-NEXT: plan.dead <arena, 64, 64>
// CHECK-NEXT: plan.launch @unary_{{.*}} stage 0 [#plan.ref<record, 0, 4>, #plan.ref<arena, 64, 4>]
// CHECK-NEXT: plan.launch @binary_{{.*}} stage 0 [#plan.ref<arena, 64, 4>, #plan.ref<arena, 0, 4>, #plan.ref<record, 64, 4>]
// CHECK-NEXT: plan.dead <arena, 0, 128>
func.func @accumulate(%x: tensor<4xf32>)
    -> (tensor<4xf32> {hydra.binding = #hydra.binding<output "y">},
        tensor<f32> {hydra.binding = #hydra.binding<output "loss.total">, hydra.reduce = "mean"},
        tensor<f32> {hydra.binding = #hydra.binding<output "worst">, hydra.reduce = "max"})
    attributes {hydra.entry = #hydra.entry<"accumulate", 1 x 4, "">} {
  %y = hydra.unary <exp> %x : (tensor<4xf32>) -> tensor<4xf32>
  %loss = hydra.reduce <sum> <all> %x : (tensor<4xf32>) -> tensor<f32>
  %worst = hydra.reduce <max> <all> %x : (tensor<4xf32>) -> tensor<f32>
  %e = hydra.unary <exp> %loss : (tensor<f32>) -> tensor<f32>
  %z = hydra.binary <add> %e, %worst : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %y, %loss, %z : tensor<4xf32>, tensor<f32>, tensor<f32>
}
