#!/usr/bin/python3
"""`hydra-run train` against the PyTorch reference, step by step.

    compare_training.py MODEL TEXT [--hydra-run PATH] [--steps 50] [--batch 2] [--seq 64] ...

MODEL is models/hydra-nano.mlir, trained at fixed depth on the bytes of TEXT. The reference starts
from the weights that hydra-run starts from, sees the batches that it sees (the sampler is written
down again below) and follows the trainer's rules: clip limit, warm-up, AdamW groups (model.md 13).
Loss, learning rate and the gradients' norms before and after clipping must agree within 1e-4,
relative, at every step. --clip-min and --clip-factor lower the limit, so that it takes effect.
Exit status 0 if all agree, 1 if not, 77 where Debian's python3-torch is missing.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

BOUND = 1e-4
try:
    import torch
except ImportError as problem:
    print(f"skipped: the reference needs Debian's python3-torch ({problem})")
    sys.exit(77)
import hydra_reference as reference

HEADER_BYTES = 64  # of a token file; ids of one byte follow
DATA_STREAM = 0xE4B7943FD57D5D1E  # XXH3-64 of "data"
GRAD_CLIP = 5.0  # the trainer's default


def philox(counter, key):
    """Philox-4x32-10, one block of four 32-bit words."""
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(second >> 32) ^ counter[1] ^ key[0], second & 0xFFFFFFFF,
                   (first >> 32) ^ counter[3] ^ key[1], first & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def window_start(step, row, starts, seed):
    """Uniform in [0, starts): the high word of `starts` times 64 random bits."""
    words = philox([row // 2, step, DATA_STREAM & 0xFFFFFFFF, DATA_STREAM >> 32],
                   [seed & 0xFFFFFFFF, seed >> 32])
    low, high = words[row % 2 * 2], words[row % 2 * 2 + 1]
    return starts * (high << 32 | low) >> 64


def batch_of(ids, step, options):
    starts = [window_start(step, row, len(ids) - options.seq, options.seed)
              for row in range(options.batch)]
    rows = torch.tensor([list(ids[at:at + options.seq + 1]) for at in starts])
    return rows[:, :-1], rows[:, 1:]


def nano_config():
    """models/hydra-nano.mlir with every token making both passes of a dense MLP."""
    config = reference.Config(
        vocab_size=256, dim=192, n_mor_blocks=4, recursions_per_block=2, n_heads=3, n_kv_heads=1,
        mlp_ratio=2.67, adaptive=False, mod_mlp_warmup=10**9, aux_loss_weight=0.01)
    assert config.hidden == 512
    return config


def hydra(options, folder, *arguments):
    environment = {**os.environ, "XDG_CACHE_HOME": os.path.join(folder, "cache")}
    result = subprocess.run([options.hydra_run, *map(str, arguments)], capture_output=True,
                            text=True, env=environment)
    if result.returncode != 0:
        raise SystemExit(f"hydra-run {arguments[0]} failed with exit code {result.returncode}:\n"
                         f"{result.stderr}")


def train(options, folder, out, steps, rate):
    """The run's journal: one dictionary per step."""
    hydra(options, folder, "train", options.model, "--routing", "fixed", "--data",
          os.path.join(folder, "data"), "--out", out, "--steps", steps, "--lr", rate, "--batch",
          options.batch, "--seq", options.seq, "--seed", options.seed, "--set",
          f"clip_min={options.clip_min}", "--set", f"clip_factor={options.clip_factor}")
    with open(os.path.join(out, "steps.jsonl"), encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    return [event for event in events if event["event"] == "step"]


def run_hydra(options, folder):
    """Initial weights, training ids, and the journal."""
    data = os.path.join(folder, "data")
    hydra(options, folder, "data", "text", options.text, "--out", data)
    with open(os.path.join(data, "train.tokens"), "rb") as file:
        ids = file.read()[HEADER_BYTES:]
    # A step of rate 1e-30 moves no weight that float32 could tell from its initial value.
    start, weights = os.path.join(folder, "start"), os.path.join(folder, "initial.safetensors")
    train(options, folder, start, 1, 1e-30)
    hydra(options, folder, "checkpoint", "export", start, "-o", weights)
    journal = train(options, folder, os.path.join(folder, "run"), options.steps, options.lr)
    return reference.load_safetensors(weights)[0], ids, journal


def check_initial(config, parameters):
    """Names and shapes of the reference; constants where the reference has constants."""
    own = reference.init_params(config, torch.Generator().manual_seed(0))
    for name, tensor in own.items():
        assert parameters[name].shape == tensor.shape, name
        if tensor.numel() > 1 and tensor.unique().numel() > 1:
            spread = float(parameters[name].std() / tensor.std())
            assert tensor.numel() < 500 or 0.9 < spread < 1.1, f"{name}: spread {spread}"
        else:
            assert torch.allclose(parameters[name], tensor), name


def reference_steps(config, parameters, ids, options):
    """Yields the reference's loss terms and gradient norm, one step at a time."""
    average = GRAD_CLIP / 2
    optimizer, baseline = reference.AdamW(0.0), reference.Baseline()
    for step in range(options.steps):
        tokens, targets = batch_of(ids, step, options)
        leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
        phase = reference.phase_at(config, step, True)
        terms = reference.loss_terms(config, reference.forward(config, leaves, tokens, phase),
                                     targets, phase, baseline, reference.LossWeights())
        terms["total"].backward()
        gradients = {name: value.grad for name, value in leaves.items()}
        limit = min(3000.0, max(options.clip_min, options.clip_factor * average))
        norm = reference.clip_grads([g for g in gradients.values() if g is not None], limit)
        average += 0.05 * (norm - average)
        clipped = norm * min(1.0, limit / (norm + 1e-6))
        optimizer.lr = reference.learning_rate(step, options.steps, options.lr, 0.3 * options.lr)
        optimizer.step(parameters, gradients)
        yield {"loss": float(terms["total"].detach()), "norm": norm, "clipped": clipped,
               "lr": optimizer.lr}


def compare(step, ours, theirs):
    """Relative errors by name; prints the step if one is too large, and every tenth."""
    values = {"loss": ours["loss"]["total"], "norm": ours["grad_norm_pre_clip"],
              "clipped": ours["grad_norm"], "lr": ours["lr"]}
    errors = {name: abs(value - theirs[name]) / abs(theirs[name])
              for name, value in values.items()}
    # Written so that a value that is not a number fails.
    failed = not all(error <= BOUND for error in errors.values())
    if failed or step % 10 == 0:
        print(f"step {step}: " + "; ".join(
            f"{name} {value:.6g}, reference {theirs[name]:.6g}" for name, value in values.items())
              + ("  FAIL" if failed else ""), flush=True)
    return errors, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("text", help="at least a few thousand bytes")
    parser.add_argument("--hydra-run", default="build/bin/hydra-run")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seq", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clip-min", type=float, default=50.0)
    parser.add_argument("--clip-factor", type=float, default=2.0)
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    config = nano_config()
    with tempfile.TemporaryDirectory() as folder:
        parameters, ids, journal = run_hydra(options, folder)
    if len(journal) != options.steps:
        print(f"expected {options.steps} steps in steps.jsonl, found {len(journal)}")
        return 1
    check_initial(config, parameters)
    worst, failures = {}, 0
    expected = reference_steps(config, parameters, ids, options)
    for step, (ours, theirs) in enumerate(zip(journal, expected)):
        errors, failed = compare(step, ours, theirs)
        failures += failed
        for name, error in errors.items():
            worst[name] = max(worst.get(name, 0.0), error)
    print(f"{options.steps} steps of {options.batch} x {options.seq}, worst relative errors: "
          + ", ".join(f"{name} {error:.1e}" for name, error in worst.items())
          + f"; allowed {BOUND:.0e}; {failures} steps fail")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
