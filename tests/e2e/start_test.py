"""train: where a run begins and goes on - from weights, from a checkpoint, beside others."""
import array
import json
import os
import shutil
import signal
import struct
import subprocess
import time

import support

STEPS = 12


class StartTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok(*cls.train("whole"))

    @classmethod
    def train(cls, out, *more, model=None, steps=STEPS, save_interval=4):
        return ["train", model or cls.artifact, "--data", cls.data, "--out", cls.path(out),
                "--steps", steps, "--lr", 0.01, "--seed", 1, "--set", f"save_interval={save_interval}",
                "--set", "keep_checkpoints=0", *more]

    def checkpoint(self, out, step=STEPS):
        return support.files_of(self.path(out, "checkpoints", f"step-{step:08d}"))

    def copy(self, name):
        shutil.copytree(self.path("whole"), self.path(name), symlinks=True)
        return self.path(name)

    def weights(self, out, step=STEPS):
        return self.path(out, "checkpoints", f"step-{step:08d}", "weights.safetensors")

    def first_loss(self, out):
        with open(self.path(out, "steps.jsonl"), encoding="utf-8") as file:
            return next(record["loss"]["ce"] for record in map(json.loads, file)
                        if record["event"] == "step")

    # Settings of another run.

    def test_a_run_is_replayed_from_its_settings(self):
        saved = self.path("whole", "checkpoints", "latest", "run.json")
        for name, config in (("again", saved), ("again-run", self.path("whole"))):
            self.run_ok("train", self.artifact, "--data", self.data, "--out", self.path(name),
                        "--config", config)
            self.assertEqual(self.checkpoint(name), self.checkpoint("whole"))

    def test_flags_go_before_the_settings_of_a_file(self):
        support.write(self.path("mine.json"),
                      b'{"steps": 6, "lr": 0.01, "clip_dynamic": false, "seed": "1"}')
        flags = ["train", self.artifact, "--data", self.data, "--config", self.path("mine.json")]
        self.run_ok(*flags, "--out", self.path("mine"), "--steps", 4)
        run = json.loads(support.read(self.path("mine", "checkpoints", "latest", "run.json")))
        self.assertEqual((run["step"], run["settings"]["lr"], run["settings"]["clip_dynamic"],
                          run["settings"]["seed"]), (4, "0.01", "false", "1"))
        for text, says in ((b'{"stepz": 6}', ["mine.json:1:", "did you mean", "steps"]),
                           (b'{"lr": [1]}', ["mine.json:1:8", "a number"]),
                           (b'{"lr": -1}', ["mine.json:1:8", "at least 0"]),
                           (b'[1]', ["mine.json:1:1", "an object"])):
            support.write(self.path("mine.json"), text)
            self.fails(3, *flags, "--out", self.path("never"), says=says)
        self.assertFalse(os.path.exists(self.path("never")))

    # Branches.

    def test_a_branch_goes_on_as_the_run_did(self):
        """With the same settings, its state is that of the run; with others, it differs from there."""
        parent = self.path("whole", "checkpoints", "step-00000004")
        result = self.run_ok("train", "--out", self.path("branch"), "--branch", parent)
        self.assertIn("resuming at step 4", result.err)
        whole, branch = self.checkpoint("whole"), self.checkpoint("branch")
        for name in ("weights", "optimizer", "control_state"):
            self.assertEqual(whole[f"{name}.safetensors"], branch[f"{name}.safetensors"], name)
        ours, theirs = (json.loads(files["run.json"]) for files in (branch, whole))
        self.assertEqual(ours["branched_from"], theirs["run_id"] + "@4")
        self.assertNotEqual(ours["run_id"], theirs["run_id"])
        # A branch is a run like any other: it is resumed, and was never in the way of its parent.
        self.run_ok("train", "--out", self.path("other"), "--branch", parent, "--lr", 0.02,
                    "--stop-at", 6)
        self.run_ok("train", "--out", self.path("other"), "--resume")
        self.assertNotEqual(self.checkpoint("other")["weights.safetensors"],
                            whole["weights.safetensors"])
        self.assertEqual(json.loads(self.checkpoint("other")["run.json"])["branched_from"],
                         theirs["run_id"] + "@4")
        self.fails(2, "train", "--out", self.path("branch"), "--branch", parent, says="--resume")
        self.fails(2, "train", "--out", self.path("new"), "--branch", parent, "--resume",
                   says="--branch")

    def test_a_branch_may_stop_where_it_begins(self):
        parent = self.path("whole", "checkpoints", "step-00000004")
        self.run_ok("train", "--out", self.path("still"), "--branch", parent, "--stop-at", 4)
        self.assertEqual(self.checkpoint("still", 4)["weights.safetensors"],
                         self.checkpoint("whole", 4)["weights.safetensors"])

    # The best checkpoint.

    def best(self, out):
        note = json.loads(support.read(self.path(out, "best.json")))
        run = self.run_ok("inspect", self.path(out, "best"), "--json").json()
        self.assertEqual(run["step"], note["step"])
        return note

    def test_the_best_checkpoint_is_kept(self):
        # A rate this large spoils what was learnt.
        flags = self.train("good", "--set", "keep_best=true", "--set", "eval_interval=1", "--set",
                           "warmup_steps=0", save_interval=0)
        self.run_ok(*flags)
        with open(self.path("good", "steps.jsonl"), encoding="utf-8") as file:
            losses = {record["step"]: record["loss"] for record in map(json.loads, file)
                      if record["event"] == "evaluation"}
        self.assertEqual(self.best("good"), {"step": min(losses, key=losses.get),
                                             "loss": min(losses.values())})
        again = self.run_ok("eval", self.path("good", "best"), "--data", self.data, "--batches",
                            25, "--json").json()
        self.assertEqual(again["loss"], min(losses.values()))

    def test_the_best_is_remembered_and_not_that_of_an_abandoned_way(self):
        flags = self.train("kept", "--set", "keep_best=true", "--set", "eval_interval=4")
        self.run_ok(*flags)
        first = self.best("kept")
        # Worse than any: nothing replaces it, as long as it is of the way that is gone on with.
        support.write(self.path("kept", "best.json"),
                      json.dumps({"step": first["step"], "loss": 0}).encode())
        self.run_ok("train", "--out", self.path("kept"), "--resume", "--steps", STEPS + 4)
        self.assertEqual(self.best("kept")["loss"], 0)
        self.run_ok("train", "--out", self.path("kept"), "--resume-from", 4, "--steps", 8)
        self.assertGreater(self.best("kept")["loss"], 0)
        self.assertLessEqual(self.best("kept")["step"], 8)

    # Going on.

    def test_resume_needs_nothing_but_out(self):
        self.run_ok(*self.train("alone"), "--stop-at", 5)
        result = self.run_ok("train", "--out", self.path("alone"), "--resume")
        self.assertIn("resuming at step 5", result.err)
        # Only the short run's own warning, of its warm-up: nothing differs from the checkpoint.
        self.assertEqual([line for line in result.err.splitlines()
                          if "warning" in line and "is not reached" not in line], [])
        self.assertEqual(self.checkpoint("alone"), self.checkpoint("whole"))

    def test_resume_says_what_it_misses(self):
        out = self.copy("moved")
        inputs = os.path.join(out, "inputs.json")
        record = json.loads(support.read(inputs).decode())
        self.assertEqual(record["data"], self.data)
        record["data"] = self.path("gone")
        support.write(inputs, json.dumps(record).encode())
        self.fails(3, "train", "--out", out, "--resume", says=[self.path("gone"), "--data DIR"])
        os.remove(inputs)
        self.fails(3, "train", "--out", out, "--resume", says=["inputs.json", "--data DIR"])
        self.run_ok("train", "--out", out, "--resume", "--data", self.data)
        self.fails(3, "train", "--out", self.path("never"), "--resume",
                   says=["found nothing", "--resume=auto"])
        self.assertFalse(os.path.exists(self.path("never")))

    def test_resume_auto_begins_or_goes_on(self):
        for stop, says in ((5, "starting"), (9, "resuming at step 5"), (12, "resuming at step 9")):
            result = self.run_ok(*self.train("auto"), "--resume=auto", "--stop-at", stop)
            self.assertIn(says, result.err)
        self.assertEqual(self.checkpoint("auto"), self.checkpoint("whole"))
        self.fails(2, "train", "--out", self.path("auto-new"), "--resume=auto", says="MODEL")
        self.fails(2, *self.train("auto"), "--resume=often", says=["'often'", "=auto"])

    def test_resume_from_an_earlier_step(self):
        out = self.copy("earlier")
        self.fails(3, "train", "--out", out, "--resume-from", 5, says=["step 5", "4, 8, 12"])
        result = self.run_ok("train", "--out", out, "--resume-from", 4, "--stop-at", 6)
        self.assertIn("resuming at step 4", result.err)
        self.assertIn(os.path.join("abandoned", "step-00000012"), result.err)
        self.assertEqual(support.files_of(os.path.join(out, "abandoned", "step-00000012")),
                         self.checkpoint("whole"))
        # What comes after goes on from there, not from the way that was left.
        self.assertIn("resuming at step 6", self.run_ok("train", "--out", out, "--resume").err)
        self.assertEqual(self.checkpoint("earlier"), self.checkpoint("whole"))

    def test_resume_with_another_model_is_refused(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        # Equal shapes, another model.
        spec = support.read(self.source("tests", "e2e", "tiny.mlir"))
        self.assertIn(b"max_seq_len = 64", spec)
        other = self.path("other.mlir")
        support.write(other, spec.replace(b"max_seq_len = 64", b"max_seq_len = 80"))
        out, shape = self.copy("same-shapes"), ["--batch", 2, "--seq", 32, "--cache", 64]
        self.fails(2, "train", other, "--out", out, "--resume", *shape,
                   says=[other, "expected the model of the run", "--weights"])
        # As a spec, as an artifact, with other comments: the same model.
        same = self.path("same.mlir")
        support.write(same, spec + b"// the same\n")
        for model in ([self.artifact], [self.source("tests", "e2e", "tiny.mlir"), *shape],
                      [same, *shape]):
            self.run_ok("train", *model, "--out", out, "--resume-from", 4)

    def test_the_shape_that_auto_stood_for_stays(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        record = json.loads(self.checkpoint("whole")["run.json"])
        self.assertEqual(record["settings"]["batch"], "auto")
        self.assertEqual(record["shape"], {"batch": 2, "seq": 32})
        spec, out = self.source("tests", "e2e", "tiny.mlir"), self.copy("shape")
        # A spec is compiled for it, and of an artifact's shapes it is taken, not the largest.
        several = self.path("several.hydra")
        self.assertEqual(self.call("hydra-opt", spec, "-o", several, "--entry=train@4x32",
                                   "--entry=train@2x32", "--entry=eval@2x32").status, 0)
        for model in (spec, several):
            result = self.run_ok("train", model, "--out", out, "--resume-from", 8)
            self.assertNotIn("micro-batches", result.err)
            self.assertEqual(json.loads(self.checkpoint("shape")["run.json"])["shape"],
                             record["shape"])
            self.assertEqual(self.checkpoint("shape")["weights.safetensors"],
                             self.checkpoint("whole")["weights.safetensors"])
        # Another one is possible, and said.
        result = self.run_ok("train", several, "--out", out, "--resume-from", 8, "--batch", 4)
        self.assertIn("micro-batches of 2x32 become 4x32", result.err)
        # None is taken instead.
        other = self.path("other-shape.hydra")
        self.assertEqual(self.call("hydra-opt", spec, "-o", other, "--entry=train@4x32").status, 0)
        self.fails(2, "train", other, "--out", out, "--resume-from", 4,
                   says=["expected an entry train@2x32", "found train@4x32"])

    def test_a_run_has_a_directory_of_its_own(self):
        run = self.copy("inhabited")
        checkpoint = os.path.join(run, "checkpoints", "step-00000012")
        before = support.files_of(checkpoint)
        support.write(self.path("a-file"), b"text")
        os.symlink("nowhere", self.path("dangling"))
        for out, says in ((checkpoint, ["found a checkpoint", "as MODEL"]),
                          (os.path.join(run, "checkpoints"), ["the checkpoints of one", "--out " + run]),
                          (self.path("a-file"), ["found a file", "choose another"]),
                          (self.path("dangling"), ["found a link to nothing", "choose another"])):
            for more in ([], ["--resume=auto"]):
                with self.subTest(out=out, more=more):
                    self.fails(2, "train", self.artifact, "--data", self.data, "--out", out,
                               "--steps", 1, *more, says=[out, *says])
        self.assertEqual(support.files_of(checkpoint), before)
        self.assertEqual(set(os.listdir(os.path.join(run, "checkpoints"))),
                         set(os.listdir(self.path("whole", "checkpoints"))))

    # Starting from weights.

    def test_a_checkpoint_as_model_starts_from_its_weights(self):
        for model in ("whole", os.path.join("whole", "checkpoints", "step-00000012")):
            out = "tuned-" + os.path.basename(model)
            result = self.run_ok(*self.train(out, model=self.path(model)), "--stop-at", 1)
            self.assertIn("starting from the weights of " + self.weights("whole"), result.err)
            self.assertIn("optimizer begins afresh", result.err)
            self.assertLess(self.first_loss(out), self.first_loss("whole") - 0.02)
            record = json.loads(self.checkpoint(out, 1)["run.json"])
            self.assertEqual((record["step"], len(record["initial_weights"])), (1, 32))
        self.fails(2, *self.train("whole", model=self.path("whole")),
                   says="already contains a run")

    def test_weights_of_any_float_type(self):
        self.run_ok(*self.train("f32", "--weights", self.weights("whole")), "--stop-at", 1)
        expected = self.first_loss("f32")
        self.run_ok(*self.train("as-model", model=self.path("whole")), "--stop-at", 1)
        self.assertEqual(self.checkpoint("f32", 1), self.checkpoint("as-model", 1))
        file = support.Safetensors.load(self.weights("whole"))
        for name, pack, tolerance in (
                ("F64", lambda v: struct.pack("<d", v), 0),
                ("F16", lambda v: struct.pack("<e", v), 1e-3),
                ("BF16", lambda v: struct.pack("<I", struct.unpack("<I", struct.pack("<f", v))[0]
                                               + 0x8000)[2:], 1e-2)):
            with self.subTest(type=name):
                tensors = {tensor: (name, shape, b"".join(map(pack, array.array("f", data))))
                           for tensor, (_, shape, data) in file.tensors.items()}
                path = self.path(name + ".safetensors")
                support.Safetensors(file.metadata, tensors).save(path)
                self.run_ok(*self.train(name, "--weights", path), "--stop-at", 1)
                self.assertAlmostEqual(self.first_loss(name), expected, delta=tolerance)
                self.run_ok("checkpoint", "import", path, "--model", self.artifact, "-o",
                            self.path("imported-" + name))
                # What was imported can be trained on.
                self.run_ok(*self.train("on-" + name, model=self.path("imported-" + name)),
                            "--stop-at", 1)
                self.assertEqual(self.first_loss("on-" + name), self.first_loss(name))

    def test_weights_that_would_have_no_effect_are_refused(self):
        weights = self.weights("whole")
        self.fails(2, "train", "--out", self.copy("w"), "--resume", "--weights", weights,
                   says="--weights has no effect")
        self.fails(2, "train", self.artifact, "--dry-run", "--weights", weights, says="--dry-run")
        self.fails(2, "train", self.artifact, "--dry-run", "--resume", says="--dry-run")
        self.fails(3, *self.train("none", "--weights", self.path("none.safetensors")),
                   says="none.safetensors")

    # Beside others.

    def test_two_trainers_on_one_directory(self):
        first = self.start("hydra-run", *self.train("shared", steps=1000000),
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 60
            while not os.path.exists(self.path("shared", "steps.jsonl")):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            for more in ([], ["--resume"], ["--resume=auto"]):
                result = self.call("hydra-run", *self.train("shared"), *more)
                self.assertNotEqual(result.status, 0)
                self.assertIn(f"process {first.pid} on ", result.err)
                self.assertIn(self.path("shared"), result.err)
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()
        # The lock went with the process; its file says nothing about who lives.
        self.assertTrue(os.path.exists(self.path("shared", "run.lock")))
        self.run_ok(*self.train("shared"), "--resume=auto", "--stop-at", 1)

    def test_killed_at_any_moment(self):
        flags = self.train("killed", "--resume=auto", steps=60, save_interval=1)
        self.run_ok(*self.train("unkilled", steps=60, save_interval=1))
        for delay in range(8):
            process = self.start("hydra-run", *flags, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            time.sleep(0.15 + 0.037 * delay)
            process.kill()
            process.wait()
        self.run_ok(*flags)
        self.assertEqual(self.checkpoint("killed", 60), self.checkpoint("unkilled", 60))
        left = [name for name in os.listdir(self.path("killed", "checkpoints"))
                if not name.startswith("step-") or "." in name]
        self.assertEqual(left, ["latest"])

    # Diverging.

    def test_a_run_that_diverges_saves_and_says_how_to_go_on(self):
        flags = self.train("diverged", "--set", "warmup_steps=1")
        flags[flags.index("--lr") + 1] = 1e30
        result = self.fails(5, *flags, says=["expected finite numbers", "--resume-from STEP"])
        self.assertTrue(os.listdir(self.path("diverged", "checkpoints")), result)

    # Overwriting.

    def test_nothing_is_overwritten_by_surprise(self):
        weights = self.weights("whole")
        run = self.copy("precious")
        before = support.files_of(os.path.join(run, "checkpoints", "step-00000012"))
        os.symlink("whole", self.path("link"))
        os.mkdir(self.path("folder"))
        support.write(self.path("folder", "letter.txt"), b"dear")
        support.write(self.path("file"), b"text")
        for target in (run, self.data, self.path("folder"), self.path("file"), self.path("link")):
            for command in (["checkpoint", "import", weights, "--model", self.artifact, "-o"],
                            ["data", "text", self.path("data.txt"), "--out"],
                            ["checkpoint", "export", run, "-o"]):
                for force in ([], ["--force"]):
                    if target == self.data and command[0] == "data" and force:
                        continue
                    with self.subTest(target=target, command=command[:2], force=force):
                        self.fails(2, *command, target, *force, says=target)
        self.assertEqual(support.files_of(os.path.join(run, "checkpoints", "step-00000012")),
                         before)
        self.assertEqual(support.read(self.path("file")), b"text")
        # The same kind, with --force.
        for command, target in (
                (["checkpoint", "import", weights, "--model", self.artifact, "-o"], "imported"),
                (["data", "text", self.path("data.txt"), "--out"], "data-again"),
                (["checkpoint", "export", run, "-o"], "exported.safetensors")):
            self.run_ok(*command, self.path(target))
            self.fails(2, *command, self.path(target), says="--force")
            self.run_ok(*command, self.path(target), "--force")


if __name__ == "__main__":
    support.main()
