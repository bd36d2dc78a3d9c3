#!/usr/bin/python3
"""What routing saves: the time of a pass against its floating-point operations.

    bench/routing.py [--bin build/bin] [--model models/hydra-100m.mlir] [--batch 4] [--seq 512]
                     [--cases CASE,...] [--entries accumulate,eval] [--precision f32|bf16] [--rounds 3] [--steps 2]

A case is what is routed, the rest stays as at fixed depth:

    mod=C      depth routing of capacity C
    mor=P      recursion of P passes per token on average, of those that the model has
    depth0     recursion that stops every token after the first pass
    all        depth routing of capacity 0.5, recursion of 2 passes and experts (4, the best one each)

Recursion may stop after the first pass (min_depth 0). Its routers are those of initial values, scaled until their
scores have a standard deviation of 1.5 and shifted until the passes have the mean asked for; what they then do is
printed as a histogram, and at least three depths (or all there are) must have a tenth of the tokens each
(bench/support/recursion_routers.py).

For every case the same spec is compiled under --routing=fixed too; `accumulate`, forward and backward without the
optimizer, and `eval` of both take turns on the same random tokens, so that other work on the machine meets both.
The bar for time / time at fixed depth is 1.15 x (FLOPs / FLOPs at fixed depth) + 0.05 of the whole entry, where
FLOPs are counted from the tokens that took part; times are the least of all rounds, and medians stand beside them.
Exit status 0 if everything is within the bar, 1 if not.
"""
import argparse
import json
import os
import re
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from programs import run  # noqa: E402, pylint: disable=wrong-import-position
import recursion_routers  # noqa: E402, pylint: disable=wrong-import-position

SLOPE, OFFSET = 1.15, 0.05
CASES = "mod=0.25,mod=0.5,mod=0.75,mod=1,mor=1.5,mor=2,mor=3,depth0,all"
# Products of a matrix forward and, in training, for both gradients.
PRODUCTS = {"accumulate": 3, "eval": 1}


class Program:
    """A spec compiled in one routing mode, and the seconds of its entries."""

    def __init__(self, options, spec, mode, variant, scratch):
        self.options, self.variant = options, variant
        self.path = os.path.join(scratch, f"{mode}-{variant}.hydra")
        self.seconds = {entry: [] for entry in options.entries.split(",")}
        self.flops, self.routing = {}, {}
        run(os.path.join(options.bin, "hydra-opt"), spec, f"--routing={mode}", f"--variant={variant}",
            f"--precision={options.precision}", *(f"--entry={name}@{options.batch}x{options.seq}"
                                                  for name in ("train", "eval")), "-o", self.path)

    def measure(self, weights, entries=None, steps=None, warmup=1):
        names = list(entries or self.seconds)
        shape = f"@{self.options.batch}x{self.options.seq}"
        report = json.loads(run(os.path.join(self.options.bin, "hydra-run"), "bench", self.path,
                                *(part for name in names for part in ("--entry", name + shape)),
                                "--weights", weights, "--steps", steps or self.options.steps,
                                "--warmup", warmup, "--json"))
        if report["variant"] != self.variant:
            raise SystemExit(f"expected variant {self.variant}, measured {report['variant']}")
        for name, entry in zip(names, report["entries"]):
            if entries is None:
                self.seconds[name] += [entry["min_seconds"], entry["median_seconds"]]
            self.flops[name] = entry["flops"]
            self.routing[name] = entry.get("routing", {})
        return report["device"]


def changed(text, pattern, replacement, what):
    text, count = re.subn(pattern, replacement, text)
    if count == 0:
        raise SystemExit(f"the model has no {what}")
    return text


def spec_of(case, text):
    """The spec of a case, and the variant that routes what the case is about."""
    text = changed(text, r"(hydra\.recursion %\w+ passes \d+)( \{min_depth = \d+\})?", r"\1",
                   "hydra.recursion")
    kind, _, value = case.partition("=")
    capacity = float(value) if kind == "mod" else 0.5
    text = changed(text, r"(hydra\.depth_routing %\w+ capacity) [0-9.e+-]+", rf"\1 {capacity:e}",
                   "hydra.depth_routing")
    if kind == "all" and "hydra.experts" not in text:
        width = re.search(r"%y = hydra\.norm .* : tensor<\?x\?x(\d+)xf32>", text)
        hidden = re.search(r"hydra\.mlp %\w+ \{hidden = (\d+)\}", text)
        tensor = f"tensor<?x?x{width[1]}xf32>"
        text = changed(text, r"( *)hydra\.yield %y : [^\n]*\n",
                       rf"""\1%e = hydra.experts %y experts 4 layers 2 : {tensor} {{
\1^bb0(%u: {tensor}):
\1  %w = hydra.mlp %u {{hidden = {hidden[1]}}} : {tensor}
\1  hydra.yield %w : {tensor}
\1}}
\1hydra.yield %e : {tensor}
""", "block that yields %y")
    variants = {"mod": "fixed_mod", "mor": "adaptive", "depth0": "adaptive", "all": "adaptive_mod"}
    if kind not in variants:
        raise SystemExit(f"--cases: expected mod=C, mor=P, depth0 or all, found '{case}'")
    return text, variants[kind]


def initial_weights(options, spec, scratch):
    """The model's initial values as a file."""
    hydra_run = os.path.join(options.bin, "hydra-run")
    text, data, out = (os.path.join(scratch, name) for name in ("text", "data", "initial"))
    with open(text, "w", encoding="utf-8") as file:
        file.write("a text that nothing is learnt from\n" * 40)
    small = os.path.join(scratch, "initial.hydra")
    run(os.path.join(options.bin, "hydra-opt"), spec, "--routing=fixed", "--entry=train@1x16", "-o",
        small)
    run(hydra_run, "data", "text", text, "--out", data)
    run(hydra_run, "train", small, "--data", data, "--out", out, "--steps", 1, "--batch", 1, "--seq",
        16, "--lr", 0)
    weights = os.path.join(scratch, "weights.safetensors")
    os.rename(os.path.join(out, "checkpoints", "step-00000001", "weights.safetensors"), weights)
    return weights


def compare(options, text, case):
    """One case; whether all its entries are within the bar."""
    good = True
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        spec = os.path.join(scratch, "model.mlir")
        content, variant = spec_of(case, text)
        with open(spec, "w", encoding="utf-8") as file:
            file.write(content)
        fixed = Program(options, spec, "fixed", "fixed", scratch)
        routed = Program(options, spec, "dynamic", variant, scratch)
        weights = initial_weights(options, spec, scratch)
        kind, _, value = case.partition("=")
        if kind != "mod":
            passes = {"mor": value, "depth0": 1, "all": 2}[kind]

            def count():
                routed.measure(weights, entries=["eval"], steps=1, warmup=0)
                return routed.routing["eval"]

            good &= recursion_routers.adjust(weights, count, float(passes))
        for _ in range(options.rounds):
            fixed.measure(weights)
            device = routed.measure(weights)
    kept, whole = routed.routing["accumulate"]["route.mlp.flops"]
    for entry, seconds in routed.seconds.items():
        dense = fixed.flops[entry]
        work = 1 - PRODUCTS[entry] * (whole - kept) / dense
        bar = SLOPE * work + OFFSET
        least = min(seconds) / min(fixed.seconds[entry])
        median = statistics.median(seconds) / statistics.median(fixed.seconds[entry])
        good &= least <= bar
        print(f"{case:9}{entry:11}{1e3 * min(fixed.seconds[entry]):11.1f}{1e3 * min(seconds):11.1f}"
              f"{work:9.3f}{bar:8.3f}{least:8.3f}{median:8.3f}  "
              f"{'within' if least <= bar else 'OVER'}  ({device}, load {os.getloadavg()[0]:.1f})",
              flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--model", default="models/hydra-100m.mlir")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seq", type=int, default=512)
    parser.add_argument("--cases", default=CASES)
    parser.add_argument("--entries", default="accumulate,eval",
                        choices=("accumulate,eval", "accumulate"))
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--scratch", default=None, help="folder for artifacts and weights")
    options = parser.parse_args()
    with open(options.model, encoding="utf-8") as file:
        text = file.read()
    print(f"{options.model}, {options.batch}x{options.seq}, {options.precision}")
    print("case     entry        fixed ms  routed ms    FLOPs     bar    time  median")
    results = [compare(options, text, case) for case in options.cases.split(",")]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
