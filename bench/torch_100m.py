#!/usr/bin/python3
"""A training step of hydra-100m beside PyTorch 2, eager and compiled, f32 and bf16, in the same run.

    bench/torch_100m.py [--bin build/bin] [--batch 1] [--seq 512] [--rounds 2] [--steps 3] [--json]
                        [--venv FOLDER] [--install]

One step: forward, backward, clip by global norm and AdamW at fixed depth (every token makes all
passes of a dense MLP), all cores. PyTorch comes from PyPI in a virtual environment, --venv, by
default $XDG_CACHE_HOME/hydra/torch-venv; --install makes it (gigabytes: the wheel brings CUDA along).
The peer is what a good PyTorch user writes: the reference model with scaled_dot_product_attention,
F.rms_norm, F.normalize and the fused AdamW; bf16 is torch.autocast on float32 weights. Programs take
turns, and the better round counts, hydra's too. Printed: tokens per second, peak memory (largest
resident set of the process), seconds until the first step is done, and hydra's ratio to each peer.
Exit status 0 after a measurement, 77 where PyTorch 2 is missing, with the reason.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_VENV = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                            "hydra", "torch-venv")
TORCH = "torch>=2.6"  # F.rms_norm, bf16 kernels of oneDNN 3


def peer_attention(torch, functional, reference):
    """Attention of model.md 4 with the calls that PyTorch has for it."""

    def attention(config, parameter, x):
        batch, length, _ = x.shape
        heads, kv_heads, width = config.n_heads, config.n_kv_heads, config.head_dim
        q, k, v = functional.linear(x, parameter("qkv_proj.weight")).split(
            (config.latent, config.kv_dim, config.kv_dim), -1)
        now, late = v.split((config.kv_dim // 2, config.kv_dim - config.kv_dim // 2), -1)
        v = torch.cat((now, functional.pad(late, (0, 0, 1, 0))[:, :length]), -1)
        q0, k0 = q, k
        for name in ("conv1", "conv2"):
            q = reference.causal_conv(q, parameter(f"q_conv.{name}.weight"))
            k = reference.causal_conv(k, parameter(f"k_conv.{name}.weight"))

        def by_head(tensor, count):
            return tensor.reshape(batch, length, count, width).transpose(1, 2)

        q, q0 = by_head(q, heads), by_head(q0, heads)
        k, k0, v = (by_head(tensor, kv_heads) for tensor in (k, k0, v))
        q, k = q + 0.5 * k0.mean(1, keepdim=True), k + 0.5 * q0.mean(1, keepdim=True)
        q = functional.normalize(q, dim=-1, eps=1e-12)
        k = functional.normalize(k, dim=-1, eps=1e-12) * parameter("key_temperature")
        q, k = reference.rope(q), reference.rope(k)
        k, v = (tensor.repeat_interleave(heads // kv_heads, dim=1) for tensor in (k, v))
        y = functional.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v,
                                                    is_causal=True)
        y = y.transpose(1, 2).reshape(batch, length, config.latent)
        return functional.linear(y, parameter("o_proj.weight"))

    return attention


def peer(options):
    """Child process under PyTorch 2: times steps and prints them as JSON."""
    sys.path.insert(0, os.path.join(ROOT, "tests/reference"))
    import torch
    import torch.nn.functional as functional
    import hydra_reference as reference
    from compare_100m import config_100m
    mode, precision = options.peer
    reference.attention = peer_attention(torch, functional, reference)
    reference.rms_norm = lambda x, w, eps=1e-6: functional.rms_norm(x, (x.shape[-1],),
                                                                    w.to(x.dtype), eps)
    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count())
    config, random = config_100m(), torch.Generator().manual_seed(0)
    parameters = reference.init_params(config, random)
    for tensor in parameters.values():
        tensor.requires_grad_()
    phase = reference.phase_at(config, 0, True)
    text = torch.randint(0, config.vocab_size, (options.batch, options.seq + 1), generator=random)

    def loss_of(tokens, targets):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = reference.forward(config, parameters, tokens, phase)
            loss = functional.cross_entropy(output.logits.flatten(0, 1).float(), targets.flatten())
            return loss + sum(tape["aux_out"] for tape in output.tapes
                              if tape.get("aux_out") is not None)

    run = torch.compile(loss_of) if mode == "compiled" else loss_of
    optimizer = torch.optim.AdamW(list(parameters.values()), lr=1e-4, fused=True)

    def step():
        start = time.perf_counter()
        loss = run(text[:, :-1], text[:, 1:])
        loss.backward()
        present = [tensor for tensor in parameters.values() if tensor.grad is not None]
        torch.nn.utils.clip_grad_norm_(present, 50.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - start, float(loss.detach())

    first, _ = step()
    steps = [step() for _ in range(options.steps)]
    print(json.dumps({"seconds": sorted(seconds for seconds, _ in steps), "first": first,
                      "loss": steps[-1][1],
                      "library": f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
                                 f"{torch.backends.cpu.get_cpu_capability()}"}))
    return 0


def run_child(command):
    """The JSON that a program prints, with its peak resident bytes, or None where it fails."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            return None
        output.seek(0)
        result = json.loads(output.read().decode().splitlines()[-1])
        result["peak"] = usage.ru_maxrss * 1024
        return result


def measure_hydra(options, precision, folder):
    """As a peer; None where this processor has no bf16 products."""
    artifact = os.path.join(folder, f"{precision}.hydra")
    start = time.perf_counter()
    if not os.path.exists(artifact):
        entry = f"--entry=train@{options.batch}x{options.seq}"
        compiled = subprocess.run(
            [os.path.join(options.bin, "hydra-opt"), os.path.join(ROOT, "models/hydra-100m.mlir"),
             "--routing=fixed", f"--precision={precision}", entry, "--kernel-cache=off",
             "-o", artifact], stderr=subprocess.PIPE, text=True)
        if compiled.returncode != 0:
            print(f"hydra {precision}: {compiled.stderr.strip()}", file=sys.stderr)
            return None
    compiling = time.perf_counter() - start
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        with open(file.name, "w", encoding="utf-8") as output:
            child = subprocess.Popen(
                [os.path.join(options.bin, "hydra-run"), "bench", artifact, "--steps",
                 str(options.steps), "--warmup", "1", "--json"], stdout=output)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            return None
        with open(file.name, encoding="utf-8") as output:
            result = json.load(output)
    entry = result["entries"][0]
    return {"seconds": [entry["min_seconds"], entry["median_seconds"]], "library": result["device"],
            "first": compiling + entry["max_seconds"], "peak": usage.ru_maxrss * 1024}


def better(one, other):
    """Of two rounds; the first one's start counts, the later ones find everything compiled."""
    if one is None or other is None:
        return one or other
    best = min(one, other, key=lambda each: each["seconds"][0])
    return {**best, "first": one["first"], "peak": min(one["peak"], other["peak"])}


def python_of(options):
    """The interpreter of the virtual environment, or None and why there is none."""
    python = os.path.join(options.venv, "bin", "python")
    if options.install:
        if not os.path.exists(python):
            venv.create(options.venv, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", TORCH, "numpy"], check=True)
    if not os.path.exists(python):
        return None, f"no virtual environment in {options.venv}; make it with --install"
    probe = subprocess.run([python, "-c", "import torch; assert int(torch.__version__[0]) >= 2"],
                           capture_output=True, text=True)
    if probe.returncode:
        return None, f"{python} has no PyTorch 2: {probe.stderr.strip().splitlines()[-1]}"
    return python, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build/bin"),
                        help="folder of hydra-opt and hydra-run")
    parser.add_argument("--venv", default=DEFAULT_VENV, help="virtual environment with PyTorch 2")
    parser.add_argument("--install", action="store_true", help="make it, from PyPI")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seq", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return peer(options)
    python, why = python_of(options)
    if python is None:
        print(f"skipped: {why}")
        return 77
    cases = [(mode, precision) for precision in ("f32", "bf16")
             for mode in ("hydra", "eager", "compiled")]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.rounds):
            for mode, precision in cases:
                if mode == "hydra":
                    result = measure_hydra(options, precision, folder)
                else:
                    result = run_child(
                        [python, os.path.abspath(__file__), "--peer", mode, precision, "--batch",
                         str(options.batch), "--seq", str(options.seq), "--steps",
                         str(options.steps)])
                results[mode, precision] = better(results.get((mode, precision)), result)
                seconds = f"{result['seconds'][0]:.2f} s" if result else "failed"
                print(f"round {turn + 1}: {mode} {precision} {seconds}; "
                      f"load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    rows = []
    for mode, precision in cases:
        result, ours = results[mode, precision], results["hydra", precision]
        if result is None:
            continue
        row = {"mode": mode, "precision": precision, "library": result["library"],
               "tokens_per_second": options.batch * options.seq / result["seconds"][0],
               "peak_bytes": result["peak"], "first_step_seconds": result["first"]}
        if ours:
            row["speed_of_hydra"] = result["seconds"][0] / ours["seconds"][0]
            row["memory_of_hydra"] = ours["peak"] / result["peak"]
        rows.append(row)
    if options.json:
        print(json.dumps({"batch": options.batch, "seq": options.seq, "rows": rows}))
        return 0
    for library in dict.fromkeys(row["library"] for row in rows):
        print(library)
    print(f"\n{options.batch} x {options.seq} tokens, the better of {options.rounds} rounds\n"
          f"{'':16}{'tokens/s':>10}{'hydra is':>10}{'peak GB':>10}{'hydra has':>10}"
          f"{'first step s':>14}")
    for row in rows:
        print(f"{row['mode'] + ' ' + row['precision']:16}{row['tokens_per_second']:10.1f}"
              f"{row.get('speed_of_hydra', float('nan')):9.2f}x{row['peak_bytes'] / 1e9:10.2f}"
              f"{row.get('memory_of_hydra', float('nan')):9.2f}x{row['first_step_seconds']:14.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
