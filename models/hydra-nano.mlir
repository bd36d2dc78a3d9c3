// hydra-nano: bytes in, bytes out, 1.4 million parameters. Small enough to learn English on a laptop.
//
//   tokens -> embedding -> 4 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  two passes of the MLP over h;  norm
hydra.model @hydra_nano attributes {vocab_size = 256, dim = 192, max_seq_len = 1024} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x192xf32>

  %body = hydra.blocks %embedded count 4 as "layers" : tensor<?x?x192xf32> {
  ^bb0(%x: tensor<?x?x192xf32>):
    // Attention in a space of 48 channels: 3 query heads of width 16 share one key and value head.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x192xf32>
    %a = hydra.ccgqa %n1 {heads = 3, kv_heads = 1, compression = 4} : tensor<?x?x192xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x192xf32>

    // The MLP makes up to two passes over each token (mixture of recursions); in the inner blocks each pass
    // takes the half of the tokens that its router picks (mixture of depths).
    %r = hydra.recursion %h passes 2 : tensor<?x?x192xf32> {
    ^bb0(%s: tensor<?x?x192xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x192xf32>
      %d = hydra.depth_routing %n2 capacity 0.5 {aux_weight = 0.01} : tensor<?x?x192xf32> {
      ^bb0(%t: tensor<?x?x192xf32>):
        %m = hydra.mlp %t {hidden = 512} : tensor<?x?x192xf32>
        hydra.yield %m : tensor<?x?x192xf32>
      }
      hydra.yield %d : tensor<?x?x192xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x192xf32>
    hydra.yield %y : tensor<?x?x192xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x192xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x192xf32> -> tensor<?x?x256xf32>
  hydra.yield %logits : tensor<?x?x256xf32>
}
