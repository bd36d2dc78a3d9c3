"""Bad invocations, configurations and files of hydra-run: exit code, and a message that has what was
expected, what was found, where, and what to do next. Nothing aborts.

A row is (what, exit status, arguments, texts that the message must have).
"""
import os
import shutil
import sqlite3

import support


class ErrorsTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"), "--steps", 3)
        cls.run_ok("checkpoint", "export", cls.path("run"), "-o", cls.path("w.safetensors"))
        cls.spec = cls.source("tests", "e2e", "tiny.mlir")

    def check(self, rows):
        for what, status, arguments, says in rows:
            with self.subTest(what):
                result = self.fails(status, *arguments, says=says)
                self.assertEqual(result.out, "", result)
                self.assertNotIn("unexpected error", result.err, result)

    def train(self, *more):
        return ["train", self.artifact, "--data", self.data, "--out", self.path("never"), *more]

    def test_commands_and_flags(self):
        self.check([
            ("no command", 2, [], ["expected a command", "train", "found none", "--help"]),
            ("misspelt command", 2, ["trian", "x"], ["'trian'", "did you mean 'train'"]),
            ("misspelt subcommand with flags behind it", 2,
             ["data", "test", self.path("data.txt"), "--out", self.path("d")],
             ["expected a command (text, jsonl, tokenizer)", "found 'test'", "did you mean 'text'"]),
            ("a subcommand is missing", 2, ["checkpoint"], ["export", "import", "found none"]),
            ("unknown flag", 2, self.train("--sede", "3"), ["'--sede'", "did you mean '--seed'"]),
            ("no model", 2, ["train", "--data", self.data, "--out", self.path("never")],
             ["expected a MODEL", "--help"]),
            ("no data", 2, ["train", self.artifact, "--out", self.path("never")],
             ["--data", "hydra-run data text"]),
            ("no out", 2, ["train", self.artifact, "--data", self.data], ["--out"]),
            ("no prompt", 2, ["generate", self.path("run")], ["--prompt"]),
            ("an argument too many", 2, ["inspect", self.artifact, "more"], ["'more'", "--help"]),
        ])

    def test_values_of_flags(self):
        generate = ["generate", self.path("run"), "--prompt", "a"]
        self.check([
            ("threads", 2, self.train("--threads", "-1"),
             ["--threads: expected an integer from 0 to 4096, found '-1'"]),
            ("steps of bench", 2, ["bench", self.artifact, "--steps", "0"],
             ["--steps: expected an integer from 1", "found '0'"]),
            ("an integer that is none", 2, self.train("--steps", "many"),
             ["'steps' expects an integer of at least 1, found 'many'"]),
            ("out of range", 2, self.train("--steps", "0"), ["at least 1, found '0'"]),
            ("accum without bound", 2, self.train("--accum", "1000000"),
             ["from 1 to 65536", "'1000000'"]),
            ("stop-at 0", 2, self.train("--stop-at", "0"), ["--stop-at", "at least 1", "'0'"]),
            ("stop-at beyond the run", 2, self.train("--steps", "5", "--stop-at", "6"),
             ["--stop-at", "5", "found 6"]),
            ("negative seed", 2, generate + ["--seed", "-1"],
             ["--seed: expected an integer of at least 0, found '-1'"]),
            ("top-p", 2, generate + ["--top-p", "0"], ["--top-p", "above 0", "found '0'"]),
            ("temperature", 2, generate + ["--temperature", "hot"], ["--temperature", "'hot'"]),
            ("temperature inf", 2, generate + ["--temperature", "inf"], ["--temperature", "'inf'"]),
            ("tokens", 2, generate + ["--tokens", "-5"], ["--tokens", "at least 0", "'-5'"]),
            ("split", 2, ["eval", self.path("run"), "--data", self.data, "--split", "test"],
             ["--split", "validation, train", "'test'"]),
            ("fraction", 2, ["data", "text", self.path("data.txt"), "--out", self.path("never"),
                             "--validation-fraction", "2"], ["--validation-fraction", "'2'"]),
            ("tokenizer", 2, ["data", "text", self.path("data.txt"), "--out", self.path("never"),
                              "--tokenizer", "bpe"], ["--tokenizer", "byte", "'bpe'"]),
            ("entry", 2, ["bench", self.artifact, "--entry", "train8x256"],
             ["--entry: expected NAME@BxS", "train8x256"]),
            ("entry that is not there", 2, ["bench", self.artifact, "--entry", "eval@3x5"],
             ["--entry: expected one of", "eval@2x32", "found 'eval@3x5'"]),
            ("verify's target", 2, ["verify", "x", "--target", "gpu"], ["cpu, cuda, sim, interpreter", "'gpu'"]),
            ("empty prompt", 2, ["generate", self.path("run"), "--prompt", ""],
             ["prompt: expected a text"]),
            ("prompt beyond the model", 2,
             ["generate", self.path("run"), "--prompt", "a" * 100],
             ["at most 48", "found 100", "no more than 64"]),
            ("prompt beyond the cache", 2, ["generate", self.path("run"), "--prompt", "a" * 60],
             ["at most 48", "found 60", "--cache=64"]),
        ])

    def test_settings(self):
        self.check([
            ("unknown", 2, self.train("--set", "warmpu_steps=3"), ["did you mean 'warmup_steps'"]),
            ("no value", 2, self.train("--set", "lr"), ["KEY=VALUE", "'lr'", "--help-settings"]),
            ("not a number", 2, self.train("--set", "lr=nan"), ["'lr'", "a number", "'nan'"]),
            ("negative", 2, self.train("--set", "clip_min=-1"), ["at least 0", "'-1'"]),
            ("given twice", 2, self.train("--set", "lr=1e-3", "--lr", "2e-3"),
             ["'lr' is given twice", "0.001", "0.002"]),
            ("contradiction", 2, self.train("--set", "clip_min=9", "--set", "clip_max=8"),
             ["clip_min", "clip_max", "lower"]),
            ("min_lr above lr", 2, self.train("--set", "min_lr=1", "--lr", "0.5"),
             ["min_lr 1", "0.5", "lower min_lr"]),
            ("unknown size", 2, self.train("--set", "size=100B"), ["size", "'100B'", "100M"]),
            ("unknown variant", 2, self.train("--set", "variant=dense"),
             ["'dense'", "train@2x32"]),
            ("without effect on eval", 2,
             ["eval", self.path("run"), "--data", self.data, "--set", "steps=3"],
             ["'steps' has no effect on eval", "batch, seq, seed"]),
            ("without effect on generate", 2,
             ["generate", self.path("run"), "--prompt", "a", "--set", "lr=1"],
             ["'lr' has no effect on generate"]),
            ("seed beside weights", 2,
             ["eval", self.path("run"), "--data", self.data, "--seed", "3"],
             ["--seed has no effect", "drop it"]),
            ("compile setting of an artifact", 2, self.train("--precision", "bf16"),
             ["precision is a compile setting", "hydra-opt MODEL --precision=bf16"]),
            ("compile setting of a checkpoint", 2,
             ["generate", self.path("run"), "--prompt", "a", "--cache", "64"],
             ["hydra-opt", "model.mlir --cache=64 -o NEW.hydra", "--weights"]),
            ("a shape that is not there", 2, self.train("--batch", "3"),
             ["expected an entry train@3x", "found train@2x32", "--entry=train@3x"]),
            ("an evaluation shape that is not there", 2,
             ["eval", self.artifact, "--data", self.data, "--batch", "3", "--seq", "7"],
             ["expected an entry eval@3x7", "found eval@2x32"]),
        ])

    def test_files_that_are_missing_or_something_else(self):
        database = self.path("metrics.db")
        with sqlite3.connect(database) as connection:
            connection.execute("create table t(x)")
        connection.close()
        for name, text in (("config.json", '{"model": {}}'), ("odd.json", '{"modle": {}}'),
                           ("noise", "no tensors here, no tensors here"), ("empty.mlir", ""),
                           ("function.mlir", "func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> "
                                             "{ return %x : tensor<2xf32> }")):
            support.write(self.path(name), text.encode())
        os.makedirs(self.path("folder"), exist_ok=True)
        shutil.copy(self.artifact, self.path("torn.hydra"))
        os.truncate(self.path("torn.hydra"), os.path.getsize(self.artifact) // 2)
        other = ["--data", self.data, "--out", self.path("never")]
        rows = [
            ("no model", 3, ["train", self.path("none.hydra"), *other],
             ["none.hydra", "expected a model spec", "found nothing"]),
            ("no data", 3, ["train", self.artifact, "--data", self.path("none"), "--out",
                            self.path("never")], ["expected a data directory", "hydra-run data text"]),
            ("torn artifact", 3, ["inspect", self.path("torn.hydra")], ["torn.hydra"]),
            ("inspect nothing", 3, ["inspect", self.path("none")],
             ["expected an artifact", "found nothing"]),
            ("inspect a spec", 3, ["inspect", self.spec],
             ["found a model spec", "hydra-opt", "--stop-after=model"]),
            ("inspect a config", 3, ["inspect", self.path("config.json")],
             ["found a JSON text", "hydra-opt"]),
            ("inspect a database", 3, ["inspect", database], ["a metrics database", "sqlite3"]),
            ("inspect a folder", 3, ["inspect", self.path("folder")], ["folder", "expected"]),
            ("inspect noise", 3, ["inspect", self.path("noise")], ["noise", "expected"]),
            ("weights that are none", 3,
             ["eval", self.artifact, "--data", self.data, "--weights", self.path("noise")],
             ["noise", "expected"]),
            ("text that is missing", 3,
             ["data", "text", self.path("none.txt"), "--out", self.path("never")], ["none.txt"]),
            ("a golden that is none", 3, ["verify", self.path("w.safetensors")],
             ["w.safetensors", "hydra-golden-1", "no golden file"]),
            ("export of no checkpoint", 3,
             ["checkpoint", "export", self.path("folder"), "-o", self.path("x.safetensors")],
             ["folder", "expected a checkpoint"]),
        ]
        self.check(rows)
        if not support.has_compiler():
            return
        self.check([
            ("a spec without anything", 3, ["train", self.path("empty.mlir"), *other],
             ["empty.mlir", "expected a hydra.model"]),
            ("a spec without a model", 3, ["train", self.path("function.mlir"), *other],
             ["function.mlir", "expected a hydra.model", "--function"]),
            ("a misspelt config", 3, ["train", self.path("odd.json"), *other],
             ["odd.json:1:", "modle", "did you mean 'model'"]),
            ("a cache beyond the model", 1,
             ["generate", self.spec, "--prompt", "a", "--cache", "100000"],
             ["max_seq_len", "found 100000"]),
            ("a sequence beyond the model", 1,
             ["train", self.spec, *other, "--seq", "128"], ["max_seq_len = 64", "train@8x128"]),
            ("an instruction-set level that is none", 2,
             ["train", self.spec, *other, "--arch", "pentium"], ["pentium"]),
        ])


if __name__ == "__main__":
    support.main()
