// Which mode a module gets: what the model asks for, dynamic if it asks for nothing, or one of the three.
// RUN: hydra-opt %s --hydra-decide-routing 2>&1 | FileCheck %s --check-prefix=STATIC
// RUN: sed 's/, hydra.routing = "static"//' %s | hydra-opt --hydra-decide-routing 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// RUN: hydra-opt %s --hydra-decide-routing=mode=fixed 2>&1 | FileCheck %s --check-prefix=FIXED
// RUN: hydra-opt %s --hydra-decide-routing=mode=dynamic 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// RUN: hydra-opt %s --hydra-decide-routing=mode=static 2>&1 | FileCheck %s --check-prefix=STATIC
// RUN: not hydra-opt %s --hydra-decide-routing=mode=fast 2>&1 | FileCheck %s --check-prefix=MODE

// FIXED: module attributes {hydra.routing = "fixed"}
// DYNAMIC: module attributes {hydra.routing = "dynamic"}
// STATIC: module attributes {hydra.routing = "static"}

// MODE: expected the routing mode fixed, static or dynamic, found 'fast'

hydra.model @m attributes {vocab_size = 8, dim = 4, max_seq_len = 8, hydra.routing = "static"} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x4xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x4xf32> {
  ^bb0(%x: tensor<?x?x4xf32>):
    %r = hydra.recursion %x passes 2 : tensor<?x?x4xf32> {
    ^bb1(%s: tensor<?x?x4xf32>):
      %d = hydra.depth_routing %s capacity 0.5 : tensor<?x?x4xf32> {
      ^bb2(%u: tensor<?x?x4xf32>):
        %m = hydra.mlp %u {hidden = 8} : tensor<?x?x4xf32>
        hydra.yield %m : tensor<?x?x4xf32>
      }
      hydra.yield %d : tensor<?x?x4xf32>
    }
    hydra.yield %r : tensor<?x?x4xf32>
  }
  %2 = hydra.lm_head %1 : tensor<?x?x4xf32> -> tensor<?x?x8xf32>
  hydra.yield %2 : tensor<?x?x8xf32>
}
