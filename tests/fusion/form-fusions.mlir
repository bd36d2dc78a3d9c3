// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-form-fusions{level=x86-64-v4},func.func(hydra-verify-fused))' | FileCheck %s
// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-form-fusions{level=x86-64-v4})' --remarks-filter=fusion -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

!x = tensor<64x768xf32>
!w = tensor<768xf32>

// A residual add, and the norm of the sum: an edge. The sum is read by somebody else as well and stays a result.
// CHECK-LABEL: func.func @edge
// CHECK: hydra.fusion <rows> "EDGE"(%{{.*}}, %{{.*}}, %{{.*}}) attributes {hydra.scope = "layers.0"}
// CHECK-NEXT: ^bb0
// CHECK-NEXT: hydra.binary <add> {{.*}}hydra.scope = "layers.0.a"
// CHECK-NEXT: hydra.rms_norm {{.*}}hydra.scope = "layers.0.b"
// CHECK-NEXT: hydra.yield %{{.*}}, %{{.*}} :
// REMARK: EDGE{{.*}}edge of binary add and rms_norm{{.*}}bytes_after=789504, bytes_before=986112
func.func @edge(%x: !x, %y: !x, %w: !w) -> (!x, !x) {
  %s = hydra.binary <add> %x, %y {hydra.scope = "layers.0.a"} : (!x, !x) -> !x
  %n = hydra.rms_norm %s, %w {eps = 1.0e-5 : f64, hydra.scope = "layers.0.b"} : (!x, !w) -> !x
  return %s, %n : !x, !x
}

// -----

!x = tensor<64x768xf32>
!w = tensor<768xf32>

// Two readers of one tensor, and what is added to a sum over its rows: one kernel of two stages.
// CHECK-LABEL: func.func @column_sum
// CHECK: hydra.fusion <rows> "COLUMN_SUM+EDGE"
// CHECK: hydra.rms_norm_grad
// CHECK: hydra.rms_norm_weight_grad
// CHECK: hydra.binary <add>
// CHECK: hydra.yield %{{.*}}, %{{.*}} : tensor<64x768xf32>, tensor<768xf32>
// CHECK-NOT: hydra.fusion
func.func @column_sum(%dy: !x, %x: !x, %w: !w, %sum: !w) -> (!x, !w) {
  %g = hydra.rms_norm_grad %dy, %x, %w {eps = 1.0e-5 : f64} : (!x, !x, !w) -> !x
  %d = hydra.rms_norm_weight_grad %dy, %x {eps = 1.0e-5 : f64} : (!x, !x) -> !w
  %n = hydra.binary <add> %sum, %d : (!w, !w) -> !w
  return %g, %n : !x, !w
}

// -----

// Columns are read where they lie: nobody cuts them out. Another reader that needs whole tensors keeps the cut.
// CHECK-LABEL: func.func @view
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x64x96xf32>
// CHECK-NOT: hydra.split %[[X]]
// CHECK: hydra.fusion <rows> "single"(%[[X]])
// CHECK: hydra.split
// CHECK: hydra.shift
func.func @view(%x: tensor<1x64x96xf32>) -> (tensor<1x64x48xf32>, tensor<1x64x144xf32>) {
  %s:2 = hydra.split %x {sizes = array<i64: 48, 48>} : (tensor<1x64x96xf32>) -> (tensor<1x64x48xf32>, tensor<1x64x48xf32>)
  %n = hydra.shift %s#0 {from_channel = 8 : i64} : (tensor<1x64x48xf32>) -> tensor<1x64x48xf32>
  %u = hydra.unfold %s#1 {width = 3 : i64} : (tensor<1x64x48xf32>) -> tensor<1x64x144xf32>
  return %n, %u : tensor<1x64x48xf32>, tensor<1x64x144xf32>
}

// -----

!x = tensor<64x64xf32>

// The matmul stands between: the two adds cannot run together.
// CHECK-LABEL: func.func @cycle
// CHECK: hydra.fusion <rows> "single"
// CHECK: hydra.matmul
// CHECK: hydra.fusion <rows> "single"
// REMARK: CYCLE{{.*}}edge of binary add and binary mul
// REMARK: LIBRARY{{.*}}prologue of binary add and matmul
// REMARK: LIBRARY{{.*}}epilogue of matmul and binary mul
func.func @cycle(%x: !x, %y: !x) -> !x {
  %s = hydra.binary <add> %x, %y : (!x, !x) -> !x
  %m = hydra.matmul %s, %y : (!x, !x) -> !x
  %r = hydra.binary <mul> %s, %m : (!x, !x) -> !x
  return %r : !x
}

// -----

// A mean over all rows is not there while rows are read. What is made of it alone is.
// CHECK-LABEL: func.func @mean
// CHECK: hydra.fusion <rows> "EDGE"
// CHECK: hydra.reduce
// CHECK: hydra.binary <div>
// CHECK: hydra.fusion <rows> "single"
// CHECK: hydra.binary <sub>
// REMARK: ROW_ESCAPE{{.*}}edge of {{.*}} and binary sub
func.func @mean(%x: tensor<64x1xf32>, %n: tensor<f32>) -> tensor<64x1xf32> {
  %s = hydra.reduce <sum> <all> %x : (tensor<64x1xf32>) -> tensor<f32>
  %m = hydra.binary <div> %s, %n : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %c = hydra.binary <sub> %x, %m : (tensor<64x1xf32>, tensor<f32>) -> tensor<64x1xf32>
  return %c : tensor<64x1xf32>
}
