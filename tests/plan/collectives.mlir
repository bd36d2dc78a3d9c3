// RUN: hydra-opt %s --hydra-plan=bucket-bytes=128 --hydra-verify-plan | FileCheck %s

// Neighbouring gradients in buckets of at most 128 bytes, before anything reads them. A gradient larger than a
// bucket has its own.
// CHECK: plan.entry @apply
// CHECK: plan.collective <all_reduce_sum> <gradients, 0, 80> "gradients" {type = f32}
// CHECK-NEXT: plan.collective <all_reduce_sum> <gradients, 128, 160> "gradients" {type = f32}
// CHECK-NEXT: plan.launch
// CHECK-NOT: plan.collective
hydra.param @a : tensor<4xf32> #hydra.init<constant 0.0>
hydra.param @b : tensor<4xf32> #hydra.init<constant 0.0>
hydra.param @c : tensor<40xf32> #hydra.init<constant 0.0>
func.func @apply(%c: tensor<40xf32> {hydra.binding = #hydra.binding<gradient "c">},
                 %b: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "b">},
                 %a: tensor<4xf32> {hydra.binding = #hydra.binding<gradient "a">})
    -> (tensor<f32> {hydra.binding = #hydra.binding<output "grad_norm">})
    attributes {hydra.entry = #hydra.entry<"apply", 0 x 0, "">} {
  %0 = hydra.fusion <update> "single"(%a, %b, %c) : (tensor<4xf32>, tensor<4xf32>, tensor<40xf32>) -> tensor<f32> {
  ^bb0(%x: tensor<4xf32>, %y: tensor<4xf32>, %z: tensor<40xf32>):
    %1 = hydra.global_norm %x, %y, %z : (tensor<4xf32>, tensor<4xf32>, tensor<40xf32>) -> tensor<f32>
    hydra.yield %1 : tensor<f32>
  }
  return %0 : tensor<f32>
}
