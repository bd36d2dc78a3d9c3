#!/usr/bin/env python3
"""--graph and --sim-driver of hydra-run: the same bits, counted in every place that says what ran
from graphs, and refused where they mean nothing."""
import json
import os
import sqlite3

import support

MODEL = {**support.ROUTED_MODEL, "dim": 16, "n_heads": 2, "n_kv_heads": 1, "max_seq_len": 16,
         "recursions_per_block": 2}
SHAPE = ["--batch", 2, "--seq", 8]


class GraphTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.make_data()
        spec = cls.path("routed.json")
        with open(spec, "w") as file:
            json.dump({"model": MODEL}, file)
        cls.artifact = cls.path("routed.hydra")
        compiled = cls.call("hydra-opt", spec, "--target=sim", "--entry=train@2x8",
                            "--entry=eval@2x8", "--entry=extend@2x1", "--cache=16", "-o",
                            cls.artifact)
        assert compiled.status == 0, compiled

    def train(self, name, *flags):
        out = self.path(name)
        report = self.run_ok("train", self.artifact, "--data", self.data, "--out", out, "--steps", 2,
                             "--accum", 2, "--set", "eval_interval=0", *SHAPE, *flags,
                             "--json").json()
        return out, report

    def counts(self, out):
        """Launches, nodes and fallbacks of each step, as training.db has them."""
        with sqlite3.connect(out + "/training.db") as database:
            found = dict(((step, field), value) for step, field, value in database.execute(
                "SELECT step, field, value FROM record_fields WHERE field LIKE 'graph.%'"))
        database.close()
        steps = sorted({step for step, _ in found})
        self.assertEqual(steps, [1, 2])
        return [tuple(found[step, "graph." + key] for key in ("launches", "nodes", "fallbacks"))
                for step in steps]

    def test_segments_have_the_same_bits_and_are_counted(self):
        whole, report = self.train("whole")
        self.assertEqual((report["graph"]["launches"], report["graph"]["fallbacks"]), (1, 0))
        nodes = report["graph"]["nodes"]
        self.assertGreater(nodes, 100)
        for row in self.counts(whole):
            self.assertEqual(row, (1, nodes, 0))
        for flag, launches, reason in (("segments", 3, "asked for"), ("off", 0, "graphs are off")):
            out, report = self.train(flag, "--graph", flag)
            graph = report["graph"]
            self.assertEqual((graph["launches"], graph["fallbacks"]), (launches, 0), graph)
            for part in graph["parts"]:
                self.assertIn(reason, part["reason"])
            for row in self.counts(out):
                self.assertEqual(row, (launches, graph["nodes"], 0))
            self.assertEqual(self.checkpoint(out), self.checkpoint(whole))
        self.generates_and_evaluates(whole)

    def checkpoint(self, out):
        folder = os.path.join(out, "checkpoints")
        newest = sorted(name for name in os.listdir(folder) if name.startswith("step"))[-1]
        return support.read(os.path.join(folder, newest, "weights.safetensors"))

    def generates_and_evaluates(self, run):
        texts, losses = set(), set()
        for flag, launches in (("whole", 1), ("segments", 1), ("off", 0)):
            report = self.run_ok("generate", run, "--prompt", "a", "--tokens", 3, "--seed", 1,
                                 "--graph", flag, "--json").json()
            self.assertEqual(report["graph"]["launches"], launches, report)
            self.assertLessEqual(report["fetched_bytes_per_token"], 64)
            texts.add(report["results"][0]["text"])
            report = self.run_ok("eval", run, "--data", self.data, "--batches", 1, "--graph", flag,
                                 "--json").json()
            self.assertEqual(report["graph"]["launches"], launches, report)
            losses.add(report["loss"])
        self.assertEqual((len(texts), len(losses)), (1, 1))

    def test_bench_says_what_is_a_graph(self):
        arguments = ["bench", self.artifact, "--entry", "train@2x8", "--steps", 1, "--warmup", 0]
        report = self.run_ok(*arguments, "--json").json()["entries"][0]
        self.assertEqual(report["graph"]["launches"], 1)
        text = self.run_ok(*arguments, "--graph=segments").out
        self.assertRegex(text, r"train@2x8: 2 graphs of \d+ nodes")
        profiled = self.run_ok(*arguments, "--profile", "--json").json()["entries"][0]["graph"]
        self.assertEqual((profiled["launches"], profiled["fallbacks"]), (0, 0))

    def test_every_simulated_driver_gives_the_same_bits(self):
        first = None
        for driver in ("12.2", "12.4", "12.8", "13.0"):
            out, report = self.train(driver, "--sim-driver", driver)
            self.assertEqual((report["graph"]["launches"], report["graph"]["fallbacks"]), (1, 0))
            first = first or self.checkpoint(out)
            self.assertEqual(self.checkpoint(out), first)
        self.fails(2, "bench", self.artifact, "--sim-driver", "11.8", says=["11.8", "12.2", "13.0"])

    def test_refused_where_they_mean_nothing(self):
        spec = self.source("tests", "e2e", "tiny.mlir")
        for flag in ("--graph=segments", "--graph=off"):
            self.fails(2, "bench", spec, "--entry=eval@2x16", flag, says=["--graph", "cpu"])
        self.fails(2, "bench", spec, "--entry=eval@2x16", "--sim-driver=12.4",
                   says=["--sim-driver", "cpu"])
        self.fails(2, "bench", spec, "--graph=half", says=["whole", "segments", "off"])


if __name__ == "__main__":
    support.main(needs_compiler=True)
