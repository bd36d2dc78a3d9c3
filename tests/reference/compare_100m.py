#!/usr/bin/python3
"""hydra-100m at fixed depth against the PyTorch reference: loss, logits and every gradient.

    compare_100m.py [--hydra-run PATH] [--seq S ...] [--keep DIR]

For every length S (512 and 515 unless given) one sequence of random tokens goes through
hydra_reference.py with its own initial weights; weights, outputs and gradients become a file in
the golden format, and `hydra-run verify` compares the compiled program with it. Bounds, as in the
golden files, 1e-4 each: outputs relative to the tensor's largest magnitude, losses relative,
gradients relative to max(max|b|, 1e-2 G), G being the largest entry of all gradients. Exit status
0 if everything holds, 1 if not, 77 where Debian's python3-torch is missing.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

BOUND = 1e-4
try:
    import torch
except ImportError as problem:
    print(f"skipped: the reference needs Debian's python3-torch ({problem})")
    sys.exit(77)
import hydra_reference as reference


def config_100m():
    """models/hydra-100m.mlir with every token making all four passes of a dense MLP."""
    config = reference.Config(
        vocab_size=50257, dim=768, n_mor_blocks=8, recursions_per_block=4, n_heads=12,
        n_kv_heads=3, mlp_ratio=3.6, adaptive=False, mod_mlp_warmup=10**9, aux_loss_weight=0.1)
    assert reference.count_params(config) == 94_562_326, "not the model of models/hydra-100m.mlir"
    return config


def write_golden(path, seq):
    """Runs the reference on 1 x seq tokens and writes what it computed; returns the loss."""
    config, random = config_100m(), torch.Generator().manual_seed(seq)
    parameters = reference.init_params(config, random)
    for tensor in parameters.values():
        tensor.requires_grad_()
    text = torch.randint(0, config.vocab_size, (1, seq + 1), generator=random)
    tokens, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()
    run = {"training": True, "step": 0, "mor_enable_step": 0, "mor_rampup_steps": None,
           "ponder_step": 0, "forced_expert": -1, "teacher_expert": -1, "baseline": None}
    weights = {"ponder": 0.01, "teacher": 0.0, "advantage": 1.0}
    phase = reference.phase_from(config, run)
    output = reference.forward(config, parameters, tokens, phase)
    terms = reference.loss_terms(config, output, targets, phase, reference.Baseline(),
                                 reference.LossWeights(**weights))
    terms["total"].backward()

    tensors = {"in.tokens": tokens.int(), "in.targets": targets.int()}
    tensors.update({f"param.{name}": value for name, value in parameters.items()})
    tensors.update({f"out.block.{i}": value for i, value in enumerate(output.blocks)})
    tensors["out.logits"] = output.logits
    tensors.update({f"loss.{name}": terms[name] for name in ("ce", "aux", "total")})
    tensors.update({f"grad.{name}": value.grad for name, value in parameters.items()
                    if value.grad is not None})
    reference.save_safetensors(path, tensors, {
        "format": "hydra-golden-1",
        "config": json.dumps({
            "name": f"hydra-100m, 1 x {seq}", "model": config.to_dict(), "run": run,
            "loss": weights,
            "derived": {"mod_on": phase.mod_on, "mor_scale": phase.mor_scale,
                        "ponder_warmup": phase.ponder_warmup,
                        "advantage_scale": phase.advantage_scale,
                        "aux_loss_weight": config.aux_weight, "head_dim": config.head_dim,
                        "kv_dim": config.kv_dim, "mlp_hidden": config.hidden,
                        "moe_placement": []},
            "no_grad": [name for name, value in parameters.items() if value.grad is None],
            "margin": 1e9,
            "tolerance": {"out": BOUND, "loss": BOUND, "grad": BOUND}})})
    return float(terms["total"].detach())


def worst_errors(golden, computed):
    """Largest error of every kind of tensor, each relative to what its bound is relative to."""
    expected, found = (reference.load_safetensors(path)[0] for path in (golden, computed))
    floor = 1e-2 * max(float(value.abs().max()) for name, value in expected.items()
                       if name.startswith("grad."))
    worst = {}
    for name, value in expected.items():
        kind = "out.logits" if name == "out.logits" else name.split(".")[0]
        if kind in ("out", "out.logits", "loss", "grad"):
            error = reference.relative(found[name].float().reshape(value.shape), value,
                                       {"grad": floor, "loss": 1e-3}.get(kind, 0.0))
            worst[kind] = max(worst.get(kind, (0.0, "")), (error, name))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hydra-run", default="build/bin/hydra-run")
    parser.add_argument("--seq", type=int, action="append", help="512 and 515 unless given")
    parser.add_argument("--keep", help="folder for the files, 2 GB for each length; otherwise temporary")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    passed = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        os.makedirs(folder, exist_ok=True)
        for seq in options.seq or (512, 515):
            golden = os.path.join(folder, f"hydra-100m-{seq}.safetensors")
            start = time.monotonic()
            loss = write_golden(golden, seq)
            print(f"1 x {seq}: loss of the reference {loss:.6f}, "
                  f"{time.monotonic() - start:.0f} s", flush=True)
            computed = os.path.join(folder, f"computed-{seq}.safetensors")
            result = subprocess.run([options.hydra_run, "verify", golden, "--dump", computed])
            passed = passed and result.returncode == 0
            if os.path.exists(computed):
                for error, name in worst_errors(golden, computed).values():
                    print(f"  {error:.1e}  {name}")
            if not options.keep:
                for path in (golden, computed):
                    if os.path.exists(path):
                        os.remove(path)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
