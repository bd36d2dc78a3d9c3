// RUN: hydra-opt %s --split-input-file --pass-pipeline='builtin.module(hydra-plan,hydra-verify-plan)' | FileCheck %s

// A residual add and the norm of its sum are one program: the sum is written in sweep 0 and read again from its own result;
// the column sums of its square wait for nothing. Scalars are operands that name their source.
// CHECK-LABEL: plan.kernel @binary_{{[0-9a-f]+}} <rows>
// CHECK-SAME: schedule = #plan.row_schedule<sweeps = 2, flat = false, unrolled = false, item = 8, chunk_rows = 0,
// CHECK-SAME: sweep = [0, 0, 0, 0, 0,
// CHECK: %[[P:.*]]:2 = rows.program(%[[X:.*]], %[[Y:.*]], %[[W:.*]]) attributes {rows = 40 : i64, segments = 1 : i64, width = 100 : i64}
// CHECK: %[[A:.*]] = rows.read %{{.*}} <same> <same>
// CHECK: %[[B:.*]] = rows.read %{{.*}} <same> <same>
// CHECK: %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
// One square for both readers of the sum.
// CHECK: rows.reduce <dot> <row> %[[S]], %[[S]]
// CHECK: rows.scalar 1 "eps" 1.000000e+00 : f64 : f32
// CHECK: rows.read %{{.*}} <none> <same>
// Writes stand last, in whichever sweep they happen.
// CHECK: rows.write %[[S]] to 0 <same>
// CHECK-NEXT: rows.write %{{.*}} to 1 <same>
// CHECK: hydra.yield %[[P]]#0, %[[P]]#1
// The sum over x, its norm over y: x is not read after sweep 0, y not after the sum either.
// CHECK-LABEL: plan.entry @add_norm
// CHECK: plan.launch @binary_{{.*}}[#plan.ref<cache, 0, 16000>, #plan.ref<cache, 16000, 16000>, #plan.ref<inputs, 0, 400>, #plan.ref<cache, 0, 16000>, #plan.ref<cache, 16000, 16000>] scalars [4532020583610935537] items 5 grain 5
func.func @add_norm(%x: tensor<40x100xf32> {hydra.binding = #hydra.binding<cache "x">},
                    %y: tensor<40x100xf32> {hydra.binding = #hydra.binding<cache "y">}, %w: tensor<100xf32>)
    -> (tensor<40x100xf32> {hydra.binding = #hydra.binding<cache "x">},
        tensor<40x100xf32> {hydra.binding = #hydra.binding<cache "y">}) {
  %0:2 = hydra.fusion <rows> "by hand"(%x, %y, %w) : (tensor<40x100xf32>, tensor<40x100xf32>, tensor<100xf32>)
      -> (tensor<40x100xf32>, tensor<40x100xf32>) {
  ^bb0(%a: tensor<40x100xf32>, %b: tensor<40x100xf32>, %c: tensor<100xf32>):
    %s = hydra.binary <add> %a, %b : (tensor<40x100xf32>, tensor<40x100xf32>) -> tensor<40x100xf32>
    %n = hydra.rms_norm %s, %c {eps = 1.0e-5 : f64} : (tensor<40x100xf32>, tensor<100xf32>) -> tensor<40x100xf32>
    hydra.yield %s, %n : tensor<40x100xf32>, tensor<40x100xf32>
  }
  return %0#0, %0#1 : tensor<40x100xf32>, tensor<40x100xf32>
}

// -----

// An operand that a later sweep reads is not overwritten by an earlier one: the sum is written in sweep 0, and x is read
// again by the last sweep.
// CHECK-LABEL: plan.entry @read_later
// CHECK: plan.launch @binary_{{.*}}[#plan.ref<cache, 0, 16000>, #plan.ref<inputs, 0, 400>, #plan.ref<arena, [[S:[0-9]+]], 16000>, #plan.ref<outputs, 0, 16000>]
// CHECK: plan.copy <arena, [[S]], 16000> -> <cache, 0, 16000>
func.func @read_later(%x: tensor<40x100xf32> {hydra.binding = #hydra.binding<cache "x">}, %w: tensor<100xf32>)
    -> (tensor<40x100xf32> {hydra.binding = #hydra.binding<cache "x">}, tensor<40x100xf32>) {
  %0:2 = hydra.fusion <rows> "by hand"(%x, %w) : (tensor<40x100xf32>, tensor<100xf32>)
      -> (tensor<40x100xf32>, tensor<40x100xf32>) {
  ^bb0(%a: tensor<40x100xf32>, %c: tensor<100xf32>):
    %s = hydra.binary <add> %a, %c : (tensor<40x100xf32>, tensor<100xf32>) -> tensor<40x100xf32>
    %n = hydra.rms_norm %a, %c {eps = 1.0e-5 : f64} : (tensor<40x100xf32>, tensor<100xf32>) -> tensor<40x100xf32>
    hydra.yield %s, %n : tensor<40x100xf32>, tensor<40x100xf32>
  }
  return %0#0, %0#1 : tensor<40x100xf32>, tensor<40x100xf32>
}
