// The model of the end-to-end tests: bytes in, bytes out, a few thousand parameters, compiled in a moment.
//
//   tokens -> embedding -> 2 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention;  h + MLP
hydra.model @tiny attributes {vocab_size = 256, dim = 16, max_seq_len = 64} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %body = hydra.blocks %embedded count 2 as "layers" : tensor<?x?x16xf32> {
  ^bb0(%x: tensor<?x?x16xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x16xf32>
    %a = hydra.ccgqa %n1 {heads = 2, kv_heads = 1, compression = 2} : tensor<?x?x16xf32>
    %h = hydra.residual %x, %a : tensor<?x?x16xf32>
    %n2 = hydra.norm %h "norm2" : tensor<?x?x16xf32>
    %m = hydra.mlp %n2 {hidden = 32} : tensor<?x?x16xf32>
    %y = hydra.residual %h, %m : tensor<?x?x16xf32>
    hydra.yield %y : tensor<?x?x16xf32>
  }
  %normed = hydra.norm %body "norm" : tensor<?x?x16xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x16xf32> -> tensor<?x?x256xf32>
  hydra.yield %logits : tensor<?x?x256xf32>
}
