"""Blocks of a spec's own: a routed model whose MLP is written out is the model with hydra.mlp, in training, evaluation and
decoding; and what a spec holds that cannot be decoded is said with its line."""
import support

# A model with every kind of routing; BLOCK is its MLP.
SPEC = """hydra.model @routed attributes {vocab_size = 256, dim = 16, max_seq_len = 64} {
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %body = hydra.blocks %embedded count 3 as "layers" : tensor<?x?x16xf32> {
  ^bb0(%x: tensor<?x?x16xf32>):
    %n1 = hydra.norm %x "norm1" : tensor<?x?x16xf32>
    %a = hydra.gqa %n1 {heads = 2, kv_heads = 1} : tensor<?x?x16xf32>
    %h = hydra.residual %x, %a : tensor<?x?x16xf32>
    %r = hydra.recursion %h passes 3 : tensor<?x?x16xf32> {
    ^bb0(%s: tensor<?x?x16xf32>):
      %n2 = hydra.norm %s "norm2" : tensor<?x?x16xf32>
      ROUTED
      hydra.yield %d : tensor<?x?x16xf32>
    }
    %y = hydra.norm %r "final_norm" : tensor<?x?x16xf32>
    hydra.yield %y : tensor<?x?x16xf32>
  }
  %normed = hydra.norm %body "norm" : tensor<?x?x16xf32>
  %logits = hydra.lm_head %normed : tensor<?x?x16xf32> -> tensor<?x?x256xf32>
  hydra.yield %logits : tensor<?x?x256xf32>
}
"""
DEPTH = """%d = hydra.depth_routing %n2 capacity 0.5 : tensor<?x?x16xf32> {
      ^bb0(%t: tensor<?x?x16xf32>):
        %m = BLOCK(%t)
        hydra.yield %m : tensor<?x?x16xf32>
      }"""
RECURSION_ALONE = "%d = BLOCK(%n2)"
BUILT_IN = "hydra.mlp %t {hidden = 32} : tensor<?x?x16xf32>"
CALLED = 'hydra.call @swiglu(%t) as "mlp" : (tensor<?x?x16xf32>) -> tensor<?x?x16xf32>'
FUNCTION = """
func.func private @swiglu(%x: tensor<?x?x16xf32>) -> tensor<?x?x16xf32> {
  %both = hydra.linear %x "gate_up" : tensor<?x?x16xf32> -> tensor<?x?x64xf32>
  %gate, %up = hydra.split %both {sizes = array<i64: 32, 32>}
    : (tensor<?x?x64xf32>) -> (tensor<?x?x32xf32>, tensor<?x?x32xf32>)
  %silu = hydra.unary <silu> %gate : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %inner = hydra.binary <mul> %silu, %up : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %down = hydra.weight "down.weight" {residual = true} : tensor<16x32xf32>
  %y = hydra.matmul %inner, %down {transpose_b} : (tensor<?x?x32xf32>, tensor<16x32xf32>) -> tensor<?x?x16xf32>
  return %y : tensor<?x?x16xf32>
}
"""
# Everything routes from the second step on.
SETTINGS = ["mor_enable_step=1", "mor_rampup_steps=1"]


class OwnBlocksTest(support.EndToEndTest):

    def spec(self, name, routed, block):
        operand = "%t" if "%t" in routed else "%n2"
        routed = routed.replace(f"BLOCK({operand})", block.replace("%t", operand))
        path = self.path(name + ".mlir")
        support.write(path, (SPEC.replace("ROUTED", routed) + (FUNCTION if "call" in block else "")).encode())
        return path

    def trained(self, name, spec, settings):
        out = self.path(name)
        settings = [part for setting in settings for part in ("--set", setting)]
        self.run_ok("train", spec, "--data", self.data, "--out", out, "--steps", 4, "--batch", 2, "--seq", 32,
                    "--lr", 0.01, *settings)
        weights = self.path(name + ".safetensors")
        self.run_ok("checkpoint", "export", out, "-o", weights)
        text = self.run_ok("generate", out, "--prompt", "in the beginning", "--tokens", 12).out
        loss = self.run_ok("eval", out, "--data", self.data, "--batches", 2, "--json").json()["loss"]
        return support.Safetensors.load(weights), text, loss

    def test_an_mlp_written_out_is_the_mlp(self):
        self.data = self.make_data()
        for kind, routed, more in (("depth", DEPTH, ["mod_warmup_steps=1"]), ("recursion", RECURSION_ALONE, [])):
            with self.subTest(kind):
                want, want_text, want_loss = self.trained(
                    kind + "-built-in", self.spec(kind + "-a", routed, BUILT_IN), SETTINGS + more)
                got, text, loss = self.trained(
                    kind + "-called", self.spec(kind + "-b", routed, CALLED), SETTINGS + more)
                self.assertEqual(sorted(want.tensors), sorted(got.tensors))
                # Of a movement of 0.04; sums are taken in another order.
                for tensor in want.tensors:
                    for a, b in zip(want.floats(tensor), got.floats(tensor)):
                        self.assertAlmostEqual(a, b, delta=3e-4, msg=tensor)
                self.assertAlmostEqual(loss, want_loss, delta=1e-5)
                self.assertEqual(text, want_text)

    def test_what_cannot_be_decoded_is_said_with_its_line(self):
        path = self.spec("global", RECURSION_ALONE, CALLED)
        text = support.read(path).decode().replace(
            "  return %y :", "  %s = hydra.reduce <max> <leading> %y : (tensor<?x?x16xf32>) -> tensor<16xf32>\n"
            "  %z = hydra.binary <add> %y, %s : (tensor<?x?x16xf32>, tensor<16xf32>) -> tensor<?x?x16xf32>\n"
            "  return %z :")
        support.write(path, text.encode())
        line = text[:text.index("%s = hydra.reduce")].count("\n") + 1
        trains = self.call("hydra-opt", path, "--entry=train@2x8", "--routing=fixed", "-o", self.path("a.hydra"))
        self.assertEqual(trains.status, 0, trains)
        refused = self.call("hydra-opt", path, "--entry=extend@1x1", "--cache=16", "-o", self.path("b.hydra"))
        self.assertEqual(refused.status, 1, refused)
        self.assertIn(f"global.mlir:{line}:", refused.err)
        self.assertIn("compile without extend entries", refused.err)


if __name__ == "__main__":
    support.main(needs_compiler=True)
