"""Unpacks tests/data/{gpt2,sentencepiece} for tests and benchmarks: unpack_tokenizer_data.py DATA OUT.

The GPT-2 vocabulary is made of its merges: the bytes in the order of their characters, what the merges make, the end of text.
"""
import json
import lzma
import os
import sys


def byte_alphabet():
    """GPT-2's character of each byte, printable bytes first: the order of the vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def tokenizer_json(merges):
    tokens = byte_alphabet() + ["".join(merge.split(" ")) for merge in merges] + ["<|endoftext|>"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": len(tokens) - 1, "content": "<|endoftext|>", "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}],
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
                  "vocab": {token: number for number, token in enumerate(tokens)}, "merges": merges}})


def main():
    data, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    for folder in ("gpt2", "sentencepiece"):
        for name in sorted(os.listdir(os.path.join(data, folder))):
            with open(os.path.join(data, folder, name), "rb") as file:
                contents = lzma.decompress(file.read())
            target = os.path.join(out, f"{folder}-{name.removesuffix('.xz')}")
            if name == "merges.xz":
                target = os.path.join(out, "gpt2-tokenizer.json")
                contents = tokenizer_json(contents.decode().split("\n")).encode()
            with open(f"{target}.new", "wb") as file:
                file.write(contents)
            os.replace(f"{target}.new", target)


if __name__ == "__main__":
    main()
