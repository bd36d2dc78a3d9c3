// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-fuse-accumulate)' | FileCheck %s
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-fuse-accumulate)' --remarks-filter=fusion -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-fuse-accumulate{no-fuse=ACCUMULATE})' | FileCheck %s --check-prefix=OFF
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-fuse-accumulate{enabled=false})' | FileCheck %s --check-prefix=OFF
// RUN: hydra-opt %s --pass-pipeline='builtin.module(hydra-fuse-accumulate{no-fuse=ACCUMULATE},hydra-form-fusions{no-fuse=ACCUMULATE})' -o %t
// RUN: not hydra-opt %s --pass-pipeline='builtin.module(hydra-fuse-accumulate{no-fuse=elsewhere.*},hydra-form-fusions{no-fuse=elsewhere.*})' -o %t 2>&1 | FileCheck %s --check-prefix=UNUSED

// The policy is asked, and the ledger has what it said, refused pairs too.
// OFF: plan.ledger
// OFF-SAME: code = "DISABLED"
// OFF-NOT: accumulate %
// UNUSED: --no-fuse=elsewhere.* names nothing
// REMARK-DAG: ACCUMULATE{{.*}}accumulate of matmul and binary add{{.*}}bytes_after=24, bytes_before=72
// REMARK-DAG: ACCUMULATE{{.*}}accumulate of scatter_rows and binary add
// REMARK-DAG: SHARED{{.*}}accumulate of matmul and binary add
// REMARK-DAG: ORDER{{.*}}accumulate of matmul and binary add

// CHECK-LABEL: func.func @gradient
// CHECK-SAME: %[[A:.*]]: tensor<4x3xf32>, %[[B:.*]]: tensor<4x2xf32>, %[[G:.*]]: tensor<3x2xf32>
func.func @gradient(%a: tensor<4x3xf32>, %b: tensor<4x2xf32>, %g: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // CHECK: %[[P:.*]] = hydra.matmul %[[A]], %[[B]] accumulate %[[G]] {hydra.probe = "sum", transpose_a}
  // CHECK-NEXT: return %[[P]]
  %p = hydra.matmul %a, %b {transpose_a} : (tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
  %s = hydra.binary <add> %g, %p {hydra.probe = "sum"} : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %s : tensor<3x2xf32>
}

// CHECK-LABEL: func.func @scatter
func.func @scatter(%x: tensor<4x3xf32>, %i: tensor<4xi32>, %g: tensor<9x3xf32>) -> tensor<9x3xf32> {
  // CHECK: hydra.scatter_rows %{{.*}}, %{{.*}} accumulate %{{.*}} {
  // CHECK-NOT: hydra.binary
  %p = hydra.scatter_rows %x, %i {size = 9 : i64, scale = 1.0 : f64} : (tensor<4x3xf32>, tensor<4xi32>) -> tensor<9x3xf32>
  %s = hydra.binary <add> %p, %g : (tensor<9x3xf32>, tensor<9x3xf32>) -> tensor<9x3xf32>
  return %s : tensor<9x3xf32>
}

// The product is needed as it is.
// CHECK-LABEL: func.func @used_twice
func.func @used_twice(%a: tensor<4x3xf32>, %b: tensor<2x3xf32>, %g: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  // CHECK-NOT: accumulate
  // CHECK: hydra.binary <add>
  %p = hydra.matmul %a, %b {transpose_b} : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %s = hydra.binary <add> %g, %p : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %s, %p : tensor<4x2xf32>, tensor<4x2xf32>
}

// The other summand comes after the product, or is broadcast.
// CHECK-LABEL: func.func @late_or_broadcast
func.func @late_or_broadcast(%a: tensor<4x3xf32>, %b: tensor<2x3xf32>, %g: tensor<2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  // CHECK-NOT: accumulate
  // CHECK-COUNT-2: hydra.binary <add>
  %p = hydra.matmul %a, %b {transpose_b} : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %q = hydra.matmul %a, %b {transpose_b} : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %e = hydra.broadcast %g {shape = array<i64: 4, 2>} : (tensor<2xf32>) -> tensor<4x2xf32>
  %s = hydra.binary <add> %p, %e : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t = hydra.binary <add> %q, %g : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  return %s, %t : tensor<4x2xf32>, tensor<4x2xf32>
}

// Rows bound the product: the sum of the rows beyond must not get lost.
// CHECK-LABEL: func.func @rows
func.func @rows(%a: tensor<4x3xf32>, %b: tensor<2x3xf32>, %g: tensor<4x2xf32>, %n: tensor<i32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  // CHECK: hydra.matmul %{{[^ ]*}}, %{{[^ ]*}} rows
  // CHECK-NEXT: hydra.binary <add>
  // CHECK-NEXT: hydra.matmul %{{[^ ]*}}, %{{[^ ]*}} accumulate %{{[^ ]*}} rows
  // CHECK-NEXT: return
  %p = hydra.matmul %a, %b rows %n {transpose_b} : (tensor<4x3xf32>, tensor<2x3xf32>, tensor<i32>) -> tensor<4x2xf32>
  %s = hydra.binary <add> %g, %p : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %q = hydra.matmul %a, %b rows %n {transpose_b} : (tensor<4x3xf32>, tensor<2x3xf32>, tensor<i32>) -> tensor<4x2xf32>
  %t = hydra.binary <add> %g, %q, %n : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<i32>) -> tensor<4x2xf32>
  return %s, %t : tensor<4x2xf32>, tensor<4x2xf32>
}
