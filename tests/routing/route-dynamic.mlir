// All variants of a model with everything in it, and functions with everything on.
// RUN: hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-dynamic --hydra-verify-routing | FileCheck %s
// RUN: hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-dynamic=variants=adaptive_mod,fixed | FileCheck %s --check-prefix=SOME
// RUN: hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-dynamic=variants=adaptive_mod,blend_mod --remarks-filter=hydra-routing 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hydra-opt %s --hydra-route-dynamic | FileCheck %s --check-prefix=FUNCTION
// RUN: not hydra-opt %s --hydra-route-dynamic=variants=fixed 2>&1 | FileCheck %s --check-prefix=NOMODEL

// CHECK: hydra.model @m_fixed attributes
// CHECK: hydra.depth_routing %{{.*}} {hydra.routing = "disabled"}
// CHECK: hydra.model @m_fixed_forced attributes
// CHECK: hydra.model @m_fixed_mod attributes
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "fixed"}
// CHECK: hydra.depth_routing %{{.*}} {hydra.routing = "hard"}
// CHECK: hydra.model @m_fixed_mod_forced attributes
// CHECK: hydra.model @m_blend attributes
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "blend_adaptive"}
// CHECK: hydra.model @m_adaptive_mod_forced attributes
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "adaptive"}
// CHECK: hydra.depth_routing %{{.*}} {hydra.routing = "hard"}
// CHECK: hydra.experts %{{.*}} {{{.*}}hydra.routing = "forced"}

// SOME: hydra.model @m_fixed attributes
// SOME: hydra.model @m_adaptive_mod attributes
// SOME-NOT: hydra.model

// Block 1 of 3 starts at a target of 0.35: a third of the way, one pass beyond the first.
// REMARK: remark: {{.*}}variant blend_mod, block 1: recursion blend_adaptive, active fraction 0.67 of passes x 0.50 of tokens, MLP FLOPs kept 83 %
// REMARK: remark: {{.*}}variant adaptive_mod, block 0: recursion adaptive, active fraction 0.33 of passes x 1.00 of tokens, MLP FLOPs kept 33 %
// REMARK: remark: {{.*}}variant adaptive_mod, block 1: recursion adaptive, active fraction 0.67 of passes x 0.50 of tokens, MLP FLOPs kept 33 %

// FUNCTION: hydra.recursion %{{.*}} passes 2 {hydra.routing = "adaptive"}
// NOMODEL: error: variants were requested, but the module holds no hydra.model
func.func @f(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %r = hydra.recursion %x passes 2 : tensor<1x2x4xf32> {
  ^bb1(%s: tensor<1x2x4xf32>):
    %m = hydra.mlp %s {hidden = 8} : tensor<1x2x4xf32>
    hydra.yield %m : tensor<1x2x4xf32>
  }
  return %r : tensor<1x2x4xf32>
}
