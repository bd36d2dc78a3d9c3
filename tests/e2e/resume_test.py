"""train: a run that is stopped and resumed is the run that never stopped, bit for bit."""
import json
import os
import random
import signal
import subprocess
import time

import support

STEPS = 20
LAST = f"step-{STEPS:08d}"


class ResumeTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.train("whole")

    @classmethod
    def flags(cls, out, seed=1, steps=STEPS):
        return ["train", cls.artifact, "--data", cls.data, "--out", cls.path(out), "--steps", steps,
                "--batch", 2, "--seq", 32, "--accum", 2, "--lr", 0.01, "--seed", seed,
                "--set", "eval_interval=5"]

    @classmethod
    def train(cls, out, *more, **options):
        return cls.run_ok(*cls.flags(out, **options), *more)

    def checkpoint(self, out, step=LAST):
        return support.files_of(self.path(out, "checkpoints", step))

    def steps_of(self, out):
        """Step records of the journal by step."""
        lines = support.read(self.path(out, "steps.jsonl")).decode().splitlines()
        return {record["step"]: record for record in map(json.loads, lines)
                if record["event"] == "step"}

    def test_stopped_anywhere_and_resumed(self):
        whole = self.checkpoint("whole")
        for name in ("weights.safetensors", "optimizer.safetensors", "control_state.safetensors",
                     "run.json", "manifest.json", "model.hydra"):
            self.assertIn(name, whole)
        for stop in sorted(random.Random(20).sample(range(1, STEPS), 5)):
            with self.subTest(stop=stop):
                out = f"stopped-{stop}"
                self.train(out, "--stop-at", stop)
                self.assertEqual(os.listdir(self.path(out, "checkpoints", f"step-{stop:08d}")),
                                 os.listdir(self.path(out, "checkpoints", "latest")))
                self.assertFalse(os.path.exists(self.path(out, "checkpoints", LAST)))
                # The settings come from the checkpoint.
                result = self.run_ok("train", self.artifact, "--data", self.data, "--out",
                                     self.path(out), "--resume")
                self.assertIn(f"resuming at step {stop}", result.err)
                resumed = self.checkpoint(out)
                self.assertEqual(sorted(whole), sorted(resumed))
                for name, contents in whole.items():
                    self.assertEqual(contents, resumed[name], f"{name} differs, stopped at {stop}")

    def test_several_stops_in_one_run(self):
        self.train("often", "--stop-at", 3)
        for stop in (4, 11):
            self.train("often", "--stop-at", stop, "--resume")
        self.train("often", "--resume")
        self.assertEqual(self.checkpoint("whole"), self.checkpoint("often"))

    def test_the_loss_falls(self):
        self.train("longer", steps=120)
        steps = self.steps_of("longer")
        self.assertEqual(sorted(steps), list(range(1, 121)))
        first = sum(steps[step]["loss"]["ce"] for step in range(1, 6)) / 5
        last = sum(steps[step]["loss"]["ce"] for step in range(116, 121)) / 5
        self.assertLess(last, first - 1)

    def test_weights_move_and_depend_on_the_seed(self):
        self.train("one-step", "--stop-at", 1)
        self.train("other-seed", seed=2)
        weights = {out: support.Safetensors.load(
            self.path(out, "checkpoints", step, "weights.safetensors"))
                   for out, step in (("whole", LAST), ("one-step", "step-00000001"),
                                     ("other-seed", LAST))}
        for name in weights["whole"].tensors:
            values = {out: file.floats(name) for out, file in weights.items()}
            self.assertNotEqual(values["whole"], values["one-step"], f"{name} did not move")
            self.assertNotEqual(values["whole"], values["other-seed"], name)

    def test_sigterm_writes_a_checkpoint_and_ends_with_143(self):
        steps = 100000
        # A setting is given once: in place of the other tests' evaluations.
        flags = ["eval_interval=0" if flag == "eval_interval=5" else flag
                 for flag in self.flags("killed", steps=steps)] + ["--set", "save_interval=0"]
        process = self.start("hydra-run", *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        journal = self.path("killed", "steps.jsonl")
        deadline = time.monotonic() + 60
        while not (os.path.exists(journal) and os.path.getsize(journal) > 500):
            self.assertIsNone(process.poll(), "the run ended by itself")
            self.assertLess(time.monotonic(), deadline, "no step within a minute")
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143, err.decode())
        reached, = [name for name in os.listdir(self.path("killed", "checkpoints"))
                    if name.startswith("step-")]
        step = int(reached[5:])
        self.assertIn(f"checkpoint {self.path('killed', 'checkpoints', reached)}", err.decode())
        self.run_ok("inspect", self.path("killed"))
        # The same bits as a run that was told to stop there, and both go on alike.
        self.run_ok(*[flag if flag != self.path("killed") else self.path("told") for flag in flags],
                    "--stop-at", step)
        self.assertEqual(self.checkpoint("killed", reached), self.checkpoint("told", reached))
        for out in ("killed", "told"):
            self.run_ok("train", self.artifact, "--data", self.data, "--out", self.path(out),
                        "--resume", "--stop-at", step + 5)
        later = f"step-{step + 5:08d}"
        self.assertEqual(self.checkpoint("killed", later), self.checkpoint("told", later))


if __name__ == "__main__":
    support.main()
