// Launches for targets with blocks of threads: a thread per element, a warp per row, whole warps only.
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-assign-geometry,hydra-verify-plan)' | FileCheck %s

// CHECK: plan.entry @flat
// CHECK: geometry = #plan.geometry<grid[4, 1, 1] block[256, 1, 1] cluster[1, 1, 1] shared 0>
func.func @flat(%x: tensor<20x50xf32>) -> tensor<20x50xf32> {
  %y = hydra.unary <silu> %x : (tensor<20x50xf32>) -> tensor<20x50xf32>
  return %y : tensor<20x50xf32>
}

// 20 rows, 8 to a block.
// CHECK: plan.entry @rows
// CHECK: geometry = #plan.geometry<grid[3, 1, 1] block[256, 1, 1] cluster[1, 1, 1] shared 0>
func.func @rows(%x: tensor<20x50xf32>, %w: tensor<50xf32>) -> tensor<20x50xf32> {
  %y = hydra.rms_norm %x, %w {eps = 1.0e-6 : f64} : (tensor<20x50xf32>, tensor<50xf32>) -> tensor<20x50xf32>
  return %y : tensor<20x50xf32>
}

// One row: one warp.
// CHECK: plan.entry @row
// CHECK: geometry = #plan.geometry<grid[1, 1, 1] block[32, 1, 1] cluster[1, 1, 1] shared 0>
func.func @row(%x: tensor<1x50xf32>, %w: tensor<50xf32>) -> tensor<1x50xf32> {
  %y = hydra.rms_norm %x, %w {eps = 1.0e-6 : f64} : (tensor<1x50xf32>, tensor<50xf32>) -> tensor<1x50xf32>
  return %y : tensor<1x50xf32>
}
