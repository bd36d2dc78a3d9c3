#!/usr/bin/python3
"""What routing saves: the time of a pass against its floating-point operations.

    bench/routing.py [--bin build/bin] [--model models/hydra-100m.mlir] [--batch 4] [--seq 512]
                     [--cases CASE,...] [--entries accumulate,eval] [--precisions f32,bf16] [--rounds 3] [--steps 2]
                     [--warmup 1] [--prepared DIR [--prepare]]

A case is what is routed, the rest stays as at fixed depth:

    mod=C      depth routing of capacity C
    mor=P      recursion of P passes per token on average, of those that the model has
    depth0     recursion that stops every token after the first pass
    all        depth routing of capacity 0.5, recursion of 2 passes and experts (4, the best one each)

Recursion may stop after the first pass (min_depth 0). Its routers are those of initial values, scaled until their
scores have a standard deviation of 1.5 and shifted until the passes have the mean asked for; what they then do is
printed as a histogram, and at least three depths (or all there are) must have a tenth of the tokens each
(bench/support/recursion_routers.py). They are adjusted on one sequence in float32; the histogram that counts is that of
what was timed.

The same spec is compiled under --routing=fixed too, once for all cases whose specs differ in a capacity alone, which
nothing reads at fixed depth. In every round `accumulate`, forward and backward without the optimizer, and `eval` of
all programs take turns on the same random tokens, so that other work on the machine meets all of them.
The bar for time / time at fixed depth is 1.15 x (FLOPs / FLOPs at fixed depth) + 0.05 of the whole entry, where
FLOPs are counted from the tokens that took part; times are the least of all rounds, and medians stand beside them.
Exit status 0 if everything is within the bar, 1 if not.

--prepared DIR keeps programs and weights there and takes what it finds: for one model of one size, programs until the
compiler is built anew. --prepare stops before anything is timed.
"""
import argparse
import json
import os
import re
import shutil
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

    def __init__(self, options, spec, mode, variant, precision, path, shape=None):
        self.variant, self.path = variant, path
        self.hydra_run, self.steps = os.path.join(options.bin, "hydra-run"), options.steps
        self.shape = shape or f"{options.batch}x{options.seq}"
        self.seconds = {entry: [] for entry in options.entries.split(",")}
        self.flops, self.routing, self.device = {}, {}, ""
        compiler = os.path.join(options.bin, "hydra-opt")
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(compiler):
            run(compiler, spec, f"--routing={mode}", f"--variant={variant}",
                f"--precision={precision}", "-o", path,
                *(f"--entry={name}@{self.shape}" for name in ("train", "eval")))

    def measure(self, weights, entries=None, steps=None, warmup=0):
        names = list(entries or self.seconds)
        entries_of = (part for name in names for part in ("--entry", f"{name}@{self.shape}"))
        report = json.loads(run(self.hydra_run, "bench", self.path, *entries_of, "--weights", weights,
                                "--steps", steps or self.steps, "--warmup", warmup, "--json"))
        if report["variant"] != self.variant:
            raise SystemExit(f"expected variant {self.variant}, measured {report['variant']}")
        for name, entry in zip(names, report["entries"]):
            if entries is None:
                self.seconds[name] += [entry["min_seconds"], entry["median_seconds"]]
            self.flops[name] = entry["flops"]
            self.routing[name] = entry.get("routing", {})
        self.device = report["device"]


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
    path = os.path.join(scratch, "initial.safetensors")
    if os.path.exists(path):
        return path
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
    os.rename(os.path.join(out, "checkpoints", "step-00000001", "weights.safetensors"), path)
    shutil.rmtree(out)
    return path


class Case:
    """The programs of a case and its weights, in a folder of its own."""

    def __init__(self, options, name, text, folder, baselines):
        self.name, self.good = name, True
        content, variant = spec_of(name, text)
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder, exist_ok=True)
        spec = os.path.join(self.folder, "model.mlir")
        with open(spec, "w", encoding="utf-8") as file:
            file.write(content)
        precisions = options.precisions.split(",")
        self.routed = {precision: Program(options, spec, "dynamic", variant, precision,
                                          os.path.join(self.folder, precision + ".hydra"))
                       for precision in precisions}
        kind, _, value = name.partition("=")
        family = os.path.join(folder, "with-experts" if kind == "all" else "plain")
        os.makedirs(family, exist_ok=True)
        for precision in precisions:
            if (family, precision) not in baselines:
                baselines[family, precision] = Program(options, spec, "fixed", "fixed", precision,
                                                       os.path.join(family, precision + ".hydra"))
        self.fixed = {precision: baselines[family, precision] for precision in precisions}
        self.passes = None if kind == "mod" else float({"mor": value, "depth0": 1, "all": 2}[kind])
        self.initial = self.weights = initial_weights(options, spec, family)
        if self.passes is not None:
            self.weights = os.path.join(self.folder, "adjusted.safetensors")
            if not os.path.exists(self.weights):
                self.adjust(options, spec, variant)

    def adjust(self, options, spec, variant):
        part = self.weights + ".part"
        shutil.copyfile(self.initial, part)
        program = Program(options, spec, "dynamic", variant, "f32",
                          os.path.join(self.folder, "one-sequence.hydra"), f"1x{options.seq}")

        def count():
            program.measure(part, entries=["eval"], steps=1)
            return program.routing["eval"]

        print(f"{self.name}: routers", flush=True)
        recursion_routers.adjust(part, count, self.passes)
        os.rename(part, self.weights)

    def report(self, precision):
        """Prints a line per entry; whether all are within the bar."""
        fixed, routed = self.fixed[precision], self.routed[precision]
        good = True
        if self.passes is not None:
            counts = recursion_routers.counts_of(routed.routing["accumulate"])
            good = recursion_routers.report(counts, self.passes, spread=self.passes > 1)
        kept, whole = routed.routing["accumulate"]["route.mlp.flops"]
        for entry, seconds in routed.seconds.items():
            dense = fixed.flops[entry]
            work = 1 - PRODUCTS[entry] * (whole - kept) / dense
            bar = SLOPE * work + OFFSET
            least = min(seconds) / min(fixed.seconds[entry])
            median = statistics.median(seconds) / statistics.median(fixed.seconds[entry])
            good &= least <= bar
            print(f"{self.name:9}{precision:5}{entry:11}{1e3 * min(fixed.seconds[entry]):11.1f}"
                  f"{1e3 * min(seconds):11.1f}{work:9.3f}{bar:8.3f}{least:8.3f}{median:8.3f}  "
                  f"{'within' if least <= bar else 'OVER'}", flush=True)
        return good


def require_same(options, folder):
    """What is prepared in a folder is for one model of one size."""
    path = os.path.join(folder, "settings.json")
    mine = {key: getattr(options, key) for key in ("model", "batch", "seq")}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if found != mine:
            raise SystemExit(f"{path}: expected {mine}, found {found}; give another folder, or remove this one")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(mine, file)


def compare(options, folder):
    with open(options.model, encoding="utf-8") as file:
        text = file.read()
    require_same(options, folder)
    baselines = {}
    cases = [Case(options, name, text, folder, baselines) for name in options.cases.split(",")]
    if options.prepare:
        return True
    for _ in range(options.rounds):
        for precision in options.precisions.split(","):
            done = set()
            for case in cases:
                fixed = case.fixed[precision]
                if fixed.path not in done:
                    fixed.measure(case.initial, warmup=options.warmup)
                    done.add(fixed.path)
                case.routed[precision].measure(case.weights, warmup=options.warmup)
    device = cases[0].routed[options.precisions.split(",")[0]].device
    print(f"{options.model}, {options.batch}x{options.seq}, {device}, load {os.getloadavg()[0]:.1f}")
    print("case     type entry        fixed ms  routed ms    FLOPs     bar    time  median")
    results = [case.report(precision) for precision in options.precisions.split(",") for case in cases]
    return all(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--model", default="models/hydra-100m.mlir")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seq", type=int, default=512)
    parser.add_argument("--cases", default=CASES)
    parser.add_argument("--entries", default="accumulate,eval",
                        choices=("accumulate,eval", "accumulate"))
    parser.add_argument("--precisions", default="f32", choices=("f32", "bf16", "f32,bf16"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--prepared", help="folder that keeps programs and weights")
    parser.add_argument("--prepare", action="store_true", help="time nothing")
    options = parser.parse_args()
    if options.prepare and not options.prepared:
        parser.error("--prepare: expected --prepared DIR, where what it makes is kept")
    if options.prepared:
        os.makedirs(options.prepared, exist_ok=True)
        return 0 if compare(options, options.prepared) else 1
    with tempfile.TemporaryDirectory() as scratch:
        return 0 if compare(options, scratch) else 1


if __name__ == "__main__":
    sys.exit(main())
