// The parameters of a small routed model, in the order of the state dict.
// RUN: hydra-opt %s --hydra-materialize-params | FileCheck %s
// Running it again changes nothing.
// RUN: hydra-opt %s --hydra-materialize-params --hydra-materialize-params | FileCheck %s

// CHECK:      hydra.param @tok_emb.weight : tensor<16x8xf32> <normal 2.000000e-02 : f64>
// CHECK-SAME:   aliases = ["output.weight"]
// CHECK-SAME:   lr_factor = 1.000000e-01
// CHECK-NEXT: hydra.param @layers.0.attention.key_temperature : tensor<1xf32> <constant 1.4142135623730951 : f64>
// CHECK-NEXT: @layers.0.attention.qkv_proj.weight : tensor<8x8xf32>
// CHECK-NEXT: @layers.0.attention.o_proj.weight : tensor<8x4xf32>
// CHECK-SAME:   residual_scale = 0.2886751345948129
// CHECK-NEXT: @layers.0.attention.q_conv.conv1.weight : tensor<4x2x3xf32>
// CHECK-NEXT: @layers.0.attention.q_conv.conv2.weight : tensor<4x4x3xf32>
// CHECK-NEXT: @layers.0.attention.k_conv.conv1.weight : tensor<2x2x3xf32>
// CHECK-NEXT: @layers.0.attention.k_conv.conv2.weight : tensor<2x2x3xf32>
// CHECK-NEXT: @layers.0.norm1.weight
// CHECK-NEXT: @layers.0.mlp.gate_up.weight : tensor<12x8xf32> <normal 2.000000e-02 : f64>{{$}}
// CHECK-NEXT: @layers.0.mlp.down.weight : tensor<8x6xf32>
// CHECK-NEXT: @layers.0.norm2.weight
// CHECK-NEXT: @layers.0.mor_router.router.weight : tensor<1x8xf32>
// CHECK-NEXT: @layers.0.mor_router.router.bias : tensor<1xf32>
// CHECK-NEXT: @layers.0.mor_executor.recursion_bias : tensor<2x1x1x8xf32> <constant 0.000000e+00 : f64>
// CHECK-NEXT: @layers.0.mor_executor.recursion_embed.weight : tensor<2x8xf32>
// CHECK-NEXT: @layers.0.final_norm.weight
// CHECK:      @layers.1.mlp.gate_up.weight : tensor<12x8xf32>
// CHECK-SAME:   aliases = ["layers.1.mod_mlp_wrapper.mlp.gate_up.weight"]
// CHECK:      @layers.1.norm2.weight
// CHECK-NEXT: @layers.1.mod_mlp_wrapper.mod_router.router.weight : tensor<1x8xf32>
// CHECK-NEXT: @layers.1.mod_mlp_wrapper.mod_router.router.bias : tensor<1xf32> <constant 0.000000e+00 : f64>
// CHECK-NEXT: @layers.1.mor_router.router.weight
// CHECK:      @layers.2.final_norm.weight
// CHECK-NEXT: hydra.param @norm.weight
// CHECK-NOT:  hydra.param
// CHECK:      hydra.model @m
hydra.model @m attributes {vocab_size = 16, dim = 8, max_seq_len = 32} {
^bb0(%tokens: tensor<?x?xi32>):
  %0 = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x8xf32>
  %1 = hydra.blocks %0 count 3 as "layers" : tensor<?x?x8xf32> {
  ^bb0(%x: tensor<?x?x8xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x8xf32>
    %a = hydra.ccgqa %n1 {heads = 2, kv_heads = 1, compression = 2} : tensor<?x?x8xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x8xf32>
    %r = hydra.recursion %h passes 2 : tensor<?x?x8xf32> {
    ^bb0(%s: tensor<?x?x8xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x8xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.25} : tensor<?x?x8xf32> {
      ^bb0(%t: tensor<?x?x8xf32>):
        %m = hydra.mlp %t {hidden = 6} : tensor<?x?x8xf32>
        hydra.yield %m : tensor<?x?x8xf32>
      }
      hydra.yield %d : tensor<?x?x8xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x8xf32>
    hydra.yield %y : tensor<?x?x8xf32>
  }
  %2 = hydra.norm %1 "norm" : tensor<?x?x8xf32>
  %3 = hydra.lm_head %2 : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  hydra.yield %3 : tensor<?x?x16xf32>
}
