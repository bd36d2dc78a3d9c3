#!/usr/bin/env python3
"""Golden files of models that are written in the open tier: GPT-2 and Llama in plain PyTorch.

    python3 tests/golden/make_open_tier.py SOURCE_DIR            the small files kept beside this script
    python3 tests/golden/make_open_tier.py SOURCE_DIR --full DIR  the specs of models/ as they are, into DIR

The spec is that of models/, narrowed by substituting its numbers, and travels in the file (metadata `spec`).
Weights are normal with a seed, larger than at initialisation, so that every path matters. Needs PyTorch (any version
since 1.13) and NumPy; the tests that use the files do not.
"""
import json
import math
import os
import struct
import sys

import numpy
import torch
import torch.nn.functional as F


class LayerNorm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))
        self.bias = torch.nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, 1e-5)


class RmsNorm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x, theta=10000.0):
    """Neighbouring pairs of channels as complex numbers, turned by t theta^(-2i/d). x is [B, heads, S, d]."""
    length, width = x.shape[-2:]
    frequencies = theta ** (-torch.arange(0, width, 2).double() / width)
    angles = torch.outer(torch.arange(length).double(), frequencies)
    turned = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * torch.polar(
        torch.ones_like(angles), angles).to(torch.complex64)
    return torch.view_as_real(turned).reshape(x.shape)


class Attention(torch.nn.Module):
    def __init__(self, width, heads, kv_heads, bias, rope):
        super().__init__()
        self.heads, self.kv_heads, self.rope, self.head = heads, kv_heads, rope, width // heads
        self.qkv_proj = torch.nn.Linear(width, (heads + 2 * kv_heads) * self.head, bias=bias)
        self.o_proj = torch.nn.Linear(width, width, bias=bias)

    def forward(self, x):
        batch, length, width = x.shape
        keys = self.kv_heads * self.head
        q, k, v = self.qkv_proj(x).split([width, keys, keys], dim=-1)
        q = q.view(batch, length, self.heads, self.head).transpose(1, 2)
        k = k.view(batch, length, self.kv_heads, self.head).transpose(1, 2)
        v = v.view(batch, length, self.kv_heads, self.head).transpose(1, 2)
        if self.rope:
            q, k = rotate(q), rotate(k)
        k = k.repeat_interleave(self.heads // self.kv_heads, dim=1)
        v = v.repeat_interleave(self.heads // self.kv_heads, dim=1)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head)
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(later, -math.inf).softmax(-1)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(batch, length, width))


class GeluMlp(torch.nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc = torch.nn.Linear(width, hidden)
        self.proj = torch.nn.Linear(hidden, width)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x), approximate="tanh"))


class SwigluMlp(torch.nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate_up = torch.nn.Linear(width, 2 * hidden, bias=False)
        self.down = torch.nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class Block(torch.nn.Module):
    def __init__(self, norm, attention, mlp, width):
        super().__init__()
        self.norm1, self.attention, self.norm2, self.mlp = norm(width), attention, norm(width), mlp

    def forward(self, x):
        h = x + self.attention(self.norm1(x))
        return h + self.mlp(self.norm2(h))


class Gpt2(torch.nn.Module):
    def __init__(self, vocabulary, width, layers, heads, kv_heads, hidden, positions):
        super().__init__()
        self.tok_emb = torch.nn.Embedding(vocabulary, width)
        self.pos_embed = torch.nn.Embedding(positions, width)
        self.h = torch.nn.ModuleList(
            Block(LayerNorm, Attention(width, heads, kv_heads, True, False), GeluMlp(width, hidden), width)
            for _ in range(layers))
        self.norm = LayerNorm(width)

    def forward(self, tokens):
        x = self.tok_emb(tokens) + self.pos_embed(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.norm(x) @ self.tok_emb.weight.T


class Llama(torch.nn.Module):
    def __init__(self, vocabulary, width, layers, heads, kv_heads, hidden, positions):
        super().__init__()
        self.tok_emb = torch.nn.Embedding(vocabulary, width)
        self.layers = torch.nn.ModuleList(
            Block(RmsNorm, Attention(width, heads, kv_heads, False, True), SwigluMlp(width, hidden), width)
            for _ in range(layers))
        self.norm = RmsNorm(width)
        self.output = torch.nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tok_emb(tokens)
        for block in self.layers:
            x = block(x)
        return self.output(self.norm(x))


# Sizes of the specs of models/: vocabulary, width, layers, heads, groups of keys, hidden width, positions.
MODELS = {
    "gpt2-124m": (Gpt2, (50257, 768, 12, 12, 12, 3072, 1024)),
    "llama-small": (Llama, (32000, 768, 12, 12, 4, 2048, 2048)),
}
# What the spec of a small file replaces: texts of the spec with those sizes, and the sizes themselves.
SMALL = {
    "gpt2-124m": ("16_gpt2_train", (67, 64, 2, 4, 4, 192, 32), [
        ("50257", "67"), ("768", "64"), ("3072", "192"), ("1024", "32"), ("count 12", "count 2"),
        ("heads = 12", "heads = 4")]),
    "llama-small": ("17_llama_train", (67, 64, 2, 4, 2, 128, 32), [
        ("32000", "67"), ("768", "64"), ("4096", "256"), ("x2048x", "x128x"), ("max_seq_len = 2048", "max_seq_len = 32"),
        ("count 12", "count 2"), ("heads = 12, kv_heads = 4", "heads = 4, kv_heads = 2")]),
}


def randomise(model):
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_((0.0 if name.endswith("bias") else 1.0) + 0.2 * noise)
            elif "emb" in name:
                parameter.copy_((0.05 if name.startswith("pos") else 0.3) * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.1 * noise)
            else:
                parameter.copy_(noise * 1.2 / math.sqrt(parameter.shape[1]))


def write(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": {"float32": "F32", "int32": "I32"}[str(values.dtype)],
                        "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(numpy.ascontiguousarray(values).tobytes())
    print(path, os.path.getsize(path), "bytes")


def record(name, spec, make, sizes, shape, path):
    model = make(*sizes)
    randomise(model)
    vocabulary = sizes[0]
    generator = torch.Generator().manual_seed(11)
    tokens = torch.randint(vocabulary, shape, generator=generator)
    targets = torch.randint(vocabulary, shape, generator=generator)
    targets[0, 3] = -100  # ignored
    logits = model(tokens)
    loss = F.cross_entropy(logits.view(-1, vocabulary), targets.view(-1), ignore_index=-100)
    loss.backward()
    tensors = {"in.tokens": tokens.int().numpy(), "in.targets": targets.int().numpy()}
    for key, parameter in model.named_parameters():
        tensors["param." + key] = parameter.detach().numpy()
    tensors["out.logits"] = logits.detach().numpy()
    tensors["loss.ce"] = tensors["loss.total"] = loss.detach().numpy().reshape(())
    for key, parameter in model.named_parameters():
        tensors["grad." + key] = parameter.grad.numpy()
    config = {"name": name, "run": {"training": True}, "derived": {}, "no_grad": [],
              "tolerance": {"out": 1e-4, "loss": 1e-4, "grad": 1e-4}}
    write(path, tensors, {"format": "hydra-golden-1", "config": json.dumps(config), "spec": spec})


def main():
    source = sys.argv[1]
    full = sys.argv[3] if sys.argv[2:3] == ["--full"] else None
    torch.use_deterministic_algorithms(True)
    for name, (make, sizes) in MODELS.items():
        with open(os.path.join(source, "models", name + ".mlir")) as file:
            spec = file.read()
        if full:
            record(name, spec, make, sizes, (1, 64), os.path.join(full, name + ".safetensors"))
            continue
        golden, small, replacements = SMALL[name]
        for old, new in replacements:
            assert old in spec, old
            spec = spec.replace(old, new)
        record(golden, spec, make, small, (2, 17),
               os.path.join(source, "tests", "golden", golden + ".safetensors"))


if __name__ == "__main__":
    main()
