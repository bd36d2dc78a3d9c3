#!/usr/bin/env python3
"""Turns a PyTorch checkpoint into safetensors, which `hydra-run checkpoint import` and `--weights` read.

    tools/pt_to_safetensors.py CHECKPOINT.pt -o WEIGHTS.safetensors [--key KEY] [--trust]

Needs torch and nothing else. The state dict is the file itself or its member `model`, `model_state_dict` or `state_dict`; --key
names another. The file is loaded with weights_only=True: no code in it is run. A file that holds objects besides tensors and numbers
needs --trust, which runs what is in it. Names, types and values stay as they are.
"""
import argparse
import json
import os
import struct
import sys

USUAL_KEYS = ("model", "model_state_dict", "state_dict")


def safetensors_types(torch):
    return {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
            torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


def load(path, trust, torch):
    try:
        return torch.load(path, map_location="cpu", weights_only=not trust)
    except OSError as problem:
        sys.exit(f"{path}: {problem.strerror}")
    except Exception as problem:  # pylint: disable=broad-except
        # The first line says what it is; those behind it advise to run any code.
        reason = str(problem).split("\n", maxsplit=1)[0].split(". ")[0]
        sys.exit(f"{path}: expected a file of torch.save with tensors and numbers alone, found otherwise ({reason})"
                 + ("" if trust else "; if you know where it comes from, --trust loads it with the objects, and so the code, in it"))


def find_state_dict(loaded, key, torch):
    def is_state_dict(value):
        return isinstance(value, dict) and any(isinstance(item, torch.Tensor) for item in value.values())
    for name in (key,) if key else USUAL_KEYS:
        if isinstance(loaded, dict) and is_state_dict(loaded.get(name)):
            return loaded[name]
    if not key and is_state_dict(loaded):
        return loaded
    present = ", ".join(map(str, loaded)) if isinstance(loaded, dict) else type(loaded).__name__
    sys.exit(f"expected a state dict{f' under {key}' if key else ''}, found {present}; name its member with --key")


def write(path, tensors, torch):
    types = safetensors_types(torch)
    header, begin = {"__metadata__": {"format": "pt"}}, 0
    # Wider types first, so that every tensor is aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in types:
            sys.exit(f"tensor {name}: safetensors has no type {tensor.dtype}")
        end = begin + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": types[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{path}.part", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            # As bytes: numpy has no bfloat16.
            file.write(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    os.replace(f"{path}.part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--key", help="member that holds the state dict")
    parser.add_argument("--trust", action="store_true", help="load objects other than tensors and numbers, which runs code of the file")
    options = parser.parse_args()
    try:
        import torch  # pylint: disable=import-outside-toplevel
    except ImportError:
        sys.exit("expected Python to have torch, found none; pip install torch, or Debian's python3-torch")
    loaded = load(options.checkpoint, options.trust, torch)
    found = find_state_dict(loaded, options.key, torch)
    tensors = {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}
    for name in found.keys() - tensors.keys():
        print(f"left out, no tensor: {name}", file=sys.stderr)
    write(options.output, tensors, torch)
    print(f"{options.output}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
