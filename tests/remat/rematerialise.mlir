// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-differentiate,canonicalize,cse,hydra-rematerialise)' | FileCheck %s
// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-differentiate,canonicalize,cse,hydra-rematerialise,canonicalize,cse,hydra-form-fusions,hydra-plan,hydra-verify-plan)' -o %t
// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-differentiate,canonicalize,cse,hydra-rematerialise)' --remarks-filter=memory -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// Three blocks. swiglu of the first is made again of what swiglu_grad reads anyway, behind a gradient; its reader and
// swiglu_grad read it there. That of the last is read again at once, and kept.
// CHECK-LABEL: func.func @blocks
// CHECK: %[[U0:.*]] = hydra.matmul %{{.*}} {hydra.scope = "0", transpose_b}
// CHECK: %[[A0:.*]] = hydra.swiglu %[[U0]]
// CHECK: hydra.swiglu {{.*}}hydra.scope = "1"
// CHECK: hydra.swiglu {{.*}}hydra.scope = "2"
// CHECK-NOT: hydra.swiglu {{.*}}hydra.scope = "2"
// CHECK: hydra.swiglu_grad {{.*}}hydra.scope = "2"
// CHECK: %[[U:.*]] = hydra.after %[[U0]], %[[D:[0-9]+]] {hydra.scope = "0"}
// CHECK: %[[A:.*]] = hydra.swiglu %[[U]] {hydra.scope = "0"}
// CHECK: hydra.matmul %[[D]], %[[A]] {{(accumulate %[0-9]+ )?}}{hydra.scope = "0", transpose_a}
// CHECK: hydra.swiglu_grad %{{.*}}, %[[U]] {hydra.scope = "0"}
// REMARK: remark: {{.*}}CHEAP{{.*}}hydra.swiglu
func.func @blocks(%x: tensor<256x64xf32>, %w: tensor<512x64xf32>, %v: tensor<64x256xf32>) -> tensor<256x64xf32> attributes {hydra.vjp} {
  %u0 = hydra.matmul %x, %w {transpose_b, hydra.scope = "0"} : (tensor<256x64xf32>, tensor<512x64xf32>) -> tensor<256x512xf32>
  %a0 = hydra.swiglu %u0 {hydra.scope = "0"} : (tensor<256x512xf32>) -> tensor<256x256xf32>
  %y0 = hydra.matmul %a0, %v {transpose_b, hydra.scope = "0"} : (tensor<256x256xf32>, tensor<64x256xf32>) -> tensor<256x64xf32>
  %x1 = hydra.binary <add> %x, %y0 {hydra.scope = "0"} : (tensor<256x64xf32>, tensor<256x64xf32>) -> tensor<256x64xf32>
  %u1 = hydra.matmul %x1, %w {transpose_b, hydra.scope = "1"} : (tensor<256x64xf32>, tensor<512x64xf32>) -> tensor<256x512xf32>
  %a1 = hydra.swiglu %u1 {hydra.scope = "1"} : (tensor<256x512xf32>) -> tensor<256x256xf32>
  %y1 = hydra.matmul %a1, %v {transpose_b, hydra.scope = "1"} : (tensor<256x256xf32>, tensor<64x256xf32>) -> tensor<256x64xf32>
  %x2 = hydra.binary <add> %x1, %y1 {hydra.scope = "1"} : (tensor<256x64xf32>, tensor<256x64xf32>) -> tensor<256x64xf32>
  %u2 = hydra.matmul %x2, %w {transpose_b, hydra.scope = "2"} : (tensor<256x64xf32>, tensor<512x64xf32>) -> tensor<256x512xf32>
  %a2 = hydra.swiglu %u2 {hydra.scope = "2"} : (tensor<256x512xf32>) -> tensor<256x256xf32>
  %y2 = hydra.matmul %a2, %v {transpose_b, hydra.scope = "2"} : (tensor<256x256xf32>, tensor<64x256xf32>) -> tensor<256x64xf32>
  return %y2 : tensor<256x64xf32>
}

// -----

// Small values are kept.
// CHECK-LABEL: func.func @small
// CHECK-NOT: hydra.after
func.func @small(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> tensor<8x64xf32> attributes {hydra.vjp} {
  %0 = hydra.unary <exp> %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %1 = hydra.matmul %0, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}
