// plain: the model without routing, for comparison. Bytes in, bytes out, 1.4 million parameters.
//
//   tokens -> embedding -> 4 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention;  h + MLP
hydra.model @plain attributes {vocab_size = 256, dim = 192, max_seq_len = 1024} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x192xf32>

  %body = hydra.blocks %embedded count 4 as "layers" : tensor<?x?x192xf32> {
  ^bb0(%x: tensor<?x?x192xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x192xf32>
    %a = hydra.ccgqa %n1 {heads = 3, kv_heads = 1, compression = 4} : tensor<?x?x192xf32>
    %h = hydra.residual %x, %a : tensor<?x?x192xf32>
    %n2 = hydra.norm %h "norm2" : tensor<?x?x192xf32>
    %m = hydra.mlp %n2 {hidden = 512} : tensor<?x?x192xf32>
    %y = hydra.residual %h, %m : tensor<?x?x192xf32>
    hydra.yield %y : tensor<?x?x192xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x192xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x192xf32> -> tensor<?x?x256xf32>
  hydra.yield %logits : tensor<?x?x256xf32>
}
