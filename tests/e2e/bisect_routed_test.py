"""bisect on the demo's model with recursion, depths and experts routed: a NaN weight, an overflow in layer 3 and a bad
batch are named by op, layer and line; integers in memory, such as "no expert", are no NaNs."""
import random

import support

FAULT = "~"


class RoutedNanoTest(support.EndToEndTest):
    """The model of the demo, with recursion, depths and experts routed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.source("models", "hydra-nano-moe.mlir")
        cls.data = cls.make_data()
        cls.settings = ["--batch", 2, "--seq", 32, "--set", "mod_warmup_steps=1", "--set",
                        "mor_enable_step=2", "--set", "mor_rampup_steps=0", "--set",
                        "moe_warmup_steps=1"]
        cls.run_ok("train", cls.model, "--data", cls.data, "--out", cls.path("run"), "--steps", 4,
                   *cls.settings)
        cls.weights = cls.path("w.safetensors")
        cls.run_ok("checkpoint", "export", cls.path("run"), "-o", cls.weights)

    def planted(self, name, element, value, count=1):
        return support.Safetensors.load(self.weights).plant(
            name, element, value, count, self.path(f"{name}-{value}.safetensors"))

    def check_place(self, found, scope, text):
        self.assertTrue(found["scope"].startswith(scope), found)
        line = int(found["location"].rsplit(":", 1)[1])
        self.assertIn(text, support.read(self.model).decode().splitlines()[line - 1], found)

    def test_a_healthy_step(self):
        result = self.call("hydra-run", "bisect", self.path("run"))
        self.assertEqual(result.status, 1, result)
        self.assertIn("every result of the step is finite", result.out)

    def test_a_nan_weight(self):
        # The first to read an expert's weights is what measures how far experts differ, not a product.
        for weight, scope, op, text in (
                ("layers.2.mlp.down.weight", "layers.2.pass.0.mlp", "matmul", "hydra.mlp"),
                ("moe_layers.0.experts.1.gate_up.weight", "moe_layers.0", "", "hydra.")):
            weights = self.planted(weight, 37, float("nan"))
            found = self.run_ok("bisect", self.path("run"), "--weights", weights, "--json").json()
            self.assertEqual([row["name"] for row in found["not_finite_before"]], [weight])
            bad = found["not_finite"]
            self.assertIn(op, bad["op"])
            self.check_place(bad, scope, text)
            self.assertIn(f"parameter {weight}", [value["name"] for value in bad["operands"]])

    def test_an_overflow_in_layer_3(self):
        weights = self.planted("layers.3.mlp.gate_up.weight", 0, 1e38, 1024 * 192)
        found = self.run_ok("bisect", self.path("run"), "--weights", weights, "--json").json()
        self.assertEqual(found["not_finite_before"], [])
        self.check_place(found["not_finite"], "layers.3", "hydra.mlp")

    def test_a_bad_batch(self):
        weights = self.planted("tok_emb.weight", 192 * ord(FAULT), 1e30, 192)
        text = bytearray(support.read(self.path("data.txt")))
        for place in random.Random(1).sample(range(len(text)), 40):
            text[place] = ord(FAULT)
        support.write(self.path("faulty.txt"), bytes(text))
        self.run_ok("data", "text", self.path("faulty.txt"), "--out", self.path("faulty"))
        run = self.path("broken")
        self.fails(5, "train", self.model, "--data", self.path("faulty"), "--out", run, "--weights",
                   weights, "--steps", 200, *self.settings, says="gradient norm")
        found = self.run_ok("bisect", run, "--json").json()
        self.assertEqual(found["not_finite_before"], [])
        self.assertIsNotNone(found["not_finite"])
        # The large row is named where it comes in.
        self.check_place(found["outlying"], "tok_emb", "hydra.token_embedding")


if __name__ == "__main__":
    support.main(needs_compiler=True)
