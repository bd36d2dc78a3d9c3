// A block of a spec's own: gated attention on primitives, values delayed and convolved, called twice.
hydra.model @own attributes {vocab_size = 13, dim = 16, max_seq_len = 11} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens {scale = 1.0} : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %positions = hydra.position_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %start = hydra.residual %embedded, %positions : tensor<?x?x16xf32>
  %body = hydra.blocks %start count 2 as "layers" : tensor<?x?x16xf32> {
  ^bb0(%x: tensor<?x?x16xf32>):
    %n = hydra.layer_norm %x "norm1" : tensor<?x?x16xf32>
    %a = hydra.gqa %n {heads = 4, kv_heads = 2, bias = true} : tensor<?x?x16xf32>
    %h = hydra.residual %x, %a : tensor<?x?x16xf32>
    %f, %gate = hydra.call @first(%h) as "mix1" : (tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>, tensor<?x?x16xf32>)
    %s, %unused = hydra.call @first(%f) as "mix2" : (tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>, tensor<?x?x16xf32>)
    %open = hydra.binary <mul> %s, %gate : (tensor<?x?x16xf32>, tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
    %y = hydra.residual %h, %open : tensor<?x?x16xf32>
    hydra.yield %y : tensor<?x?x16xf32>
  }
  %normed = hydra.norm %body "norm" : tensor<?x?x16xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x16xf32> -> tensor<?x?x13xf32>
  hydra.yield %logits : tensor<?x?x13xf32>
}

func.func private @first(%x: tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>, tensor<?x?x16xf32>) {
  %table = hydra.rope_table {positions = 11 : i64, head_dim = 8 : i64, theta = 500.0 : f64} : () -> tensor<11x8xf32>
  %qk = hydra.linear %x "qk" : tensor<?x?x16xf32> -> tensor<?x?x32xf32>
  %q, %k = hydra.split %qk {sizes = array<i64: 16, 16>} : (tensor<?x?x32xf32>) -> (tensor<?x?x16xf32>, tensor<?x?x16xf32>)
  %qn = hydra.l2_norm %q {heads = 2 : i64, eps = 1.0e-6 : f64} : (tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  %qr = hydra.rope %qn, %table : (tensor<?x?x16xf32>, tensor<11x8xf32>) -> tensor<?x?x16xf32>
  %kr = hydra.rope %k, %table : (tensor<?x?x16xf32>, tensor<11x8xf32>) -> tensor<?x?x16xf32>
  // A filter per channel group, and the latter half of the channels one step late.
  %filter = hydra.weight "filter" {init = #hydra.init<normal 0.3>} : tensor<16x4x3xf32>
  %late = hydra.shift %x {from_channel = 8 : i64} : (tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  %v = hydra.causal_conv %late, %filter : (tensor<?x?x16xf32>, tensor<16x4x3xf32>) -> tensor<?x?x16xf32>
  %a, %lse = hydra.attention %qr, %kr, %v {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f64} : (tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>, tensor<?x?x2xf32>)
  %gate = hydra.call @gate(%x) as "gate" : (tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  return %a, %gate : tensor<?x?x16xf32>, tensor<?x?x16xf32>
}

// A weight made of two others: what tokens have no part in may be any primitive.
func.func private @gate(%x: tensor<?x?x16xf32>) -> tensor<?x?x16xf32> {
  %down = hydra.weight "down" : tensor<2x16xf32>
  %up = hydra.weight "up" {init = #hydra.init<constant 0.5>, lr_factor = 2.0, decay_factor = 0.0} : tensor<16x2xf32>
  %matrix = hydra.matmul %up, %down : (tensor<16x2xf32>, tensor<2x16xf32>) -> tensor<16x16xf32>
  %z = hydra.matmul %x, %matrix {transpose_b} : (tensor<?x?x16xf32>, tensor<16x16xf32>) -> tensor<?x?x16xf32>
  %g = hydra.unary <gelu> %z : (tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  return %g : tensor<?x?x16xf32>
}
