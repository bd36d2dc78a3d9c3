"""Makes tests/golden/artifact-2.0.{hydra,safetensors} again; see docs/golden-artifact.md.

    record_artifact.py BIN_DIR SOURCE_DIR

The weights are those of a short training run; the expected logits and losses come from the
interpreter in float64, not from the artifact.
"""
import array
import os
import random
import shutil
import sys

import support

NAME = "artifact-2.0"
BATCH, SEQ = 2, 32


class Recorder(support.EndToEndTest):
    """Borrows the test's directory and programs."""

    def compile(self, *flags):
        # A relative path: source locations of the artifact must not name this machine's folders.
        result = self.call("hydra-opt", os.path.join("tests", "golden", "artifact.mlir"), *flags)
        if result.status != 0:
            raise SystemExit(str(result))

    def record(self):
        artifact, spec = self.path(NAME + ".hydra"), self.source("tests", "golden", NAME)
        self.compile("--arch=x86-64-v3", f"--entry=train@{BATCH}x{SEQ}",
                     f"--entry=eval@{BATCH}x{SEQ}", "--entry=extend@1x16", "--cache=48", "-o",
                     artifact)
        data = self.make_data()
        self.run_ok("train", artifact, "--data", data, "--out", self.path("run"), "--steps", 200,
                    "--lr", 0.01)
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("w.safetensors"))
        weights = support.Safetensors.load(self.path("w.safetensors")).tensors

        text = support.read(self.path("data.txt"))
        chance = random.Random(10)
        starts = [chance.randrange(len(text) - SEQ - 1) for _ in range(BATCH)]
        tokens, targets = (("I32", [BATCH, SEQ], array.array(
            "i", [text[start + shift + i] for start in starts for i in range(SEQ)]).tobytes())
                           for shift in (0, 1))
        inputs = {"parameter/" + name: tensor for name, tensor in weights.items()}
        inputs.update({"input/tokens": tokens, "input/targets": targets})
        support.Safetensors({}, inputs).save(self.path("in.safetensors"))
        self.compile(f"--entry=eval@{BATCH}x{SEQ}", "--stop-after=routing", "--interpret",
                     "--interpret-as=f64", f"--inputs={self.path('in.safetensors')}", "-o",
                     self.path("out.safetensors"))
        results = support.Safetensors.load(self.path("out.safetensors")).tensors
        recorded = {"param." + name: tensor for name, tensor in sorted(weights.items())}
        recorded.update({"in.tokens": tokens, "in.targets": targets})
        for name in ("logits", "token_loss", "loss.ce"):
            dtype, shape, values = results["output/" + name]
            assert dtype == "F64", dtype
            recorded["out." + name] = ("F32", shape,
                                       array.array("f", array.array("d", values)).tobytes())
        support.Safetensors({"format": "hydra-artifact-golden-1"}, recorded).save(
            spec + ".safetensors")
        shutil.copy(artifact, spec + ".hydra")
        for ending in (".hydra", ".safetensors"):
            print(f"{spec + ending}: {os.path.getsize(spec + ending)} bytes")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    support.Place.bin, support.Place.source = map(os.path.abspath, sys.argv[1:])
    os.chdir(support.Place.source)
    Recorder.setUpClass()
    try:
        Recorder().record()
    finally:
        Recorder.tearDownClass()


if __name__ == "__main__":
    main()
