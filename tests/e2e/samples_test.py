"""train --sample-every: texts come out while a run trains, and change nothing of it."""
import json
import os
import re
import sqlite3

import support

FLAGS = ("--sample-every", 3, "--sample-prompt", "the quick ", "--sample-prompt", "one ", "--sample-tokens", 7)


class SamplesTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.result = cls.train("sampled", *FLAGS)
        cls.rows = [row for row in cls.journal("sampled") if row["event"] == "sample"]

    @classmethod
    def train(cls, out, *more, model=None):
        return cls.run_ok("train", model or cls.artifact, "--data", cls.data, "--out", cls.path(out), "--steps", 8, "--lr", 0.02,
                          "--set", "eval_interval=4", *more)

    @classmethod
    def journal(cls, out):
        return [json.loads(line) for line in support.read(cls.path(out, "steps.jsonl")).decode().splitlines()]

    def test_every_prompt_is_continued_after_every_third_step(self):
        self.assertEqual([(row["step"], row["prompt"]) for row in self.rows],
                         [(step, prompt) for step in (3, 6) for prompt in ("the quick ", "one ")])
        for row in self.rows:
            self.assertIn(f"step {row['step']}  sample {row['prompt']}{row['text']}\n".encode(), self.result.err.encode())
        connection = sqlite3.connect(self.path("sampled", "training.db"))
        self.assertEqual(connection.execute("SELECT step, prompt FROM samples ORDER BY rowid").fetchall(),
                         [(row["step"], row["prompt"]) for row in self.rows])
        connection.close()
        events = b"".join(support.files_of(self.path("sampled", "tensorboard")).values())
        self.assertEqual(events.count(b"sample/one "), 2)

    def test_the_run_is_the_same_without_them(self):
        self.train("plain")
        self.assertEqual(support.files_of(self.path("sampled", "checkpoints", "latest")),
                         support.files_of(self.path("plain", "checkpoints", "latest")))
        losses = [[row["loss"] for row in self.journal(out) if row["event"] in ("step", "evaluation")]
                  for out in ("sampled", "plain")]
        self.assertEqual(*losses)

    def test_a_sample_is_what_generate_writes(self):
        out = self.path("stopped")
        self.run_ok("train", self.artifact, "--data", self.data, "--out", out, "--steps", 8, "--lr", 0.02, "--stop-at", 3, *FLAGS)
        for prompt in ("the quick ", "one "):
            text = self.run_ok("generate", out, "--prompt", prompt, "--tokens", 7, "--json").json()["results"][0]["text"]
            row = next(row for row in self.rows if (row["step"], row["prompt"]) == (3, prompt))
            # Of bytes that are no text, two writers of JSON make different numbers of marks.
            self.assertEqual(*[re.sub("\ufffd+", "\ufffd", each) for each in (text, row["text"])])

    def test_routed_models_are_sampled_in_their_phase(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        support.write(self.path("routed.json"), json.dumps({"model": support.ROUTED_MODEL}).encode())
        run = self.path("routed")
        settings = ("mod_warmup_steps=2", "mor_enable_step=2", "mor_rampup_steps=1")
        self.run_ok("train", self.path("routed.json"), "--data", self.data, "--out", run, "--steps", 4, "--batch", 2, "--seq", 32,
                    "--lr", 0.01, "--sample-every", 2, "--sample-prompt", "the quick ", "--sample-tokens", 5,
                    *(part for setting in settings for part in ("--set", setting)))
        rows = [row for row in self.journal("routed") if row["event"] == "sample"]
        self.assertEqual([row["step"] for row in rows], [2, 4])
        text = self.run_ok("generate", run, "--prompt", "the quick ", "--tokens", 5, "--json").json()["results"][0]["text"]
        self.assertEqual(text, rows[-1]["text"])

    def test_what_cannot_be_is_refused_before_anything_begins(self):
        def refused(status, *flags, says, model=None):
            self.fails(status, "train", model or self.artifact, "--data", self.data, "--out", self.path("never"), "--steps", 2, *flags,
                       says=says)
            self.assertFalse(os.path.exists(self.path("never")))
        refused(2, "--sample-every", 2, says=["--sample-prompt", "no prompt"])
        refused(2, "--sample-prompt", "a", says=["--sample-every", "no number of steps"])
        refused(2, "--sample-every", 2, "--sample-prompt", "", says=["--sample-prompt", "empty"])
        refused(2, "--sample-every", 2, "--sample-prompt", "a" * 100, says=["--sample-prompt", "at most 48 tokens"])
        self.fails(2, "train", self.artifact, "--dry-run", "--sample-every", 2, "--sample-prompt", "a", says="--dry-run")
        if support.has_compiler():
            done = self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"), "-o", self.path("mute.hydra"), "--entry=train@2x32")
            self.assertEqual(done.status, 0, done)
            refused(3, "--sample-every", 2, "--sample-prompt", "a", says=["extend", "--entry"], model=self.path("mute.hydra"))


if __name__ == "__main__":
    support.main()
