// Named values become inputs; the mask of a selection follows its index.
// RUN: hydra-opt %s --hydra-inject=inject='route.*' --canonicalize | FileCheck %s
// RUN: not hydra-opt %s --hydra-inject=inject='nothing.*' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not hydra-opt %s --hydra-inject=inject='[' 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not hydra-opt %s --hydra-inject=inject=y 2>&1 | FileCheck %s --check-prefix=RETURNED
// RUN: not hydra-opt %s --hydra-inject=inject=sort 2>&1 | FileCheck %s --check-prefix=SEVERAL

// NONE: error: inject pattern 'nothing.*' matches none of 5 named values
// NONE: note: {{.*}}named values: route.depth, route.index, route.depth, sort, y
// GLOB: error: inject pattern '[' is not a glob pattern
// RETURNED: error: 'hydra.unary' op cannot be injected as 'y': the entry returns it
// SEVERAL: error: 'hydra.counting_sort' op cannot be injected as 'sort': its other results are used, too

// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[DEPTH:[a-z0-9]+]]: tensor<2x3xi32> {hydra.binding = #hydra.binding<input "inject.route.depth">}
// CHECK-SAME: %[[INDEX:[a-z0-9]+]]: tensor<2x1xi32> {hydra.binding = #hydra.binding<input "inject.route.index">}
// CHECK-SAME: %[[AGAIN:[a-z0-9]+]]: tensor<2x3xi32> {hydra.binding = #hydra.binding<input "inject.route.depth.2">}
func.func @f(%x: tensor<2x3xf32>) -> (tensor<2x3xf32> {hydra.binding = #hydra.binding<output "y">}) {
  // CHECK: %[[STARTS:.*]] = hydra.constant dense<{{\[\[}}0], [3]]>
  // CHECK-NOT: hydra.top_k
  // CHECK: %[[ROWS:.*]] = hydra.reshape %[[INDEX]]
  // CHECK: %[[PLACES:.*]] = hydra.binary <add> %[[ROWS]], %[[STARTS]]
  // CHECK: %[[FLAT:.*]] = hydra.reshape %[[PLACES]] {{.*}} -> tensor<2xi32>
  // CHECK: hydra.scatter_rows %{{.*}}, %[[FLAT]] {{.*}}size = 6 {{.*}}unique
  // CHECK: hydra.cast
  // CHECK: hydra.binary <add> %[[DEPTH]], %[[AGAIN]]
  %d = hydra.cast %x {element_type = i32, hydra.probe = "route.depth"} : (tensor<2x3xf32>) -> tensor<2x3xi32>
  %index, %chosen = hydra.top_k %x {k = 1 : i64, hydra.probe = "route.index"} : (tensor<2x3xf32>) -> (tensor<2x1xi32>, tensor<2x3xi32>)
  %e = hydra.cast %x {element_type = i32, hydra.probe = "route.depth"} : (tensor<2x3xf32>) -> tensor<2x3xi32>
  %s = hydra.binary <add> %d, %e : (tensor<2x3xi32>, tensor<2x3xi32>) -> tensor<2x3xi32>
  %m = hydra.binary <mul> %s, %chosen : (tensor<2x3xi32>, tensor<2x3xi32>) -> tensor<2x3xi32>
  %f = hydra.cast %m {element_type = f32} : (tensor<2x3xi32>) -> tensor<2x3xf32>
  %key = hydra.reshape %d {shape = array<i64: 6>} : (tensor<2x3xi32>) -> tensor<6xi32>
  %order, %offsets = hydra.counting_sort %key {classes = 3 : i64, hydra.probe = "sort"} : (tensor<6xi32>) -> (tensor<6xi32>, tensor<4xi32>)
  %o0 = hydra.reshape %order {shape = array<i64: 2, 3>} : (tensor<6xi32>) -> tensor<2x3xi32>
  %o1:2 = hydra.split %offsets {sizes = array<i64: 1, 3>} : (tensor<4xi32>) -> (tensor<1xi32>, tensor<3xi32>)
  %o2 = hydra.binary <add> %o0, %o1#1 : (tensor<2x3xi32>, tensor<3xi32>) -> tensor<2x3xi32>
  %o3 = hydra.cast %o2 {element_type = f32} : (tensor<2x3xi32>) -> tensor<2x3xf32>
  %g = hydra.binary <add> %f, %o3 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = hydra.unary <exp> %g {hydra.probe = "y"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
