#!/usr/bin/python3
"""What depth routing saves: the time of a step against its floating-point operations.

    bench/routing.py [--bin build/bin] [--model models/hydra-100m.mlir] [--batch 1] [--seq 512]
                     [--capacities 0.25,0.5,0.75,1] [--precision f32|bf16] [--rounds 3] [--steps 2]

For every capacity the model is compiled under --routing=fixed and --routing=dynamic; a training step at fixed depth
and one whose depth routing selects (recursion not yet routed: how many tokens run is known beforehand) take turns
on random tokens, so that other work on the machine meets both. The bar for time / time at fixed depth is
1.15 x (FLOPs / FLOPs at fixed depth) + 0.05, whole entries counted; times are the least of all rounds, and their
medians stand beside them. Exit status 0 if every capacity is within the bar, 1 if not.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

SLOPE, OFFSET = 1.15, 0.05


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


class Program:
    """A spec compiled in one routing mode, and the seconds of its steps."""

    def __init__(self, options, spec, mode, variant, scratch):
        self.options, self.variant = options, variant
        self.phase = [] if mode == "fixed" else ["--at-step", options.at_step]
        self.path = os.path.join(scratch, f"{mode}.hydra")
        self.entry = f"train@{options.batch}x{options.seq}"
        run(os.path.join(options.bin, "hydra-opt"), spec, f"--routing={mode}", f"--variant={variant}",
            f"--precision={options.precision}", f"--entry={self.entry}", "-o", self.path)
        # Forward, backward and the optimizer.
        facts = json.loads(run(os.path.join(options.bin, "hydra-run"), "inspect", self.path,
                               "--json"))
        self.flops = sum(entry["flops"] for entry in facts["entries"])
        self.seconds = []

    def measure(self):
        report = json.loads(run(os.path.join(self.options.bin, "hydra-run"), "bench", self.path,
                                "--entry", self.entry, "--steps", self.options.steps, "--warmup",
                                1, *self.phase, "--json"))
        if report["variant"] != self.variant:
            raise SystemExit(f"expected variant {self.variant}, measured {report['variant']}; "
                             "--at-step must lie between the starts of depth and recursion routing")
        self.seconds += [report["entries"][0]["min_seconds"],
                         report["entries"][0]["median_seconds"]]
        return report["device"]


def with_capacity(text, capacity):
    """The spec `text` with every depth routing at `capacity`."""
    changed, count = re.subn(r"(hydra\.depth_routing %\w+ capacity) [0-9.e+-]+", rf"\1 {capacity:e}",
                             text)
    if count == 0:
        raise SystemExit("the model has no hydra.depth_routing")
    return changed


def compare(options, text, capacity):
    """One capacity; whether it is within the bar."""
    with tempfile.TemporaryDirectory() as scratch:
        spec = os.path.join(scratch, "model.mlir")
        with open(spec, "w", encoding="utf-8") as file:
            file.write(with_capacity(text, capacity))
        fixed = Program(options, spec, "fixed", "fixed", scratch)
        routed = Program(options, spec, "dynamic", "fixed_mod", scratch)
        for _ in range(options.rounds):
            fixed.measure()
            device = routed.measure()
    work = routed.flops / fixed.flops
    bar = SLOPE * work + OFFSET
    least = min(routed.seconds) / min(fixed.seconds)
    median = statistics.median(routed.seconds) / statistics.median(fixed.seconds)
    print(f"{capacity:8.2f}{1e3 * min(fixed.seconds):12.1f}{1e3 * min(routed.seconds):12.1f}"
          f"{work:10.3f}{bar:8.3f}{least:8.3f}{median:8.3f}  "
          f"{'within' if least <= bar else 'OVER'}  ({device}, load {os.getloadavg()[0]:.1f})",
          flush=True)
    return least <= bar


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--model", default="models/hydra-100m.mlir")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seq", type=int, default=512)
    parser.add_argument("--capacities", default="0.25,0.5,0.75,1")
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--at-step", type=int, default=2000)
    options = parser.parse_args()
    with open(options.model, encoding="utf-8") as file:
        text = file.read()
    print(f"{options.model}, train@{options.batch}x{options.seq}, {options.precision}")
    print("capacity    fixed ms   routed ms     FLOPs     bar    time  median")
    results = [compare(options, text, float(capacity))
               for capacity in options.capacities.split(",")]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
