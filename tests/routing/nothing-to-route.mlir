// What does not depend on the mode compiles under every mode, without an attribute: fixed
// recursion, and depth routing in blocks of which none has a router.
// RUN: hydra-opt %s --hydra-decide-routing=mode=dynamic 2>&1 | FileCheck %s
// RUN: hydra-opt %s --hydra-decide-routing 2>&1 | FileCheck %s

// CHECK-NOT: {{warning|error}}
// CHECK-NOT: module attributes
// CHECK: func.func @f
func.func @f(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  %0 = hydra.blocks %x count 2 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%y: tensor<?x?x4xf32>):
    %r = hydra.recursion %y passes 3 {adaptive = false} : tensor<?x?x4xf32> {
    ^bb1(%s: tensor<?x?x4xf32>):
      %d = hydra.depth_routing %s capacity 0.5 : tensor<?x?x4xf32> {
      ^bb2(%u: tensor<?x?x4xf32>):
        hydra.yield %u : tensor<?x?x4xf32>
      }
      hydra.yield %d : tensor<?x?x4xf32>
    }
    %o = hydra.recursion %r passes 1 {adaptive = false} : tensor<?x?x4xf32> {
    ^bb1(%s: tensor<?x?x4xf32>):
      hydra.yield %s : tensor<?x?x4xf32>
    }
    hydra.yield %o : tensor<?x?x4xf32>
  }
  return %0 : tensor<?x?x4xf32>
}
