// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// Kernels that differ in scalars, scope, notes or place only are one; those of other shapes are not.
// CHECK: plan.kernel @[[NORM:rms_norm_[0-9a-f]+]] <rows>
// CHECK: rows.program
// CHECK: rows.scalar 0 "eps" 1.000000e+00 : f64 : f32
// CHECK: plan.kernel @[[OTHER:rms_norm_[0-9a-f]+]] <rows>
// CHECK: plan.kernel @[[SUM:reduce_[0-9a-f]+]] <rows> attributes {grain = array<i64: 1, 1>, hash = "{{[0-9a-f]+}}", items = array<i64: 5, 1>, partial_bytes = 40 : i64
// CHECK-NOT: plan.kernel
// CHECK: plan.entry @norms
// 1e-6 and 1e-5 as the bits of doubles.
// CHECK: plan.launch @[[NORM]] stage 0 {{.*}} scalars [4517329193108106637] items 3 grain 3 "first"
// CHECK: plan.launch @[[NORM]] stage 0 {{.*}} scalars [4532020583610935537] items 3 grain 3 "second"
// CHECK: plan.launch @[[OTHER]] stage 0
// A reduction over everything has two stages that share partial sums.
// CHECK: plan.launch @[[SUM]] stage 0 [{{.*}}, #plan.ref<arena, [[P:[0-9]+]], 40>] scalars [] items 5 grain 1
// CHECK-NEXT: plan.launch @[[SUM]] stage 1 [{{.*}}, #plan.ref<arena, [[P]], 40>] scalars [] items 1 grain 1
func.func @norms(%x: tensor<20x4xf32>, %w: tensor<4xf32>, %y: tensor<3x4xf32>, %z: tensor<20000xf32>)
    -> (tensor<20x4xf32>, tensor<3x4xf32>, tensor<f32>) {
  %0 = hydra.rms_norm %x, %w {eps = 1.0e-6 : f64, hydra.scope = "first"} : (tensor<20x4xf32>, tensor<4xf32>) -> tensor<20x4xf32>
  %1 = hydra.rms_norm %0, %w {eps = 1.0e-5 : f64, a.note = 3.0 : f64, hydra.scope = "second"} : (tensor<20x4xf32>, tensor<4xf32>) -> tensor<20x4xf32>
  %2 = hydra.rms_norm %y, %w {eps = 1.0e-6 : f64} : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %3 = hydra.reduce <sum> <all> %z : (tensor<20000xf32>) -> tensor<f32>
  return %1, %2, %3 : tensor<20x4xf32>, tensor<3x4xf32>, tensor<f32>
}

// Rows of a matmul: bound to m, or to k under transpose_a.
// CHECK: plan.entry @rows
// CHECK: plan.matmul {{.*}} rows = #plan.ref<inputs, 192, 4>, tile_m
// CHECK-NOT: rows_bound_k
// CHECK: plan.matmul {{.*}} k_slice = 512 : i64, {{.*}} rows = #plan.ref<inputs, 192, 4>, rows_bound_k
func.func @rows(%a: tensor<4x3xf32>, %b: tensor<2x3xf32>, %c: tensor<4x2xf32>, %n: tensor<i32>) -> (tensor<4x2xf32>, tensor<3x2xf32>) {
  %0 = hydra.matmul %a, %b rows %n {transpose_b} : (tensor<4x3xf32>, tensor<2x3xf32>, tensor<i32>) -> tensor<4x2xf32>
  %1 = hydra.matmul %a, %c rows %n {transpose_a} : (tensor<4x3xf32>, tensor<4x2xf32>, tensor<i32>) -> tensor<3x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<3x2xf32>
}
