// Soft weights in every variant, whether or not depth routing is enabled (Q6).
// RUN: hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-static --hydra-verify-routing | FileCheck %s
// RUN: not hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-static=variants=fixed_mod 2>&1 | FileCheck %s --check-prefix=NONE

// CHECK: hydra.model @m_fixed attributes
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "fixed"}
// CHECK: hydra.depth_routing %{{.*}} {hydra.routing = "soft"}
// CHECK: hydra.model @m_fixed_forced attributes
// CHECK: hydra.experts %{{.*}} {{{.*}}hydra.routing = "forced"}
// CHECK: hydra.model @m_blend attributes
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "blend_mixture"}
// CHECK: hydra.model @m_adaptive attributes
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "mixture"}
// CHECK: hydra.depth_routing %{{.*}} {hydra.routing = "soft"}
// CHECK: hydra.experts %{{.*}} {{{.*}}hydra.routing = "top_k"}

// NONE: op has no variant 'fixed_mod' in this routing mode; there are: fixed, fixed_forced, blend, blend_forced, adaptive, adaptive_forced
