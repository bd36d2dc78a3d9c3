#!/usr/bin/python3
"""Fixed depth, static and dynamic routing: held-out loss for equal work, and for equal time.

    bench/study/routing_modes.py --text demo/kjv.txt [--bin build/bin] [--model models/hydra-nano-moe.mlir]
                                 [--steps 1000] [--batch 8] [--seq 256] [--lr 4e-3] [--seeds 0,1,2] [--out DIR]

The run of fixed depth has --steps steps. A pilot of each other mode, as long and with the first seed, says what one of
its steps costs on average over the curriculum: floating-point operations of the whole step, counted from the tokens
that took part, and seconds. Then every mode trains once for the operations and once for the seconds of fixed depth,
with every seed: the curriculum and the learning rate follow the length of each run, none is cut off. Depth routing
starts after a twentieth of a run, recursion and experts after a tenth.

Held-out losses are over all held-out tokens. Depth routing of dynamic mode selects among all tokens of a sequence, later
ones included, so that its loss is also taken under the rule that generation uses (`--mod-rule=prefix`), which is the one
to compare. Means over the seeds with 95 % intervals (Student), of the losses and of their differences from fixed depth
with the same seed. Prints a table in Markdown; all runs stay in --out.
"""
import argparse
import json
import math
import os
import sqlite3
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from programs import run  # noqa: E402, pylint: disable=wrong-import-position

MODES = ("fixed", "static", "dynamic")
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


class Study:

    def __init__(self, options):
        self.options = options
        self.hydra_opt = os.path.join(options.bin, "hydra-opt")
        self.hydra_run = os.path.join(options.bin, "hydra-run")
        self.data = os.path.join(options.out, "data")
        self.shape = f"{options.batch}x{options.seq}"
        self.dense = {}
        os.makedirs(options.out, exist_ok=True)
        run(self.hydra_run, "data", "text", options.text, "--out", self.data, "--force")
        for mode in MODES:
            run(self.hydra_opt, options.model, f"--routing={mode}", f"--entry=train@{self.shape}",
                f"--entry=eval@{self.shape}", "-o", self.artifact(mode))
            facts = json.loads(run(self.hydra_run, "inspect", self.artifact(mode), "--json"))
            # Of a step of every variant, all tokens taking part.
            entries = {entry.get("variant", ""): entry["flops"] for entry in facts["entries"]
                       if entry["name"] == "accumulate"}
            self.dense[mode] = (entries, sum(entry["flops"] for entry in facts["entries"]
                                             if entry["name"] == "apply"))

    def artifact(self, mode):
        return os.path.join(self.options.out, f"{mode}.hydra")

    def train(self, mode, steps, seed, name):
        """Operations and seconds of the run."""
        out = os.path.join(self.options.out, name)
        run(self.hydra_run, "train", self.artifact(mode), "--data", self.data, "--out", out, "--steps",
            steps, "--batch", self.options.batch, "--seq", self.options.seq, "--lr", self.options.lr,
            "--seed", seed, "--set", "eval_interval=0", "--set", "save_interval=0",
            *(("--set", f"mod_warmup_steps={steps // 20}", "--set", f"mor_enable_step={steps // 10}",
               "--set", "mor_rampup_steps=0", "--set", f"moe_warmup_steps={max(1, steps // 10)}")
              if mode != "fixed" else ("--set", f"moe_warmup_steps={max(1, steps // 10)}")))
        seconds = 0
        with open(os.path.join(out, "steps.jsonl"), encoding="utf-8") as file:
            for record in map(json.loads, file):
                if record["event"] == "step":
                    seconds += record["step_milliseconds"] / 1e3
        return self.operations(mode, steps, out), seconds

    def operations(self, mode, steps, out):
        """Those of fixed depth, less what the MLPs of skipped tokens would have taken, forward and for two gradients."""
        entries, update = self.dense["fixed"]
        (dense,) = entries.values()
        if mode == "fixed":
            return steps * (dense + update)
        if mode == "static":
            # Soft weights skip nothing, and cost a little more.
            entries, update = self.dense["static"]
            return steps * (entries["adaptive"] + update)
        with sqlite3.connect(os.path.join(out, "training.db")) as database:
            kept, whole = database.execute(
                "SELECT total(mlp_flops), total(mlp_flops_fixed_depth) FROM routing_work").fetchone()
        return steps * (dense + update) - 3 * (whole - kept)

    def loss(self, name, *flags):
        report = json.loads(run(self.hydra_run, "eval", os.path.join(self.options.out, name), "--data",
                                self.data, *flags, "--json"))
        return report["loss"]


def interval(values):
    if len(values) < 2:
        return f"{values[0]:.4f}"
    half = STUDENT.get(len(values), 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.4f} ± {half:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--model", default="models/hydra-nano-moe.mlir")
    parser.add_argument("--text", required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seq", type=int, default=256)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", default="routing-modes")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    study = Study(options)

    pilots = {mode: study.train(mode, options.steps, seeds[0], f"pilot-{mode}") for mode in MODES}
    print(f"{options.model}, {study.shape}, {options.steps} steps at fixed depth, seeds {options.seeds}, "
          f"load {os.getloadavg()[0]:.1f}\n")
    print("| for equal | mode | steps | operations | seconds | held-out loss | against fixed depth |")
    print("|---|---|---|---|---|---|---|")
    fixed = pilots["fixed"]
    reference = []
    for number, what in enumerate(("work", "time")):
        for mode in MODES:
            if mode == "fixed" and number == 1:
                continue  # the same runs
            steps = max(20, round(options.steps * fixed[number] / pilots[mode][number]))
            losses, causal, cost = [], [], []
            for seed in seeds:
                name = f"{mode}-{what}-{seed}"
                cost.append(study.train(mode, steps, seed, name))
                losses.append(study.loss(name))
                if mode == "dynamic":
                    causal.append(study.loss(name, "--mod-rule=prefix"))
            if mode == "fixed":
                reference = losses
            for label, values in ((mode, losses), (f"{mode}, prefix rule", causal)):
                if not values:
                    continue
                difference = [a - b for a, b in zip(values, reference)]
                print(f"| {'both' if mode == 'fixed' else what} | {label} | {steps} | "
                      f"{statistics.mean(c[0] for c in cost):.3g} | "
                      f"{statistics.mean(c[1] for c in cost):.0f} | {interval(values)} | "
                      f"{'' if mode == 'fixed' else interval(difference)} |", flush=True)


if __name__ == "__main__":
    main()
