"""bisect: planted faults are found by op, scope and line of the spec, with the statistics of operands and
results. The faults: a NaN weight, an overflow in layer 3, a batch that alone overflows."""
import os
import random

import support

FAULT = "~"
BLOCKS = 4
SPEC = support.overflowing_model("planted", BLOCKS)


class BisectTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spec = cls.path("spec.mlir")
        support.write(cls.spec, SPEC.encode())
        cls.data = cls.make_data()
        cls.shape = ["--batch", 2, "--seq", 16]
        cls.run_ok("train", cls.spec, "--data", cls.data, "--out", cls.path("run"), "--steps", 3,
                   *cls.shape)
        cls.weights = cls.path("w.safetensors")
        cls.run_ok("checkpoint", "export", cls.path("run"), "-o", cls.weights)

    def planted(self, name, element, value, count=1):
        """The weights with a fault in them, as a file."""
        return support.Safetensors.load(self.weights).plant(
            name, element, value, count, self.path(f"{name}-{value}.safetensors"))

    def line_of(self, text):
        return next(i for i, line in enumerate(SPEC.splitlines(), 1) if text in line)

    def check_place(self, found, scope, text):
        self.assertEqual(found["scope"], scope, found)
        self.assertTrue(found["location"].endswith(f".mlir:{self.line_of(text)}"), found)
        self.assertIn(text, found["source"])

    def test_a_healthy_step(self):
        for more in ([], ["--as-compiled"]):
            result = self.call("hydra-run", "bisect", self.path("run"), *more)
            self.assertEqual(result.status, 1, result)
            self.assertIn("every result of the step is finite", result.out)
            self.assertNotIn("beyond", result.out)

    def test_a_nan_weight(self):
        weights = self.planted("layers.2.mlp.down.weight", 37, float("nan"))
        found = self.run_ok("bisect", self.path("run"), "--weights", weights, "--json").json()
        self.assertEqual(found["step"], 3)
        self.assertEqual([(row["name"], row["value"]["nan"], row["value"]["first_bad"])
                          for row in found["not_finite_before"]],
                         [("layers.2.mlp.down.weight", 1, 37)])
        bad = found["not_finite"]
        self.assertEqual(bad["op"], "matmul")
        self.check_place(bad, "layers.2.mlp", "hydra.mlp")
        operands = {value["name"]: value["after"] for value in bad["operands"]}
        self.assertEqual(operands["parameter layers.2.mlp.down.weight"]["nan"], 1)
        self.assertEqual(sum(value["nan"] for name, value in operands.items()
                             if not name.startswith("parameter")), 0)
        # One column of every row, and nothing is infinite.
        self.assertEqual(bad["results"][0]["after"]["nan"], 2 * 16)
        self.assertEqual(bad["results"][0]["before"]["nan"], 0)
        text = self.run_ok("bisect", self.path("run"), "--weights", weights).out
        self.assertIn("not finite before the step: layers.2.mlp.down.weight: 512 values", text)
        self.assertIn("op         matmul of layers.2.mlp", text)

    def test_an_overflow_in_layer_3(self):
        weights = self.planted("layers.3.mlp.gate_up.weight", 0, 1e38, 64 * 16)
        found = self.run_ok("bisect", self.path("run"), "--weights", weights, "--json").json()
        self.assertEqual(found["not_finite_before"], [])
        bad = found["not_finite"]
        self.check_place(bad, "layers.3.mlp", "hydra.mlp")
        self.assertGreater(bad["results"][0]["after"]["infinite"] +
                           bad["results"][0]["after"]["nan"], 0)
        for value in bad["operands"]:
            self.assertEqual(value["after"]["infinite"] + value["after"]["nan"], 0, value)
        # Before it overflows it is large, in the same layer.
        self.assertEqual(found["outlying"]["scope"], "layers.3.mlp")
        self.assertLessEqual(found["outlying"]["number"], bad["number"])
        # The fused artifact says the same place.
        fused = self.run_ok("bisect", self.path("run"), "--weights", weights, "--as-compiled",
                            "--json").json()["not_finite"]
        self.assertEqual(fused["scope"], "layers.3.mlp")

    def test_a_bad_batch(self):
        """A run ends at the batch with the fault; its checkpoint alone tells where and why."""
        weights = self.planted("tok_emb.weight", 16 * ord(FAULT), 1e30, 16)
        text = bytearray(support.read(self.path("data.txt")))
        for place in random.Random(1).sample(range(len(text)), 60):
            text[place] = ord(FAULT)
        support.write(self.path("faulty.txt"), bytes(text))
        self.run_ok("data", "text", self.path("faulty.txt"), "--out", self.path("faulty"))
        run = self.path("broken")
        self.fails(5, "train", self.spec, "--data", self.path("faulty"), "--out", run, "--weights",
                   weights, "--steps", 400, "--accum", 2, *self.shape, says="gradient norm")
        step = self.run_ok("inspect", run, "--json").json()["step"]
        found = self.run_ok("bisect", run, "--json").json()
        self.assertEqual(found["step"], step)
        self.assertEqual(found["not_finite_before"], [])
        bad = found["not_finite"]
        self.check_place(bad, "layers.0.mlp", "hydra.mlp")
        self.assertEqual(found["position"]["token"], ord(FAULT))
        self.assertIsNotNone(bad["micro_batch"])
        # The large row comes first, and is named as outlying.
        self.assertEqual(found["outlying"]["scope"], "tok_emb")
        self.assertEqual(found["outlying"]["location"].rsplit(":", 1)[1],
                         str(self.line_of("hydra.token_embedding")))
        # The batch before it is healthy, with the same weights.
        if step > 0:
            self.assertEqual(self.call("hydra-run", "bisect", run, "--step", step - 1).status, 1)

    def test_refusals(self):
        artifact = self.make_artifact()
        # What it leaves is seen where nobody else works.
        scratch = self.environment["TMPDIR"] = self.path("scratch")
        self.addCleanup(self.environment.pop, "TMPDIR")
        os.mkdir(scratch)
        self.fails(2, "bisect", artifact, says="--data")
        self.fails(3, "bisect", self.path("none"), says="none")
        self.assertEqual(self.call("hydra-run", "bisect", artifact, "--data", self.data, "--batch",
                                   2, "--seq", 32).status, 1)
        self.assertEqual(os.listdir(scratch), [])


if __name__ == "__main__":
    support.main(needs_compiler=True)
