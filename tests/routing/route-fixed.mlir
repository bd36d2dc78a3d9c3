// One variant; names that the mode does not have are refused; nothing to route is left alone.
// RUN: hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-fixed --hydra-verify-routing | FileCheck %s
// RUN: not hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-fixed=variants=adaptive 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: hydra-opt %source_dir/tests/routing/Inputs/routed.mlir --hydra-route-fixed --remarks-filter=hydra-routing 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-NOT: hydra.model @m attributes
// CHECK: hydra.model @m_fixed attributes {{{.*}}hydra.entry = #hydra.entry<"", 0 x 0, "fixed">{{.*}}} {
// CHECK: hydra.recursion %{{.*}} passes 3 {hydra.routing = "fixed"}
// CHECK: hydra.depth_routing %{{.*}} {hydra.routing = "disabled"}
// CHECK: hydra.experts %{{.*}} {{{.*}}hydra.routing = "top_k"}
// CHECK-NOT: hydra.model

// NONE: routed.mlir:2:{{.*}} error: 'hydra.model' op has no variant 'adaptive' in this routing mode; there are: fixed

// REMARK: routed.mlir:7:{{.*}} remark: {{.*}}variant fixed, block 1: recursion fixed, active fraction 1.00 of passes x 1.00 of tokens, MLP FLOPs kept 100 %
