// The scalars of a launch are those that its ops declare: a float attribute that some pass left on an op is none of
// them, wherever it stands in the alphabet, so that numbers and kernels agree.
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// CHECK-LABEL: plan.entry @noted
// CHECK: plan.launch @rms_norm_{{.*}} scalars [4562254508917369340] {{.*}}
// CHECK: plan.launch @rms_norm_{{.*}} scalars [4562254508917369340] {{.*}}
func.func @noted(%x: tensor<8x4xf32>, %w: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = hydra.rms_norm %x, %w {eps = 1.0e-3 : f64, builtin.aaa = 7.0 : f64} : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  %1 = hydra.rms_norm %0, %w {eps = 1.0e-3 : f64} : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}
