#!/usr/bin/python3
"""Fixed depth, static and dynamic routing: held-out loss for equal work, and for equal time.

    bench/study/routing_modes.py --text demo/kjv.txt [--bin build/bin] [--model models/hydra-nano-moe.mlir]
                                 [--steps 300] [--batch 8] [--seq 128] [--lr 4e-3] [--seeds 0,1,2] [--out DIR]
                                 [--held-out BATCHES]

The run of fixed depth has --steps steps. A pilot of each other mode, as long and with the first seed, says what one of
its steps costs on average over the curriculum: floating-point operations of the whole step, counted from the tokens
that took part (those of the routers left out: a thousandth), and processor seconds of one thread, which other work on
the machine disturbs less than elapsed ones. Then every mode trains once for the operations and once for the seconds
of fixed depth, with every seed: the curriculum and the learning rate follow the length of each run, none is cut off.
Depth routing starts after a twentieth of a run, recursion and experts after a tenth.

Held-out losses are over all held-out tokens, or the first batches of them (--held-out). Depth routing of dynamic mode selects among all tokens of a sequence, later
ones included, so that its loss is also taken under the rule that generation uses (`--mod-rule=prefix`), which is the one
to compare. Means over the seeds with 95 % intervals (Student), of the losses and of their differences from fixed depth
with the same seed. Prints a table in Markdown. All runs stay in --out, which must be for this study alone: given again
with the same settings, finished runs are not repeated.
"""
import argparse
import json
import math
import os
import resource
import shutil
import sqlite3
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from programs import run  # noqa: E402, pylint: disable=wrong-import-position

MODES = ("fixed", "static", "dynamic")
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def processor_seconds():
    """Of all programs that ran so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def recursion_start(steps):
    return steps // 10


class Study:
    """The artifacts and the data of a study, and its runs."""

    def __init__(self, options):
        self.options = options
        self.hydra_opt = os.path.join(options.bin, "hydra-opt")
        self.hydra_run = os.path.join(options.bin, "hydra-run")
        self.data = os.path.join(options.out, "data")
        self.shape = f"{options.batch}x{options.seq}"
        os.makedirs(options.out, exist_ok=True)
        self.require_same_settings()
        run(self.hydra_run, "data", "text", options.text, "--out", self.data, "--force")
        self.accumulate, self.update = {}, {}  # operations by mode; of accumulate also by variant
        for mode in MODES:
            run(self.hydra_opt, options.model, f"--routing={mode}", f"--entry=train@{self.shape}",
                f"--entry=eval@{self.shape}", "-o", self.artifact(mode))
            entries = json.loads(run(self.hydra_run, "inspect", self.artifact(mode), "--json"))["entries"]
            self.accumulate[mode] = {entry["variant"]: entry["flops"] for entry in entries
                                     if entry["name"] == "accumulate"}
            self.update[mode] = sum(entry["flops"] for entry in entries if entry["name"] == "apply")

    def require_same_settings(self):
        path = os.path.join(self.options.out, "settings.json")
        # What a finished run depends on.
        mine = {key: getattr(self.options, key) for key in ("model", "text", "batch", "seq", "lr", "held_out")}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            if found != mine:
                raise SystemExit(f"{path}: expected {mine}, found {found}; give another --out, or remove this one")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(mine, file)

    def artifact(self, mode):
        return os.path.join(self.options.out, f"{mode}.hydra")

    def settings(self, mode, steps):
        start = recursion_start(steps)
        values = {"eval_interval": 0, "save_interval": 0, "moe_warmup_steps": max(1, start)}
        if mode != "fixed":
            values.update(mor_enable_step=start, mor_rampup_steps=0)
        if mode == "dynamic":  # static depth routing has one form
            values["mod_warmup_steps"] = steps // 20
        return values

    def train(self, mode, steps, seed):
        """Facts of a run: operations, processor seconds and held-out losses."""
        name = f"{mode}-{steps}-{seed}"
        result = os.path.join(self.options.out, name + ".json")
        if os.path.exists(result):
            with open(result, encoding="utf-8") as file:
                return json.load(file)
        out = os.path.join(self.options.out, name)
        shutil.rmtree(out, ignore_errors=True)
        begin = processor_seconds()
        run(self.hydra_run, "train", self.artifact(mode), "--data", self.data, "--out", out, "--steps",
            steps, "--batch", self.options.batch, "--seq", self.options.seq, "--lr", self.options.lr,
            "--seed", seed, "--threads", 1,
            *(word for item in self.settings(mode, steps).items() for word in ("--set", "{}={}".format(*item))))
        facts = {"seconds": processor_seconds() - begin, "operations": self.operations(mode, steps, out),
                 "loss": self.loss(out)}
        if mode == "dynamic":
            facts["prefix"] = self.loss(out, "--mod-rule=prefix")
        with open(result, "w", encoding="utf-8") as file:
            json.dump(facts, file)
        print(f"{name}: {facts}", file=sys.stderr, flush=True)
        return facts

    def operations(self, mode, steps, out):
        accumulate, update = self.accumulate[mode], self.update[mode]
        if mode == "fixed":
            return steps * (accumulate["fixed"] + update)
        if mode == "static":  # soft weights skip nothing, and cost a little more
            early = recursion_start(steps)
            return early * accumulate["fixed"] + (steps - early) * accumulate["adaptive"] + steps * update
        # Those of fixed depth, less what the MLPs of skipped tokens would have taken, forward and for two gradients.
        with sqlite3.connect(os.path.join(out, "training.db")) as database:
            kept, whole = database.execute(
                "SELECT total(mlp_flops), total(mlp_flops_fixed_depth) FROM routing_work").fetchone()
        return steps * (self.accumulate["fixed"]["fixed"] + update) - 3 * (whole - kept)

    def loss(self, out, *flags):
        return json.loads(run(self.hydra_run, "eval", out, "--data", self.data, *flags, "--batches",
                              self.options.held_out, "--threads", 1, "--json"))["loss"]


def interval(values):
    if len(values) < 2:
        return f"{values[0]:.4f}"
    half = STUDENT.get(len(values), 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.4f} ± {half:.4f}"


def row(what, label, steps, runs, losses, reference):
    difference = interval([a - b for a, b in zip(losses, reference)]) if reference else ""
    return (f"| {what} | {label} | {steps} | {statistics.mean(r['operations'] for r in runs):.3g} | "
            f"{statistics.mean(r['seconds'] for r in runs):.0f} | {interval(losses)} | {difference} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--model", default="models/hydra-nano-moe.mlir")
    parser.add_argument("--text", required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seq", type=int, default=128)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--held-out", type=int, default=0, help="batches; 0: all")
    parser.add_argument("--out", default="routing-modes")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    study = Study(options)

    fixed = [study.train("fixed", options.steps, seed) for seed in seeds]
    reference = [facts["loss"] for facts in fixed]
    pilots = {mode: study.train(mode, options.steps, seeds[0]) for mode in MODES}
    print(f"{options.model}, {study.shape}, {options.steps} steps at fixed depth, seeds {options.seeds}, "
          f"load {os.getloadavg()[0]:.1f}\n")
    print("| for equal | mode | steps | operations | processor s | held-out loss | against fixed depth |")
    print("|---|---|---|---|---|---|---|")
    print(row("both", "fixed", options.steps, fixed, reference, None), flush=True)
    for measure, what in (("operations", "work"), ("seconds", "time")):
        for mode in MODES[1:]:
            steps = max(20, round(options.steps * pilots["fixed"][measure] / pilots[mode][measure]))
            runs = [study.train(mode, steps, seed) for seed in seeds]
            print(row(what, mode, steps, runs, [facts["loss"] for facts in runs], reference), flush=True)
            if mode == "dynamic":
                print(row(what, "dynamic, prefix rule", steps, runs, [facts["prefix"] for facts in runs],
                          reference), flush=True)


if __name__ == "__main__":
    main()
