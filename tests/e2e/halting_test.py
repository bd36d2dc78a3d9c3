"""train: a step that is not finite ends the run with the state of that step, whatever the record lag, and
the run that goes on from there is the one that never stopped.

The fault is in the data: the embedding of one byte is so large that a batch with it overflows. Data
without the byte are the same up to that batch, so that a run on them is the one that never stopped.
"""
import json
import os
import random

import support

STEPS = 24
FAULT = "~"
STATE = ("weights.safetensors", "optimizer.safetensors", "control_state.safetensors")
SPEC = support.overflowing_model("overflowing", 1)


class HaltingTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        spec, cls.artifact = cls.path("spec.mlir"), cls.path("model.hydra")
        support.write(spec, SPEC.encode())
        compiled = cls.call("hydra-opt", spec, "-o", cls.artifact, "--entry=train@2x16")
        if compiled.status != 0:
            raise AssertionError(f"the model does not compile{compiled}")
        cls.clean = cls.make_data("clean")
        cls.run_ok("train", cls.artifact, "--data", cls.clean, "--out", cls.path("first"),
                   "--steps", 1, "--lr", 1e-6)
        cls.run_ok("checkpoint", "export", cls.path("first"), "-o", cls.path("w.safetensors"))
        weights = support.Safetensors.load(cls.path("w.safetensors"))
        table = weights.floats("tok_emb.weight")
        table[16 * ord(FAULT):16 * (ord(FAULT) + 1)] = type(table)("f", [1e30] * 16)
        weights.set_floats("tok_emb.weight", table)
        weights.save(cls.path("w.safetensors"))
        cls.data, cls.step = cls.failing_data()

    @classmethod
    def faulty_data(cls, seed):
        """The clean text with the fault in a few places."""
        text = bytearray(support.read(cls.path("clean.txt")))
        for place in random.Random(seed).sample(range(len(text)), 8):
            text[place] = ord(FAULT)
        name = f"faulty{seed}"
        support.write(cls.path(name + ".txt"), bytes(text))
        cls.run_ok("data", "text", cls.path(name + ".txt"), "--out", cls.path(name))
        return cls.path(name)

    @classmethod
    def flags(cls, data, out, lag):
        return ["train", cls.artifact, "--data", data, "--out", cls.path(out), "--steps", STEPS,
                "--accum", 2, "--lr", 0.01, "--weights", cls.path("w.safetensors"),
                "--set", "save_interval=8", "--set", "keep_checkpoints=0",
                "--set", f"record_lag={lag}"]

    def state(self, out, step):
        files = support.files_of(self.path(out, "checkpoints", f"step-{step:08d}"))
        return {name: files[name] for name in STATE}

    @classmethod
    def failing_data(cls):
        """Data whose first bad step is neither at the start nor at the end, and that step."""
        for seed in range(20):
            data = cls.faulty_data(seed)
            result = cls.call("hydra-run", *cls.flags(data, f"seek{seed}", 1))
            if result.status == 5:
                run = os.path.join(cls.path(f"seek{seed}"), "checkpoints", "latest", "run.json")
                step = json.loads(support.read(run))["step"]
                if 8 < step < 20 and step != 16:
                    return data, step
            elif result.status != 0:
                raise AssertionError(f"expected exit status 0 or 5{result}")
        raise AssertionError("no data with a fault in the middle of the run")

    def test_the_lag_does_not_show(self):
        data, step = self.data, self.step
        self.run_ok(*self.flags(self.clean, "unbroken1", 1))
        halted = None
        for lag in (1, 2, 4):
            with self.subTest(lag=lag):
                out = f"lag{lag}"
                self.fails(5, *self.flags(data, out, lag), says=[f"step {step}", "--resume"])
                found = self.state(out, step)
                halted = halted or found
                self.assertEqual(found, halted)
                # The fault is gone; the run goes on as if there had been none.
                result = self.run_ok("train", self.artifact, "--data", self.clean, "--out",
                                     self.path(out), "--resume")
                self.assertIn(f"resuming at step {step}", result.err)
                self.run_ok(*self.flags(self.clean, f"unbroken{lag}", lag), "--resume=auto")
                for at in (16, STEPS):
                    if at > step:
                        self.assertEqual(self.state(out, at), self.state("unbroken1", at))
                        self.assertEqual(self.state(f"unbroken{lag}", at),
                                         self.state("unbroken1", at))

    def test_with_the_fault_still_there_nothing_is_lost(self):
        data, step, out = self.data, self.step, "again"
        self.fails(5, *self.flags(data, out, 2), says=f"step {step}")
        before = self.state(out, step)
        self.fails(5, "train", self.artifact, "--data", data, "--out", self.path(out), "--resume",
                   says=f"step {step}")
        self.assertEqual(self.state(out, step), before)


if __name__ == "__main__":
    support.main(needs_compiler=True)
