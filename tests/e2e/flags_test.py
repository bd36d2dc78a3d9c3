"""Every flag of hydra-run acts or is refused.

The list comes from the program itself (--list-flags); one without a row here fails. A row is an
invocation pair whose results differ, or a refusal and what it must say.
"""
import os
import shutil
import sqlite3
import subprocess

import support


class FlagsTest(support.TrainedModelTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_data = cls.make_data("other", seed=1)
        cls.weights = cls.path("w.safetensors")
        cls.run_ok("checkpoint", "export", cls.base, "-o", cls.weights)
        cls.flags = {row["command"]: {flag["name"]: flag for flag in row["flags"]}
                     for row in cls.run_ok("--list-flags").json()["commands"]}

    # Flags, by command. "compile" is what every compile setting does on an artifact and a spec.

    def compile_flag(self, flag, bad):
        """A compile setting reaches the compiler, and is refused on what is compiled already."""
        def check(command, rest):
            self.fails(2, command, self.artifact, *rest, flag, 
                       "1" if flag in ("--cache", "--memory-budget") else "x",
                       says="compile setting")
            if support.has_compiler():
                spec = self.source("tests", "e2e", "tiny.mlir")
                result = self.call("hydra-run", command, spec, *rest, flag, bad)
                self.assertNotEqual(result.status, 0, result)
                self.assertRegex(result.err, f"{bad}|{flag} has no effect", result)
        return check

    def differs(self, *arguments_and_values):
        *arguments, a, b = arguments_and_values
        results = [self.run_ok(*arguments, *value).out for value in (a, b)]
        self.assertNotEqual(*results, arguments)

    def json_of(self, *arguments):
        self.assertIsInstance(self.run_ok(*arguments, "--json").json(), dict)

    def perf_map(self, *arguments):
        """Names of kernels that a program left for perf."""
        process = self.start("hydra-run", *arguments, stdout=subprocess.DEVNULL)
        self.assertEqual(process.wait(timeout=support.TIMEOUT_S), 0)
        path = f"/tmp/perf-{process.pid}.map"
        self.addCleanup(os.remove, path)
        return support.read(path).split()[2::3]

    def device_of(self, *arguments):
        return self.run_ok(*arguments, "--json").json()["device"]

    def test_flags_act_or_are_refused(self):
        bisect = ["bisect", self.base]
        generate = ["generate", self.base, "--prompt", "the", "--tokens", "24"]
        evaluate = ["eval", self.base, "--data", self.data]
        bench = ["bench", self.artifact, "--steps", "1", "--warmup", "0"]
        dry = ["train", self.artifact, "--dry-run"]
        text = ["data", "text", self.path("data.txt")]
        golden = self.source("tests", "golden", "01_base_untied_eval.safetensors")
        imported = ["checkpoint", "import", self.weights, "--model", self.artifact]
        shared = {"train": [["--data", self.data, "--out", self.path("never")], dry[2:]],
                  "generate": [["--prompt", "a"], ["--prompt", "a", "--tokens", "1"]],
                  "eval": [["--data", self.data], ["--data", self.data]],
                  "bench": [[], ["--steps", "1", "--warmup", "0"]]}
        rows = {"": {
            "--help": lambda: self.run_ok("--help"),
            "--json": lambda: self.assertEqual(
                self.run_ok("--json", *evaluate).json(), self.run_ok(*evaluate, "--json").json()),
            "--version": lambda: self.assertEqual(
                self.run_ok("--version", "--json").json()["version"],
                self.run_ok("--version").out.split()[-1]),
            "--list-flags": lambda: self.assertIn("train", self.flags),
        }}
        for command, (rest, quick) in shared.items():
            rows[command] = {
                "model": lambda c=command, r=rest: self.fails(
                    3, c, self.path("none.hydra"), *r, says="none.hydra"),
                "--set": lambda c=command, r=rest: self.fails(
                    2, c, self.artifact, *r, "--set", "no_such=1", says="no_such"),
                "--threads": lambda c=command, q=quick: self.assertNotEqual(
                    self.device_of(c, self.artifact, *q, "--threads", "1"),
                    self.device_of(c, self.artifact, *q, "--threads", "3")),
                "--validate": lambda c=command, q=quick: self.assertIn(
                    "validated", self.device_of(c, self.artifact, *q, "--validate")),
                "--json": lambda c=command, q=quick: self.json_of(c, self.artifact, *q),
            }
            # What they do on a device with graphs: graph_test.py.
            for flag, value in (("--graph", "segments"), ("--sim-driver", "12.4")):
                rows[command][flag] = lambda c=command, q=quick, f=flag, v=value: (
                    self.fails(2, c, self.artifact, *q, f, v, says=f))
            for flag, bad in (("--target", "toaster"), ("--arch", "pentium"),
                              ("--precision", "fp7"), ("--routing", "maybe"),
                              ("--mod-rule", "best"), ("--cache", "123456"),
                              ("--memory-budget", "64")):
                rows[command][flag] = lambda c=command, r=rest, f=flag, b=bad: self.compile_flag(
                    f, b)(c, r)
        for command in ("generate", "eval", "bench"):
            # What it does to a program of phases: routing_test.py.
            rows[command]["--at-step"] = lambda c=command, q=shared[command][1]: self.fails(
                2, c, self.artifact, *q, "--at-step", "3", says="--at-step has no effect")
        out = iter(range(100))
        fresh = lambda: self.path(f"fresh{next(out)}")
        rows["train"].update({
            "--data": lambda: self.assertNotEqual(self.with_other_data(), self.latest(self.base)),
            "--out": lambda: self.assertTrue(os.path.isdir(self.trained())),
            "--steps": lambda: self.assertEqual(len(self.journal(self.trained("--steps", "2"))), 2),
            "--batch": lambda: self.fails(2, *self.train(fresh(), "--batch", "7"), says="train@7x"),
            "--seq": lambda: self.fails(2, *self.train(fresh(), "--seq", "7"), says="x7"),
            "--accum": lambda: self.differs(*dry, "--json", ["--accum", "1"], ["--accum", "2"]),
            "--lr": lambda: self.assertIn("learning rate 0.007", self.errors("--lr", "0.007")),
            "--seed": lambda: self.assertNotEqual(self.latest(self.trained("--seed", "9")),
                                                  self.latest(self.base)),
            "--resume": lambda: self.fails(3, *self.train(fresh(), "--resume"), says="resume"),
            "--weights": lambda: self.assertIn(
                "starting from the weights of", self.errors("--weights", self.weights)),
            "--branch": lambda: self.fails(3, *self.train(fresh(), "--branch", self.path("none")),
                                           says="none"),
            "--config": lambda: self.fails(3, *self.train(fresh(), "--config", self.path("none")),
                                           says="none"),
            "--resume-from": lambda: self.fails(3, *self.train(fresh(), "--resume-from", "3"),
                                                says="resume"),
            "--stop-at": lambda: self.assertEqual(
                len(self.journal(self.trained("--steps", "3", "--stop-at", "2"))), 2),
            # What they do: samples_test.py.
            "--sample-every": lambda: self.assertEqual(
                self.errors("--sample-every", "2", "--sample-prompt", "a").count("  sample a"), 1),
            "--sample-prompt": lambda: self.fails(
                2, *self.train(fresh(), "--sample-prompt", "a"), says="--sample-every"),
            "--sample-tokens": lambda: self.fails(
                2, *self.train(fresh(), "--sample-tokens", "3"), says="--sample-prompt"),
            "--dry-run": lambda: self.assertIn("planned", self.run_ok(*dry).out),
            "--help-settings": lambda: self.assertIn(
                "warmup_steps", self.run_ok("train", "--help-settings").out),
        })
        rows["generate"].update({
            "--prompt": lambda: self.differs("generate", self.base, "--tokens", "1",
                                             ["--prompt", "a"], ["--prompt", "b"]),
            "--tokens": lambda: self.differs("generate", self.base, "--prompt", "a",
                                             ["--tokens", "1"], ["--tokens", "9"]),
            "--temperature": lambda: self.differs(*generate, ["--temperature", "0"],
                                                  ["--temperature", "1"]),
            "--top-k": lambda: self.differs(*generate, ["--top-k", "1"], ["--top-k", "0"]),
            "--top-p": lambda: self.differs(*generate, ["--top-p", "0.001"], ["--top-p", "1"]),
            "--repeat-penalty": lambda: self.differs(
                *generate, "--temperature", "0", [], ["--repeat-penalty", "1e9"]),
            "--prompt-file": lambda: self.fails(3, "generate", self.base, "--prompt-file",
                                                self.path("none.txt"), says="none.txt"),
            "--prompts": lambda: self.fails(3, "generate", self.base, "--prompts",
                                            self.path("none.txt"), says="none.txt"),
            "--rows": lambda: self.fails(2, "generate", self.artifact, "--prompt", "a", "--rows",
                                         "7", says="--rows 7"),
            "--stop": lambda: self.check_stop(generate),
            "--seed": lambda: self.differs(*generate, ["--seed", "1"], ["--seed", "2"]),
            # Hardly trained: of the most likely tokens, those the text has not.
            "--weights": lambda: self.differs(
                "generate", self.artifact, "--prompt", "the", "--top-k", "1", "--repeat-penalty",
                "100", "--tokens", "45", [], ["--weights", self.weights]),
            "--tokenizer": lambda: self.fails(2, *generate, "--tokenizer", "bpe", says="'bpe'"),
        })
        rows["eval"].update({
            "--data": lambda: self.differs("eval", self.base, ["--data", self.data],
                                           ["--data", self.other_data]),
            "--split": lambda: self.differs(*evaluate, ["--split", "train"], []),
            "--batches": lambda: self.differs(*evaluate, ["--batches", "1"], ["--batches", "2"]),
            "--weights": lambda: self.differs("eval", self.artifact, "--data", self.data,
                                              ["--weights", self.weights], []),
            "--batch": lambda: self.fails(2, "eval", self.artifact, "--data", self.data,
                                          "--batch", "9", says="eval@9x"),
            "--seq": lambda: self.fails(2, "eval", self.artifact, "--data", self.data,
                                        "--seq", "9", says="x9"),
            "--seed": lambda: self.differs("eval", self.artifact, "--data", self.data, [],
                                           ["--seed", "5"]),
        })
        rows["bench"].update({
            "--entry": lambda: self.assertEqual(
                [entry["entry"] for entry in
                 self.run_ok(*bench, "--entry", "eval@2x32", "--json").json()["entries"]],
                ["eval@2x32"]),
            "--steps": lambda: self.assertEqual(
                {entry["runs"] for entry in self.run_ok("bench", self.artifact, "--steps", "2",
                                                        "--json").json()["entries"]}, {2}),
            "--warmup": lambda: self.fails(2, *bench[:2], "--warmup", "-1", says="--warmup"),
            "--profile": lambda: (
                self.assertIn("share", self.run_ok(*bench, "--profile").out),
                self.run_ok(*bench, "--profile=" + self.path("bench.json")),
                self.assertIn("traceEvents", open(self.path("bench.json")).read())),
            # What is in the file: profile_test.py.
            "--perf-map": lambda: self.assertTrue(self.perf_map(*bench, "--perf-map")),
            "--weights": lambda: (
                self.run_ok(*bench, "--weights", self.weights),
                self.fails(3, *bench, "--weights", self.path("none.safetensors"), says="none.")),
            "--accum": lambda: (
                self.assertEqual(self.run_ok(*bench, "--accum", "2", "--json").json()["accum"], 2),
                self.fails(2, *bench, "--entry", "eval@2x32", "--accum", "2", says="no effect")),
        })
        rows["data"] = {}
        rows["data text"] = {
            "files": lambda: self.fails(3, "data", "text", self.path("none.txt"), "--out", fresh(),
                                        says="none.txt"),
            "--out": lambda: self.assertIn("train.tokens", os.listdir(self.made(text, fresh()))),
            "--tokenizer": lambda: self.fails(2, *text, "--out", fresh(), "--tokenizer", "bpe",
                                              says="'bpe'"),
            "--validation-fraction": lambda: self.assertIn(
                ", 0 held out", self.run_ok(*text, "--out", fresh(), "--validation-fraction",
                                            "0").out),
            "--shard-tokens": lambda: self.assertIn(
                "train-00001.tokens", os.listdir(self.made([*text, "--shard-tokens", "500"], fresh()))),
            "--force": lambda: self.replaces(text, fresh(), "--out"),
            "--json": lambda: self.json_of(*text, "--out", fresh()),
        }
        with open(self.path("documents.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(f'{{"text": "document {n}", "body": "another {n}"}}\n' for n in range(200))
        jsonl = ["data", "jsonl", self.path("documents.jsonl")]
        rows["data jsonl"] = {
            **rows["data text"],
            "files": lambda: self.fails(3, "data", "jsonl", self.path("none.jsonl"), "--out", fresh(),
                                        says="none.jsonl"),
            "--field": lambda: self.assertNotEqual(
                *[self.run_ok(*jsonl, "--out", fresh(), "--field", field, "--json").json()["fingerprint"]
                  for field in ("text", "body")]),
            "--out": lambda: self.assertIn("data.json", os.listdir(self.made(jsonl, fresh()))),
            "--force": lambda: self.replaces(jsonl, fresh(), "--out"),
            "--json": lambda: self.assertEqual(
                self.run_ok(*jsonl, "--out", fresh(), "--json").json()["documents"], 200),
            "--tokenizer": lambda: self.fails(2, *jsonl, "--out", fresh(), "--tokenizer", "bpe",
                                              says="'bpe'"),
            "--shard-tokens": lambda: self.assertIn(
                "train-00001.tokens", os.listdir(self.made([*jsonl, "--shard-tokens", "500"], fresh()))),
            "--validation-fraction": lambda: self.assertIn(
                ", 0 held out", self.run_ok(*jsonl, "--out", fresh(), "--validation-fraction",
                                            "0").out),
        }
        bpe = ["data", "tokenizer", self.path("data.txt")]
        rows["data tokenizer"] = {
            "files": lambda: self.fails(3, "data", "tokenizer", self.path("none.txt"), "-o", fresh(),
                                        says="none.txt"),
            "--output": lambda: self.run_ok(*text, "--out", fresh(), "--tokenizer",
                                            self.made(bpe, fresh() + ".json", "-o")),
            "--vocab-size": lambda: self.assertEqual(
                self.run_ok(*bpe, "-o", fresh(), "--vocab-size", "256", "--json").json()["vocab_size"], 256),
            "--special": lambda: self.assertEqual(
                self.run_ok(*bpe, "-o", fresh(), "--vocab-size", "258", "--special", "<a>", "--special",
                            "<b>", "--json").json()["merges"], 0),
            "--force": lambda: self.replaces(bpe, fresh(), "-o"),
            "--json": lambda: self.json_of(*bpe, "-o", fresh()),
        }
        rows["inspect"] = {
            "file": lambda: self.differs("inspect", [self.artifact], [self.data]),
            "--json": lambda: self.json_of("inspect", self.data),
        }
        other = self.path("unfused.hydra")
        explain = ["explain", self.artifact]
        rows["explain"] = {
            "file": lambda: self.fails(3, "explain", self.data, says="artifact"),
            "--diff": lambda: (
                self.require_compiler(),
                self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"), "--entry=eval@2x32",
                          "--fusion=off", "-o", other),
                self.assertIn("DISABLED", self.run_ok(*explain, "--diff", other).out)),
            "--format": lambda: (
                self.require_compiler(),
                self.assertIn("</html>", self.run_ok(*explain, "--format", "html").out)),
            "--json": lambda: (self.require_compiler(), self.json_of(*explain)),
            # What they do: profile_test.py.
            "--profile": lambda: self.fails(3, *explain, "--profile", self.path("none.json"),
                                            says="none.json"),
            "--facts": lambda: self.fails(2, *explain, "--facts", "f", says="--profile"),
            "--fit": lambda: self.fails(2, *explain, "--fit", "f", says="--profile"),
        }
        calibrate = ["calibrate", self.base, "--data"]
        # What it does: decoding_rules_test.py.
        rows["calibrate"] = {
            "checkpoint": lambda: self.fails(3, "calibrate", self.path("none"), "--data", self.data,
                                             says="none"),
            "--data": lambda: self.fails(3, *calibrate, self.path("none"), says="none"),
            "--batches": lambda: self.fails(2, *calibrate, self.data, "--batches", "-1",
                                            says="--batches"),
            "--at-step": lambda: self.fails(2, *calibrate, self.data, "--at-step", "0",
                                            says="--at-step"),
            "--threads": lambda: self.fails(2, *calibrate, self.data, "--threads", "-1",
                                            says="--threads"),
            "--json": lambda: self.fails(3, *calibrate, self.data, "--json",
                                         says="nothing to calibrate"),
        }
        rows["checkpoint"] = {}
        rows["checkpoint export"] = {
            "checkpoint": lambda: self.fails(3, "checkpoint", "export", self.data, "-o", fresh(),
                                             says="checkpoint"),
            "--output": lambda: self.assertTrue(os.path.isfile(
                self.made(["checkpoint", "export", self.base], fresh() + ".safetensors", "-o"))),
            "--type": lambda: self.assertEqual(
                2 * self.exported("bf16")["bytes"], self.exported("f32")["bytes"]),
            "--shard-bytes": lambda: (
                self.assertGreater(self.exported("f32", "--shard-bytes", "9999")["files"], 1),
                self.fails(2, "checkpoint", "export", self.base, "-o", fresh() + ".safetensors",
                           "--shard-bytes", "9999", says="--shard-bytes has no effect")),
            "--force": lambda: [self.replaces(["checkpoint", "export", self.base], fresh() + end, "-o")
                                for end in ("", ".safetensors")],
            "--json": lambda: self.json_of("checkpoint", "export", self.base, "-o", fresh()),
        }
        bundle = ["checkpoint", "bundle", self.base]
        # What it does: bundle_test.py.
        rows["checkpoint bundle"] = {
            "checkpoint": lambda: self.fails(3, "checkpoint", "bundle", self.data, "-o", fresh(),
                                             says="checkpoint"),
            "--output": lambda: self.run_ok("inspect", self.made(bundle, fresh() + ".hydra", "-o")),
            "--artifact": lambda: self.fails(3, *bundle, "-o", fresh(), "--artifact",
                                             self.path("none.hydra"), says="none.hydra"),
            "--force": lambda: self.replaces(bundle, fresh() + ".hydra", "-o"),
            "--json": lambda: self.json_of(*bundle, "-o", fresh()),
        }
        rows["checkpoint import"] = {
            "file": lambda: self.fails(3, "checkpoint", "import", self.path("none"), "--model",
                                       self.artifact, "-o", fresh(), says="none"),
            "--tokenizer": lambda: self.fails(2, *imported, "-o", fresh(), "--tokenizer", "bpe",
                                              says="'bpe'"),
            "--model": lambda: self.fails(3, "checkpoint", "import", self.weights, "--model",
                                          self.path("none"), "-o", fresh(), says="none"),
            "--output": lambda: self.assertTrue(os.path.isdir(self.made(imported, fresh(), "-o"))),
            "--force": lambda: self.replaces(imported, fresh(), "-o"),
            "--json": lambda: self.json_of(*imported, "-o", fresh()),
        }
        routed = ["db", "routing", self.routed_database()]
        rows["db"] = {}
        rows["db routing"] = {
            "run": lambda: self.fails(3, "db", "routing", self.path("none"), says="none"),
            "--run": lambda: self.fails(3, *routed, "--run", "nobody", says="nobody"),
            "--last": lambda: self.differs(*routed, ["--last", "1"], ["--last", "0"]),
            "--png": lambda: self.assertTrue(os.path.isfile(self.made(routed, fresh(), "--png"))),
            "--force": lambda: self.replaces(routed, fresh(), "--png"),
            "--json": lambda: self.json_of(*routed),
        }
        rows["verify"] = {
            "files": lambda: self.fails(3, "verify", self.path("none"), says="none"),
            "--precision": lambda: self.fails(2, "verify", golden, "--precision", "fp7",
                                              says="'fp7'"),
            "--target": lambda: self.fails(2, "verify", golden, "--target", "gpu", says="'gpu'"),
            "--arch": lambda: self.fails(2, "verify", golden, "--arch", "pentium",
                                         says=["native", "'pentium'"]),
            "--threads": lambda: self.fails(2, "verify", golden, "--target", "interpreter",
                                            "--threads", "2", says="--threads has no effect"),
            "--dump": lambda: self.fails(2, "verify", golden, golden, "--dump", fresh(),
                                         says="--dump"),
            "--set": lambda: support.has_compiler() and self.fails(
                2, "verify", golden, "--set", "no_such=1", says="no_such"),
            "--json": lambda: support.has_compiler() and self.json_of("verify", golden),
        }
        rows["bisect"] = {
            "model": lambda: self.fails(3, "bisect", self.path("none.hydra"), says="none.hydra"),
            "--data": lambda: self.fails(2, "bisect", self.artifact, says="--data"),
            "--weights": lambda: self.fails(3, *bisect, "--weights", self.path("none"),
                                            says="none"),
            "--step": lambda: self.assertEqual(self.bisected("--step", "7")["step"], 7),
            "--limit": lambda: self.assertIsNotNone(self.bisected("--limit", "1e-6")["outlying"]),
            "--as-compiled": lambda: self.assertFalse(
                self.bisected("--as-compiled")["unfused"]),
            "--batch": lambda: support.has_compiler() and self.fails(
                2, *bisect, "--batch", "9", says="train@9x"),
            "--seq": lambda: support.has_compiler() and self.fails(
                2, *bisect, "--seq", "9", says="x9"),
            "--accum": lambda: self.assertGreater(self.bisected("--accum", "2")["ops"],
                                                  self.bisected()["ops"]),
            "--seed": lambda: self.fails(2, *bisect, "--seed", "-1", says="seed"),
            "--set": lambda: self.fails(2, *bisect, "--set", "no_such=1", says="no_such"),
            "--threads": lambda: self.fails(2, *bisect, "--threads", "-1", says="--threads"),
            "--validate": lambda: self.fails(2, *bisect, "--validate", says="--validate"),
            "--json": lambda: self.bisected(),
            **{flag: lambda f=flag: self.fails(2, "bisect", self.base, f, "1", says="compile")
               for flag in ("--target", "--arch", "--precision", "--routing", "--cache",
                            "--memory-budget")},
            "--mod-rule": lambda: support.has_compiler() and self.fails(
                2, *bisect, "--mod-rule", "best", says="'best'"),
        }
        rows["diag"] = {}
        rows["diag weights"] = {
            "weights": lambda: self.fails(3, "diag", "weights", self.path("none"), says="none"),
            "--json": lambda: self.json_of("diag", "weights", self.base),
        }
        learning = ["diag", "learning", self.base]
        rows["diag learning"] = {
            "run": lambda: self.fails(3, "diag", "learning", self.data, says="training.db"),
            "--window": lambda: self.assertIsNotNone(
                self.run_ok(*learning, "--window", "3", "--json").json()["slope"]),
            "--plateau-from": lambda: self.differs_in_plateau(["--plateau-from", "0"],
                                                              ["--plateau-from", "1000"]),
            "--plateau-slope": lambda: self.differs_in_plateau(
                ["--plateau-from", "0", "--plateau-slope", "10"],
                ["--plateau-from", "0", "--plateau-slope", "0"]),
            "--json": lambda: self.json_of(*learning),
        }
        flow = ["diag", "flow", self.base]
        rows["diag flow"] = {
            "model": lambda: self.fails(3, "diag", "flow", self.path("none.hydra"), says="none.hydra"),
            "--data": lambda: self.fails(3, *flow, "--data", self.path("none"), says="none"),
            "--weights": lambda: self.fails(3, *flow, "--weights", self.path("none"), says="none"),
            "--at-step": lambda: self.fails(2, *flow, "--at-step", "3", says="--at-step"),
            "--batch": lambda: self.fails(2, *flow, "--batch", "9", says="train@9x"),
            "--seq": lambda: self.fails(2, *flow, "--seq", "9", says="x9"),
            "--seed": lambda: self.fails(2, *flow, "--seed", "-1", says="seed"),
            "--set": lambda: self.fails(2, *flow, "--set", "no_such=1", says="no_such"),
            "--threads": lambda: self.fails(2, *flow, "--threads", "-1", says="--threads"),
            "--validate": lambda: self.assertEqual(
                *[self.run_ok(*flow, *more, "--json").json() for more in ([], ["--validate"])]),
            "--json": lambda: self.json_of(*flow),
            **{flag: lambda f=flag: self.fails(2, *flow, f, "1", says="compile")
               for flag in ("--target", "--arch", "--precision", "--routing", "--cache",
                            "--memory-budget")},
            "--mod-rule": lambda: self.fails(2, *flow, "--mod-rule", "best", says="'best'"),
        }
        if not support.has_compiler():
            rows["diag flow"] = dict.fromkeys(rows["diag flow"], lambda: self.fails(
                2, *flow, says="hydra-opt"))
        rows["report"] = {
            "runs": lambda: self.fails(3, "report", self.data, says="training.db"),
            "--output": lambda: self.made(["report", self.base], fresh() + ".html", "-o"),
            "--json": lambda: self.json_of("report", self.base),
        }
        rows["doctor"] = {"--json": lambda: self.json_of("doctor")}
        rows["help"] = {
            "topic": lambda: self.differs("help", ["train"], ["files"]),
            "--man": lambda: self.assertIn(".TH", self.run_ok("help", "--man").out),
            "--completion": lambda: self.differs("help", "--completion", ["zsh"], ["fish"]),
            "--json": lambda: self.json_of("help"),
        }
        for command, flags in self.flags.items():
            known = rows.get(command, {})
            for name in flags:
                if name in ("--help", "-h,--help"):
                    continue
                key = name.split(",")[-1]
                with self.subTest(command=command, flag=key):
                    self.assertIn(key, known, "a flag without a row")
                    known.pop(key)()
            known.pop("--help", None)
            self.assertEqual(known, {}, f"rows of {command} without a flag")

    def exported(self, kind, *more):
        """What is said of the base run's weights, exported as this type."""
        self.runs += 1
        return self.run_ok("checkpoint", "export", self.base, "-o", self.path(f"exported{self.runs}"),
                           "--type", kind, *more, "--json").json()

    def bisected(self, *more):
        """A step of the base run, which is healthy."""
        result = self.call("hydra-run", "bisect", self.base, *more, "--json")
        self.assertEqual(result.status, 1, result)
        return result.json()

    def differs_in_plateau(self, *pair):
        """A window of 3 steps that changes by less than 10 nats per step is flat."""
        slope = [] if any("--plateau-slope" in more for more in pair) else ["--plateau-slope", "10"]
        found = [self.call("hydra-run", "diag", "learning", self.base, "--window", "3", *slope, *more,
                           "--json").json()["plateau"] for more in pair]
        self.assertNotEqual(*found)

    def routed_database(self):
        """That of a run whose recursion went from one extreme to the other."""
        path = self.path("routed.db")
        shutil.copy(os.path.join(self.base, "training.db"), path)
        with sqlite3.connect(path) as database:
            run, model = database.execute("SELECT run_id, model_id FROM runs").fetchone()
            for step, deep in ((1, 64), (3, 0)):
                database.execute("INSERT INTO routing_mor VALUES(?,?,?,0,1,1,0.5,0,'')",
                                 (run, step, model))
                database.executemany("INSERT INTO routing_tokens VALUES(?,?,'mor',0,?,?)",
                                     [(run, step, 0, 64), (run, step, 1, deep)])
        database.close()
        return path

    def with_other_data(self):
        out = self.path("other-run")
        self.run_ok("train", self.artifact, "--data", self.other_data, "--out", out, "--steps", "3")
        return self.latest(out)

    def made(self, arguments, out, flag="--out"):
        self.run_ok(*arguments, flag, out)
        return out

    def replaces(self, arguments, out, flag):
        """What is there stays without --force and is replaced with it."""
        self.made(arguments, out, flag)
        self.fails(2, *arguments, flag, out, says="--force")
        self.run_ok(*arguments, flag, out, "--force")

    def check_stop(self, generate):
        whole = self.run_ok(*generate, "--json").json()["results"][0]
        # The model is hardly trained: what is no UTF-8 shows as U+FFFD.
        stop = next(c for c in whole["text"] if c.isascii())
        cut = self.run_ok(*generate, "--stop", stop, "--json").json()["results"][0]
        self.assertEqual(cut["stop_reason"], "stop_text")
        self.assertEqual(cut["text"], whole["text"][:whole["text"].index(stop)])

    def test_help_shows_types_and_defaults(self):
        for command, flags in self.flags.items():
            text = self.run_ok(*command.split(), "--help").out
            for name, flag in flags.items():
                self.assertIn(name.split(",")[-1], text, command)
                if flag["default"]:
                    self.assertIn(f"{flag['type']}={flag['default']}", text, f"{command} {name}")
        for command, name, kind in (("train", "--steps", "INT"), ("train", "--lr", "NUMBER|auto"),
                                    ("generate", "--top-p", "NUMBER"), ("bench", "--steps", "INT")):
            self.assertEqual(self.flags[command][name]["type"], kind)


if __name__ == "__main__":
    support.main()
