#!/usr/bin/python3
"""Fused row kernels on tensors beyond every cache, beside a hand-written loop that reads and writes as many tensors.

    bench/row_bandwidth.py [--bin build-bench/bin] [--rows 65536] [--rounds 9] [--json]

Prints, of each kernel, the fastest time, that of the loop (row_bandwidth/access_pattern.cc) and their ratio: the share of the
loop's bandwidth that the kernel reaches. The bar is 0.8. One thread, both in turn in the same run.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

DIM = 768
EPS = "{eps = 1.0e-6 : f64}"


def kernels(rows):
    """Name, program, and (reads, in place, writes) of its large tensors."""
    x, w = f"tensor<{rows}x{DIM}xf32>", f"tensor<{DIM}xf32>"
    entry = f'attributes {{hydra.entry = #hydra.entry<"kernel", 1 x {rows}, "">}}'
    yield "residual_norm", f"""
func.func @kernel(%x: {x}, %y: {x}, %w: {w}) -> ({x}, {x}) {entry} {{
  %s = hydra.binary <add> %x, %y : ({x}, {x}) -> {x}
  %n = hydra.rms_norm %s, %w {EPS} : ({x}, {w}) -> {x}
  return %s, %n : {x}, {x}
}}""", (2, 0, 2)
    yield "norm_gradients", f"""
func.func @kernel(%dy: {x}, %x: {x}, %w: {w}, %r: {x}) -> ({x}, {w}, {w}) {entry} {{
  %g = hydra.rms_norm_grad %dy, %x, %w {EPS} : ({x}, {x}, {w}) -> {x}
  %d = hydra.rms_norm_weight_grad %dy, %x {EPS} : ({x}, {x}) -> {w}
  %s = hydra.binary <add> %g, %r : ({x}, {x}) -> {x}
  %b = hydra.reduce <sum> <leading> %s : ({x}) -> {w}
  return %s, %d, %b : {x}, {w}, {w}
}}""", (3, 0, 1)
    yield "chain", f"""
func.func @kernel(%x: {x}, %y: {x}) -> {x} {entry} {{
  %a = hydra.binary <mul> %x, %y : ({x}, {x}) -> {x}
  %b = hydra.unary <silu> %a : ({x}) -> {x}
  %c = hydra.binary <add> %b, %x : ({x}, {x}) -> {x}
  return %c : {x}
}}""", (2, 0, 1)
    yield "column_sum", f"""
func.func @kernel(%x: {x}) -> {w} {entry} {{
  %s = hydra.reduce <sum> <leading> %x : ({x}) -> {w}
  return %s : {w}
}}""", (1, 0, 0)


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build-bench/bin"))
    parser.add_argument("--rows", type=int, default=65536)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    peer = options.bin / "access_pattern"
    if not peer.exists():
        print(f"skipped: {peer} is not there; scripts/bench builds it", file=sys.stderr)
        return 77
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, text, streams in kernels(options.rows):
            spec, artifact = pathlib.Path(folder) / f"{name}.mlir", pathlib.Path(folder) / f"{name}.hydra"
            spec.write_text(text)
            run(options.bin / "hydra-opt", spec, "-o", artifact)
            kernel = loop = float("inf")
            for _ in range(options.rounds):
                out = run(options.bin / "hydra-run", "bench", artifact, "--threads", "1", "--steps", "3", "--json")
                kernel = min(kernel, json.loads(out)["entries"][0]["min_seconds"])
                loop = min(loop, float(run(peer, *streams, options.rows, DIM, 3)))
            gigabytes = options.rows * DIM * 4 * (streams[0] + streams[1] + streams[2]) / 1e9
            report[name] = {"kernel_seconds": kernel, "loop_seconds": loop, "share": loop / kernel}
            if not options.json:
                print(
                    f"{name:16} {kernel * 1e3:8.2f} ms ({gigabytes / kernel:5.1f} GB/s)   loop {loop * 1e3:8.2f} ms"
                    f" ({gigabytes / loop:5.1f} GB/s)   share {loop / kernel:.2f}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
