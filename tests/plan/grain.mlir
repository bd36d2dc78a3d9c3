// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// A worker takes row tiles of narrow rows several at once, 4096 elements at least, and wide ones one by one.
// CHECK: plan.entry @widths
// CHECK: plan.launch {{.*}} items 1024 grain 512
// CHECK: plan.launch {{.*}} items 1024 grain 8
// CHECK: plan.launch {{.*}} items 8 grain 1
func.func @widths(%one: tensor<8192x1xf32>, %narrow: tensor<8192x64xf32>, %wide: tensor<64x768xf32>)
    -> (tensor<8192x1xf32>, tensor<8192x64xf32>, tensor<64x768xf32>) {
  %0 = hydra.unary <exp> %one : (tensor<8192x1xf32>) -> tensor<8192x1xf32>
  %1 = hydra.unary <exp> %narrow : (tensor<8192x64xf32>) -> tensor<8192x64xf32>
  %2 = hydra.unary <exp> %wide : (tensor<64x768xf32>) -> tensor<64x768xf32>
  return %0, %1, %2 : tensor<8192x1xf32>, tensor<8192x64xf32>, tensor<64x768xf32>
}
