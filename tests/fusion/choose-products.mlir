// Products as kernels of our own or of a library, and what the plan makes of the kernels.
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-choose-products,func.func(hydra-verify-fused))' | FileCheck %s
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-choose-products)' --remarks-filter=fusion -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-choose-products,hydra-plan,hydra-assign-geometry,hydra-verify-plan)' | FileCheck %s --check-prefix=PLAN
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-choose-products{library=false},hydra-plan,hydra-assign-geometry,hydra-verify-plan)' | FileCheck %s --check-prefix=OWN
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-choose-products{library=false})' --remarks-filter=fusion -o %t 2>&1 | FileCheck %s --check-prefix=ALL

// Without a library nothing is left to one.
// OWN-NOT: plan.matmul
// ALL: NO_LIBRARY{{.*}}1024 x 1024, contraction 4096

// REMARK-DAG: COUNTED{{.*}}1024 x 4096, contraction 1024{{.*}}product of matmul
// REMARK-DAG: SMALL_PRODUCT{{.*}}32 x 16, contraction 64{{.*}}product of matmul{{.*}}multiply-adds
// REMARK-DAG: LARGE_PRODUCT{{.*}}1024 x 1024, contraction 4096{{.*}}product of matmul
// REMARK-DAG: COUNTED{{.*}}8 x 12, contraction 64{{.*}}product of grouped_weight_grad

// PLAN: plan.kernel @matmul_{{.*}} <matmul>

// A count on the device: whatever the size. 256 tiles of 128 x 128, more than the largest device has multiprocessors.
// CHECK-LABEL: func.func @counted
// PLAN-LABEL: plan.entry @counted
func.func @counted(%a: tensor<1024x1024xf32>, %b: tensor<4096x1024xf32>, %n: tensor<i32>) -> tensor<1024x4096xf32> {
  // CHECK: %[[R:.*]] = hydra.fusion
  // CHECK-SAME: <matmul>
  // CHECK-SAME: "COUNTED"
  // CHECK: hydra.matmul {{.*}} rows
  // PLAN: plan.launch @matmul_{{.*}} {geometry = #plan.geometry<grid[256, 1, 1] block[256, 1, 1] cluster[1, 1, 1] shared 0>
  // PLAN-NOT: plan.matmul
  %0 = hydra.matmul %a, %b rows %n {transpose_b} : (tensor<1024x1024xf32>, tensor<4096x1024xf32>, tensor<i32>) -> tensor<1024x4096xf32>
  return %0 : tensor<1024x4096xf32>
}

// CHECK-LABEL: func.func @small
// PLAN-LABEL: plan.entry @small
func.func @small(%a: tensor<32x64xf32>, %b: tensor<16x64xf32>) -> tensor<32x16xf32> {
  // CHECK: hydra.fusion
  // CHECK-SAME: "SMALL_PRODUCT"
  // PLAN: plan.launch @matmul_{{.*}}grid[2, 1, 1] block[32, 1, 1]
  %0 = hydra.matmul %a, %b {transpose_b} : (tensor<32x64xf32>, tensor<16x64xf32>) -> tensor<32x16xf32>
  return %0 : tensor<32x16xf32>
}

// The library's.
// CHECK-LABEL: func.func @large
// CHECK-NOT: hydra.fusion
// PLAN-LABEL: plan.entry @large
func.func @large(%a: tensor<1024x4096xf32>, %b: tensor<1024x4096xf32>) -> tensor<1024x1024xf32> {
  // CHECK: hydra.matmul
  // PLAN: plan.matmul
  %0 = hydra.matmul %a, %b {transpose_b} : (tensor<1024x4096xf32>, tensor<1024x4096xf32>) -> tensor<1024x1024xf32>
  return %0 : tensor<1024x1024xf32>
}

// The group is a scalar of the launch: one kernel for all experts. The accumulator is another's value, so that
// nothing is copied: the kernel reads it where it lies.
// CHECK-LABEL: func.func @gradients
// PLAN-LABEL: plan.entry @gradients
func.func @gradients(%a: tensor<64x8xf32>, %b: tensor<64x12xf32>, %o: tensor<3xi32>, %c: tensor<8x12xf32>) -> (tensor<8x12xf32>, tensor<8x12xf32>) {
  // CHECK-COUNT-2: hydra.grouped_weight_grad
  // PLAN: plan.launch @[[GRAD:grouped_weight_grad_.*]] stage 0 {{.*}} scalars [0] items
  // PLAN-NEXT: plan.launch @[[GRAD]] stage 0 {{.*}} scalars [1] items
  // PLAN-NOT: plan.copy
  %0 = hydra.grouped_weight_grad %a, %b, %o, %c {group = 0 : i64} : (tensor<64x8xf32>, tensor<64x12xf32>, tensor<3xi32>, tensor<8x12xf32>) -> tensor<8x12xf32>
  %1 = hydra.grouped_weight_grad %a, %b, %o, %c {group = 1 : i64} : (tensor<64x8xf32>, tensor<64x12xf32>, tensor<3xi32>, tensor<8x12xf32>) -> tensor<8x12xf32>
  return %0, %1 : tensor<8x12xf32>, tensor<8x12xf32>
}
