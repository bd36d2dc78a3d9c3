#!/usr/bin/python3
"""A training step of hydra-100m beside the PyTorch reference, both measured in the same run.

    bench/train_100m.py [--bin build/bin] [--rounds 3] [--steps 3] [--blas FOLDER] [--json]

One step: forward, backward, clip by global norm and AdamW on 1 x 512 tokens, float32, fixed depth
(every token makes all passes of a dense MLP), all cores. `hydra-run bench` and
tests/reference/hydra_reference.py (Debian's python3-torch) take turns. Printed: tokens per second
(median of the rounds, and the best round, for a machine that has other work), processor seconds
per step, peak memory (largest resident set of the process) and their ratios. Debian's
python3-torch multiplies matrices with whatever libblas.so.3 the system has; --blas names a folder
with another one, and the name of the one used is printed.
Exit status 0 if hydra reaches the reference's tokens per second within its peak memory, 1 if not,
77 where python3-torch is missing.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATCH, SEQ, WARMUP = 1, 512, 1


def reference_steps(steps):
    """Child process: times steps of the reference and prints them as JSON."""
    sys.path.insert(0, os.path.join(ROOT, "tests/reference"))
    import torch
    import hydra_reference as reference
    from compare_100m import config_100m
    torch.set_num_threads(os.cpu_count())
    config, random = config_100m(), torch.Generator().manual_seed(0)
    parameters = reference.init_params(config, random)
    optimizer, baseline = reference.AdamW(1e-4), reference.Baseline()
    text = torch.randint(0, config.vocab_size, (BATCH, SEQ + 1), generator=random)
    phase = reference.phase_at(config, 0, True)
    for tensor in parameters.values():
        tensor.requires_grad_()
    seconds, processor = [], []
    for _ in range(WARMUP + steps):
        start, start_processor = time.perf_counter(), time.process_time()
        output = reference.forward(config, parameters, text[:, :-1], phase)
        terms = reference.loss_terms(config, output, text[:, 1:], phase, baseline,
                                     reference.LossWeights())
        del output
        terms["total"].backward()
        del terms
        gradients = {name: value.grad for name, value in parameters.items()}
        reference.clip_grads([g for g in gradients.values() if g is not None], 50.0)
        optimizer.step(parameters, gradients)
        del gradients
        for tensor in parameters.values():
            tensor.grad = None
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_processor)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        blas = sorted({os.path.basename(line.split()[-1]) for line in maps if "blas" in line})
    print(json.dumps({"seconds": seconds[WARMUP:], "processor": processor[WARMUP:],
                      "torch": torch.__version__, "threads": torch.get_num_threads(),
                      "blas": blas}))


def run_child(command, environment=None):
    """Standard output, processor seconds and peak resident bytes of a program."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"{command[0]} ended with exit status {child.returncode}")
        output.seek(0)
        return output.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def measure_hydra(options, artifact):
    text, processor, peak = run_child(
        [os.path.join(options.bin, "hydra-run"), "bench", artifact, "--entry",
         f"train@{BATCH}x{SEQ}", "--steps", str(options.steps), "--warmup", str(WARMUP), "--json"])
    result = json.loads(text)
    # The median of few steps; processor time counts start-up too, to hydra's disadvantage.
    return {"seconds": result["entries"][0]["median_seconds"], "device": result["device"],
            "processor": processor / (options.steps + WARMUP), "peak": peak}


def measure_reference(options):
    environment = dict(os.environ)
    if options.blas:
        environment["LD_LIBRARY_PATH"] = options.blas
    text, _, peak = run_child([sys.executable, os.path.abspath(__file__), "--reference",
                               str(options.steps)], environment)
    result = json.loads(text)
    return {"seconds": statistics.median(result["seconds"]), "peak": peak,
            "processor": statistics.median(result["processor"]),
            "library": f"torch {result['torch']}, {result['threads']} threads, "
                       f"{', '.join(result['blas'])}"}


def summary(rounds):
    median = {key: statistics.median(each[key] for each in rounds)
              for key in ("seconds", "processor", "peak")}
    return {"tokens_per_second": BATCH * SEQ / median["seconds"],
            "best_tokens_per_second": BATCH * SEQ / min(each["seconds"] for each in rounds),
            "processor_seconds_per_step": median["processor"], "peak_bytes": median["peak"],
            "rounds": rounds}


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build/bin"),
                        help="folder of hydra-opt and hydra-run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--blas", help="folder with the libblas.so.3 that the reference shall use")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--reference", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reference is not None:
        return reference_steps(options.reference)
    if subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode:
        print("skipped: the reference needs Debian's python3-torch")
        return 77
    hydra, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        artifact = os.path.join(folder, "hydra-100m.hydra")
        subprocess.run([os.path.join(options.bin, "hydra-opt"),
                        os.path.join(ROOT, "models/hydra-100m.mlir"), "--routing=fixed",
                        f"--entry=train@{BATCH}x{SEQ}", "-o", artifact], check=True)
        for turn in range(options.rounds):
            hydra.append(measure_hydra(options, artifact))
            peer.append(measure_reference(options))
            print(f"round {turn + 1}: hydra {hydra[-1]['seconds']:.2f} s, reference "
                  f"{peer[-1]['seconds']:.2f} s per step; load {os.getloadavg()[0]:.1f}",
                  file=sys.stderr, flush=True)
    ours, theirs = summary(hydra), summary(peer)
    ratios = {key: ours[key] / theirs[key]
              for key in ours if key != "rounds"}
    passed = ratios["tokens_per_second"] >= 1 and ratios["peak_bytes"] <= 1
    if options.json:
        print(json.dumps({"hydra": ours, "reference": theirs, "ratios": ratios, "passed": passed}))
    else:
        print(f"{processor_name()}, {os.cpu_count()} cores\nhydra      {hydra[0]['device']}\n"
              f"reference  {peer[0]['library']}\n\n"
              f"{'':22}{'hydra':>10}{'reference':>12}{'ratio':>9}")
        for label, key, scale in (("tokens/s", "tokens_per_second", 1),
                                  ("tokens/s, best round", "best_tokens_per_second", 1),
                                  ("processor s per step", "processor_seconds_per_step", 1),
                                  ("peak memory, GB", "peak_bytes", 1e-9)):
            print(f"{label:22}{ours[key] * scale:10.2f}{theirs[key] * scale:12.2f}"
                  f"{ratios[key]:9.3f}")
        print("\nthe bar holds" if passed else "\nthe bar is missed")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
