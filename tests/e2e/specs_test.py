"""Commands on model specs: shapes that fit the model, functions, the cache of compiled models."""
import os

import support

FUNCTION = """func.func @scale(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = hydra.binary <mul> %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
"""


class SpecsTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.make_data()
        cls.spec = cls.path("tiny.mlir")  # max_seq_len 64, below every default
        os.symlink(cls.source("tests", "e2e", "tiny.mlir"), cls.spec)

    def test_defaults_are_shortened_to_the_model_and_that_is_said(self):
        result = self.run_ok("train", self.spec, "--data", self.data, "--out", self.path("run"),
                             "--steps", 2)
        self.assertIn("at most 64 tokens (max_seq_len)", result.err)
        self.assertIn("train@8x64", result.err)
        self.assertIn(self.path("cache"), result.err)
        run = self.path("run")
        for arguments in (["eval", self.spec, "--data", self.data, "--batches", 2],
                          ["bench", self.spec, "--steps", 1, "--warmup", 0],
                          ["generate", self.spec, "--prompt", "a", "--tokens", 2],
                          ["eval", run, "--data", self.data, "--batches", 1],
                          ["generate", run, "--prompt", "a", "--tokens", 2]):
            with self.subTest(arguments[0]):
                self.run_ok(*arguments)
        self.run_ok("checkpoint", "export", run, "-o", self.path("w.safetensors"))
        self.run_ok("checkpoint", "import", self.path("w.safetensors"), "--model", self.spec,
                    "-o", self.path("imported"))

    def test_a_chosen_shape_is_never_changed(self):
        result = self.run_ok("eval", self.spec, "--data", self.data, "--batch", 3, "--seq", 16,
                             "--batches", 1, "--json")
        self.assertEqual((result.json()["batch"], result.json()["seq"]), (3, 16))
        self.assertEqual(result.json()["tokens"], 3 * 16)

    def test_a_checkpoint_is_evaluated_in_the_shape_that_was_asked_for(self):
        self.run_ok("train", self.spec, "--data", self.data, "--out", self.path("shapes"),
                    "--steps", 1, "--batch", 2, "--seq", 32)
        losses = [self.run_ok("eval", self.path("shapes"), "--data", self.data, "--batches", 1,
                              "--batch", batch, "--seq", 16, "--json").json()["tokens"]
                  for batch in (1, 4)]
        self.assertEqual(losses, [16, 64])

    def test_functions_are_no_models(self):
        support.write(self.path("scale.mlir"), FUNCTION.encode())
        artifact = self.path("scale.hydra")
        compiled = self.call("hydra-opt", self.path("scale.mlir"), "-o", artifact)
        self.assertEqual(compiled.status, 0, compiled)
        self.assertIn("scale", self.run_ok("inspect", artifact).out)
        report = self.run_ok("bench", artifact, "--steps", 1, "--warmup", 0, "--json").json()
        self.assertEqual([entry["entry"] for entry in report["entries"]], ["scale"])
        for arguments, says in (
                (["generate", artifact, "--prompt", "a"], "extend"),
                (["train", artifact, "--data", self.data, "--out", self.path("never")], "train"),
                (["eval", artifact, "--data", self.data], "eval")):
            with self.subTest(arguments[0]):
                result = self.call("hydra-run", *arguments)
                self.assertIn(result.status, (2, 3), result)
                self.assertIn(says, result.err, result)


if __name__ == "__main__":
    support.main(needs_compiler=True)
