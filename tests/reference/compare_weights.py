#!/usr/bin/python3
"""Weights both ways between hydra-run and PyTorch.

    compare_weights.py --hydra-run PATH --libhydra PATH --converter tools/pt_to_safetensors.py [--text FILE]

Trains small models for a few steps and then:
  out   what `checkpoint export` leaves, in one file and in shards, is loaded into the PyTorch reference with the config.json
        beside it; its logits and those of libhydra agree within 1e-5 of the largest
  back  a .pt as PyTorch programs save it (under `model`, with the prefixes of torch.compile and data-parallel training, aliases
        and buffers) goes through the converter and `checkpoint import`; exported again it has the bytes it had
  bf16, f16  a .pt of that type is imported: logits agree as above; `export --type` rounds every weight as PyTorch does, and
        what was exported, imported and exported has the same bytes
Exit status 0 if all holds, 1 if not, 77 where Debian's python3-torch is missing.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

BOUND = 1e-5
BATCH, SEQ = 2, 48
try:
    import torch
except ImportError as problem:
    print(f"skipped: the reference needs Debian's python3-torch ({problem})")
    sys.exit(77)
import hydra_reference as reference

SIZES = {"vocab_size": 256, "dim": 64, "n_heads": 4, "n_kv_heads": 2, "compression_factor": 2, "max_seq_len": 64}
MODELS = {
    "base": {"kind": "base", "n_mor_blocks": 2, "tie_weights": False},
    "routed": {"kind": "hydra", "n_mor_blocks": 4, "recursions_per_block": 3, "moe_enabled": True, "moe_num_experts": 2,
               "moe_num_layers": 1, "moe_identity_init": False},
}
# Everything is on at the end of the run.
EARLY = ("mod_warmup_steps=1", "mor_enable_step=1", "mor_rampup_steps=1")
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def as_pytorch_saves(params, config):
    """A state dict with wrappers, aliases and buffers (model.md 2, end)."""
    state = dict(params)
    if config.tie_weights:
        state["output.weight"] = params["tok_emb.weight"]
    for block in range(config.n_mor_blocks):
        if config.has_mod(block):
            for part in ("gate_up", "down"):
                state[f"layers.{block}.mod_mlp_wrapper.mlp.{part}.weight"] = params[f"layers.{block}.mlp.{part}.weight"]
            state[f"layers.{block}.mod_mlp_wrapper.mod_router._aux_loss"] = torch.zeros(())
    state["loss_baseline._step"] = torch.tensor(7)
    return {"model": {f"_orig_mod.module.{name}": value for name, value in state.items()}, "step": 7}


class Setting:
    """What a .pt may hold besides tensors."""


class Comparison:

    def __init__(self, options, folder):
        self.options, self.folder, self.failures = options, folder, 0
        self.environment = {**os.environ, "XDG_CACHE_HOME": self.path("cache")}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def run(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=self.environment, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def hydra(self, *arguments):
        return self.run(self.options.hydra_run, *arguments)

    def check(self, what, holds, figure=""):
        print(f"{'ok  ' if holds else 'FAIL'} {what} {figure}")
        self.failures += not holds

    def logits(self, checkpoint, tokens):
        """Of libhydra, in a process without torch, which has the same oneDNN and settles how it works."""
        with open(self.path("tokens"), "wb") as file:
            file.write(tokens.to(torch.int32).numpy().tobytes())
        self.run(sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "library_logits.py"),
                 self.options.libhydra, checkpoint, f"eval@{BATCH}x{SEQ}", self.path("tokens"), self.path("logits"))
        return torch.frombuffer(bytearray(read(self.path("logits"))), dtype=torch.float32).view(BATCH, SEQ, -1)

    def agree(self, what, checkpoint, config, params, tokens):
        phase = reference.Phase(training=False, step=10 ** 6, mod_on=True, mor_scale=1.0)
        with torch.no_grad():
            expected = reference.forward(config, params, tokens, phase).logits
        error = reference.relative(self.logits(checkpoint, tokens), expected)
        self.check(what, error <= BOUND, f"logits differ by {error:.1e} of the largest")

    def load(self, folder):
        """Config and parameters of an exported directory."""
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = reference.Config.from_dict(json.load(file)["model"])
        params = {}
        for name in sorted(os.listdir(folder)):
            if name.endswith(".safetensors"):
                params.update(reference.load_safetensors(os.path.join(folder, name))[0])
        return config, params

    def convert(self, name, saved):
        """A .pt through the converter; the safetensors file."""
        torch.save(saved, self.path(name + ".pt"))
        out = self.path(name + ".safetensors")
        self.run(sys.executable, "-B", self.options.converter, self.path(name + ".pt"), "-o", out)
        return out

    def refuse(self):
        """Files that the converter does not take, or takes when it is told to trust them."""
        state = {"model": {"a": torch.zeros(2)}, "settings": Setting()}
        torch.save(state, self.path("objects.pt"))
        with open(self.path("text.pt"), "w", encoding="utf-8") as file:
            file.write("no pickle")
        convert = [sys.executable, "-B", self.options.converter]
        for name, more, says in (("objects.pt", [], "--trust"), ("text.pt", [], "text.pt"), ("none.pt", [], "No such file"),
                                 ("text.pt", ["--trust"], "expected a file of torch.save")):
            done = subprocess.run([*convert, self.path(name), "-o", self.path("never"), *more], capture_output=True, text=True,
                                  check=False)
            self.check(f"the converter refuses {name} {' '.join(more)}", done.returncode != 0 and says in done.stderr
                       and "Traceback" not in done.stderr and not os.path.exists(self.path("never")))
        with open(self.path("trusting.py"), "w", encoding="utf-8") as file:
            file.write("import runpy, sys\nclass Setting: pass\n"
                       "sys.argv = sys.argv[1:]\nsys.modules['__main__'].Setting = Setting\n"
                       "runpy.run_path(sys.argv[0])['main']()\n")
        self.run(sys.executable, "-B", self.path("trusting.py"), self.options.converter, self.path("objects.pt"), "-o",
                 self.path("trusted.safetensors"), "--trust")
        self.check("the converter takes objects that are trusted",
                   list(reference.load_safetensors(self.path("trusted.safetensors"))[0]) == ["a"])

    def imported(self, name, weights):
        """A checkpoint of the weights, with every entry."""
        out = self.path(name)
        self.hydra("checkpoint", "import", weights, "--model", self.artifact, "-o", out)
        return out

    def train(self, name, model):
        with open(self.path(name + ".json"), "w", encoding="utf-8") as file:
            json.dump({"model": {**SIZES, **model}}, file)
        self.artifact = self.path(name + ".hydra")
        compiler = os.path.join(os.path.dirname(self.options.hydra_run), "hydra-opt")
        self.run(compiler, self.path(name + ".json"), "-o", self.artifact, f"--entry=train@{BATCH}x{SEQ}",
                 f"--entry=eval@{BATCH}x{SEQ}")
        settings = EARLY if model["kind"] == "hydra" else ()
        self.hydra("train", self.path(name + ".json"), "--data", self.path("data"), "--out", self.path(name), "--steps", 6, "--lr",
                   0.01, "--batch", BATCH, "--seq", SEQ, *(part for setting in settings for part in ("--set", setting)))
        return self.path(name)

    def compare(self, name, model, tokens):
        run = self.train(name, model)
        exported, sharded, single = (self.path(name + end) for end in ("-whole", "-shards", ".f32.safetensors"))
        self.hydra("checkpoint", "export", run, "-o", exported)
        self.hydra("checkpoint", "export", run, "-o", sharded, "--shard-bytes", 100000)
        self.hydra("checkpoint", "export", run, "-o", single)
        config, params = self.load(exported)
        self.check(f"{name}: the parameters are those of the reference",
                   {key: tuple(value.shape) for key, value in params.items()} == reference.param_shapes(config))
        self.agree(f"{name}: exported to PyTorch", run, config, params, tokens)
        with open(os.path.join(sharded, "model.safetensors.index.json"), encoding="utf-8") as file:
            files = set(json.load(file)["weight_map"].values())
        pieces = self.load(sharded)[1]
        self.check(f"{name}: shards hold the same", len(files) > 3 and pieces.keys() == params.keys()
                   and all(torch.equal(pieces[key], value) for key, value in params.items()), f"in {len(files)} files")

        state = as_pytorch_saves(params, config)
        back = self.imported(name + "-back", self.convert(name, state))
        self.hydra("checkpoint", "export", back, "-o", self.path(name + "-back.safetensors"))
        self.check(f"{name}: back from PyTorch", read(self.path(name + "-back.safetensors")) == read(single), "byte-identical")

        for kind, dtype in TYPES.items():
            rounded = {key: value.to(dtype) for key, value in params.items()}
            checkpoint = self.imported(f"{name}-{kind}", self.convert(f"{name}-{kind}", as_pytorch_saves(rounded, config)))
            self.agree(f"{name}: {kind} from PyTorch", checkpoint, config,
                       {key: value.float() for key, value in rounded.items()}, tokens)
            out = self.path(f"{name}.{kind}.safetensors")
            self.hydra("checkpoint", "export", run, "--type", kind, "-o", out)
            ours = reference.load_safetensors(out)[0]
            self.check(f"{name}: exported {kind} is PyTorch's rounding",
                       all(torch.equal(ours[key].view(torch.int16), value.view(torch.int16)) if value.dim() else
                           float(ours[key]) == float(value) for key, value in rounded.items()))
            self.hydra("checkpoint", "export", checkpoint, "--type", kind, "-o", self.path(f"{name}-again.{kind}.safetensors"))
            self.check(f"{name}: {kind} out, in and out", read(self.path(f"{name}-again.{kind}.safetensors")) == read(out),
                       "byte-identical")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for flag in ("--hydra-run", "--libhydra", "--converter"):
        parser.add_argument(flag, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options, folder)
        words = random.Random(0).choices("the quick brown fox jumps over one lazy dog".split(), k=4000)
        with open(comparison.path("text.txt"), "w", encoding="utf-8") as file:
            file.write(" ".join(words))
        comparison.hydra("data", "text", comparison.path("text.txt"), "--out", comparison.path("data"))
        tokens = torch.randint(0, 256, (BATCH, SEQ))
        tokens[0, :40] = torch.tensor(list(" ".join(words)[:40].encode()))
        comparison.refuse()
        for name, model in MODELS.items():
            comparison.compare(name, model, tokens)
    sys.exit(1 if comparison.failures else 0)


if __name__ == "__main__":
    main()
