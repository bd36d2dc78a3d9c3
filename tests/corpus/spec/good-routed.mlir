// hydra-nano-moe: hydra-nano with a layer of experts; bytes in, bytes out. All three kinds of routing at once, small
// enough to learn English on a laptop.
//
//   tokens -> embedding -> 4 blocks -> norm -> logits (tied to the embedding)
//   block:  h = x + attention / 2;  up to two passes of the MLP over h;  norm;  behind block 1 one of four experts
//
// The rules of the PyTorch HYDRA leave routers without a gradient from the task; these give it to them
// (docs/spec/model.md 15).
hydra.model @hydra_nano_moe attributes {vocab_size = 256, dim = 192, max_seq_len = 1024,
                                        rules = "Q1,Q3,Q4,Q10,Q12,Q13"} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x192xf32>

  %body = hydra.blocks %embedded count 4 as "layers" : tensor<?x?x192xf32> {
  ^bb0(%x: tensor<?x?x192xf32>):
    // Attention in a space of 48 channels: 3 query heads of width 16 share one key and value head.
    %n1 = hydra.norm %x "norm1" : tensor<?x?x192xf32>
    %a = hydra.ccgqa %n1 {heads = 3, kv_heads = 1, compression = 4} : tensor<?x?x192xf32>
    %h = hydra.residual %x, %a {scale = 0.5} : tensor<?x?x192xf32>

    // A token makes the passes that its router asks for (mixture of recursions); in the inner blocks a pass takes the
    // two fifths of the tokens that its router picks (mixture of depths).
    %r = hydra.recursion %h passes 2 : tensor<?x?x192xf32> {
    ^bb0(%s: tensor<?x?x192xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x192xf32>
      %d = hydra.depth_routing %n2 capacity 0.4 {aux_weight = 0.01} : tensor<?x?x192xf32> {
      ^bb0(%t: tensor<?x?x192xf32>):
        %m = hydra.mlp %t {hidden = 512} : tensor<?x?x192xf32>
        hydra.yield %m : tensor<?x?x192xf32>
      }
      hydra.yield %d : tensor<?x?x192xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x192xf32>

    // Each token goes to one of four smaller MLPs (mixture of experts).
    %e = hydra.experts %y experts 4 layers 1 : tensor<?x?x192xf32> {
    ^bb0(%t: tensor<?x?x192xf32>):
      %m = hydra.mlp %t {hidden = 256, name = ""} : tensor<?x?x192xf32>
      hydra.yield %m : tensor<?x?x192xf32>
    }
    hydra.yield %e : tensor<?x?x192xf32>
  }

  %normed = hydra.norm %body "norm" : tensor<?x?x192xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x192xf32> -> tensor<?x?x256xf32>
  hydra.yield %logits : tensor<?x?x256xf32>
}
