#!/usr/bin/python3
"""Row kernels of two builds, measured in turn in the same run: the ratio new / old of the fastest runs.

    bench/row_kernels.py OLD/bin NEW/bin [--rounds 5] [--steps 40] [--json]

Each kernel is one primitive on the widths of hydra-100m (512 tokens), compiled by each build's own hydra-opt for this
machine and run on one thread by NEW's hydra-run.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

ROWS, DIM, WIDE = 512, 768, 2048


def tensor(*shape, element="f32"):
    return "tensor<" + "".join(f"{extent}x" for extent in shape) + element + ">"


def function(op, types, attributes, results):
    arguments = ", ".join(f"%a{i}: {t}" for i, t in enumerate(types))
    names = ", ".join(f"%a{i}" for i in range(len(types)))
    values = ", ".join(f"%r#{i}" for i in range(len(results)))
    out = ", ".join(results)
    return (
        f"func.func @kernel({arguments}) -> ({out}) attributes {{hydra.entry = #hydra.entry<\"kernel\", 1 x {ROWS}, \"\">}} {{\n"
        f"  %r:{len(results)} = hydra.{op} {names} {attributes} : ({', '.join(types)}) -> ({out})\n"
        f"  return {values} : {out}\n}}\n"
    )


X, W, GATES, FLAT = tensor(ROWS, DIM), tensor(DIM), tensor(ROWS, 2 * WIDE), tensor(DIM * WIDE)
SCALAR, COUNTS = tensor(), tensor(4, element="i32")
HEADS, TABLE, HIDDEN = tensor(1, ROWS, DIM), tensor(2048, 64), tensor(ROWS, WIDE)
EPS = "{eps = 1.0e-6 : f64}"
KERNELS = {
    "binary_add": function("binary <add>", [X, X], "", [X]),
    "rms_norm": function("rms_norm", [X, W], EPS, [X]),
    "rms_norm_grad": function("rms_norm_grad", [X, X, W], EPS, [X]),
    "rms_norm_weight_grad": function("rms_norm_weight_grad", [X, X], EPS, [W]),
    "l2_norm": function("l2_norm", [X], "{heads = 12, eps = 1.0e-6 : f64}", [X]),
    "l2_norm_grad": function("l2_norm_grad", [X, X], "{heads = 12, eps = 1.0e-6 : f64}", [X]),
    "rope": function("rope", [HEADS, TABLE], "", [HEADS]),
    "swiglu": function("swiglu", [GATES], "", [HIDDEN]),
    "swiglu_grad": function("swiglu_grad", [HIDDEN, GATES], "", [GATES]),
    "reduce_leading": function("reduce <sum> <leading>", [X], "", [W]),
    "unfold": function("unfold", [HEADS], "{width = 3}", [tensor(1, ROWS, 3 * DIM)]),
    "fold": function("fold", [tensor(1, ROWS, 3 * DIM)], "{width = 3}", [HEADS]),
    "shift": function("shift", [HEADS], "{from_channel = 384}", [HEADS]),
    "cross_entropy": function(
        "cross_entropy", [tensor(64, 50257), tensor(64, element="i32")], "", [SCALAR, tensor(64), tensor(64)]
    ),
    "cross_entropy_grad": function(
        "cross_entropy_grad",
        [SCALAR, tensor(64, 50257), tensor(64, element="i32"), tensor(64)],
        "",
        [tensor(64, 50257)],
    ),
    "adamw": function(
        "adamw",
        [FLAT] * 4 + [COUNTS] * 2 + [SCALAR] * 3,
        "{index = 2, lr_factor = 0.5 : f64, decay_factor = 2.0 : f64, beta1 = 0.9 : f64, beta2 = 0.95 : f64, eps = 1.0e-8 : f64}",
        [FLAT] * 4,
    ),
}


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in KERNELS.items():
            spec = pathlib.Path(folder) / f"{name}.mlir"
            spec.write_text(text)
            artifacts = {}
            for build in ("old", "new"):
                artifacts[build] = f"{folder}/{name}.{build}.hydra"
                run([getattr(options, build) / "hydra-opt", spec, "-o", artifacts[build]])
            fastest = {"old": float("inf"), "new": float("inf")}
            for _ in range(options.rounds):
                for build, artifact in artifacts.items():
                    out = run(
                        [options.new / "hydra-run", "bench", artifact, "--threads", "1", "--steps", str(options.steps), "--json"]
                    )
                    seconds = json.loads(out)["entries"][0]["min_seconds"]
                    fastest[build] = min(fastest[build], seconds)
            report[name] = {**fastest, "ratio": fastest["new"] / fastest["old"]}
            if not options.json:
                row = report[name]
                print(f"{name:24} old {row['old'] * 1e6:9.1f} us  new {row['new'] * 1e6:9.1f} us  new/old {row['ratio']:.2f}", flush=True)
    if options.json:
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
