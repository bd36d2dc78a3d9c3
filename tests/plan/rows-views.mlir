// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-form-fusions{enabled=false},hydra-plan,hydra-verify-plan)' | FileCheck %s

// Leading rows are read where they lie, and written where the whole wants them: no copy.
// CHECK-LABEL: plan.entry @halves
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<inputs, 0, 256>, #plan.ref<outputs, 0, 256>]
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<inputs, 256, 256>, #plan.ref<outputs, 256, 256>]
// CHECK-NOT: plan.copy
func.func @halves(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %0 = hydra.slice_rows %x {first = 0 : i64, count = 4 : i64} : (tensor<8x16xf32>) -> tensor<4x16xf32>
  %1 = hydra.unary <exp> %0 : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %2 = hydra.slice_rows %x {first = 4 : i64, count = 4 : i64} : (tensor<8x16xf32>) -> tensor<4x16xf32>
  %3 = hydra.unary <exp> %2 : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %4 = hydra.concat_rows %1, %3 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// -----

// What is made elsewhere, or wanted twice, is copied; a part may be read after it was joined.
// CHECK-LABEL: plan.entry @copied
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<inputs, 0, 256>, #plan.ref<arena, 0, 256>]
// CHECK: plan.copy <arena, 0, 256> -> <arena, 256, 256>
// CHECK: plan.copy <inputs, 0, 256> -> <arena, 512, 256>
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<arena, 0, 256>, #plan.ref<outputs, 0, 256>]
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<arena, 0, 768>, #plan.ref<outputs, 256, 768>]
func.func @copied(%x: tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<12x16xf32>) {
  %0 = hydra.unary <exp> %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = hydra.concat_rows %0, %0, %x : (tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<12x16xf32>
  %2 = hydra.unary <tanh> %0 : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %3 = hydra.unary <neg> %1 : (tensor<12x16xf32>) -> tensor<12x16xf32>
  return %2, %3 : tensor<4x16xf32>, tensor<12x16xf32>
}

// -----

// Rows of a value are not written over while the rest is read: the second kernel has a buffer of its own.
// CHECK-LABEL: plan.entry @not_in_place
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<inputs, 0, 512>, #plan.ref<arena, [[WHOLE:[0-9]+]], 512>]
// CHECK: plan.launch @unary_{{.*}}[#plan.ref<arena, [[WHOLE]], 256>, #plan.ref<arena, [[PART:[0-9]+]], 256>]
// CHECK: plan.matmul <arena, [[PART]], 256>, <arena, {{.*}}, 256> -> <outputs, 0, 64>
func.func @not_in_place(%x: tensor<8x16xf32>) -> tensor<4x4xf32> {
  %0 = hydra.unary <exp> %x : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %1 = hydra.slice_rows %0 {first = 0 : i64, count = 4 : i64} : (tensor<8x16xf32>) -> tensor<4x16xf32>
  %2 = hydra.slice_rows %0 {first = 4 : i64, count = 4 : i64} : (tensor<8x16xf32>) -> tensor<4x16xf32>
  %3 = hydra.unary <tanh> %1 : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %4 = hydra.matmul %3, %2 {transpose_b} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x4xf32>
  return %4 : tensor<4x4xf32>
}

// -----

// A result that is some rows of an argument.
// CHECK-LABEL: plan.entry @returned
// CHECK: plan.copy <inputs, 128, 256> -> <outputs, 0, 256>
func.func @returned(%x: tensor<8x16xf32>) -> tensor<4x16xf32> {
  %0 = hydra.slice_rows %x {first = 2 : i64, count = 4 : i64} : (tensor<8x16xf32>) -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}
