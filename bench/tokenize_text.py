#!/usr/bin/env python3
"""Megabytes of text per second and processor through GPT-2's tokenizer, beside Hugging Face's.

    bench/tokenize_text.py --bin BIN_DIR [--text FILE] [--rounds 5]

`hydra-run data text` with one thread, from file to token file; its start, a text of one line, is measured apart and taken off.
The vocabulary is the one of the tests. The peer is `tokenizers` of PyPI, if this Python has it: encode() of the same text.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def seconds(rounds, call):
    best = float("inf")
    for _ in range(rounds):
        begin = time.process_time() + sum(os.times()[2:4])
        call()
        best = min(best, time.process_time() + sum(os.times()[2:4]) - begin)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--text", help="default: the demo's book")
    parser.add_argument("--rounds", type=int, default=5)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as scratch:
        def at(name):
            return os.path.join(scratch, name)
        subprocess.run([sys.executable, "-B", f"{ROOT}/tests/data/unpack_tokenizer_data.py", f"{ROOT}/tests/data",
                        scratch], check=True)
        book = options.text or at("kjv.txt")
        if not options.text:
            with open(book, "wb") as file:
                subprocess.run(["bible", "-f", "gen1:1-rev22:21"], stdout=file, check=True)
        with open(at("line.txt"), "w", encoding="utf-8") as file:
            file.write("In the beginning\n" * 10)
        tokenizer = at("gpt2-tokenizer.json")

        def encode(path):
            subprocess.run([os.path.join(options.bin, "hydra-run"), "data", "text", path, "--out", at("data"), "--force",
                            "--tokenizer", tokenizer], check=True, stdout=subprocess.DEVNULL)

        megabytes = os.path.getsize(book) / 1e6
        start = seconds(options.rounds, lambda: encode(at("line.txt")))
        spent = seconds(options.rounds, lambda: encode(book)) - start
        print(f"hydra-run data text  {megabytes / spent:6.1f} MB/s of processor time ({spent:.3f} s for {megabytes:.1f} MB; "
              f"start {start:.3f} s)")
        try:
            import tokenizers  # pylint: disable=import-outside-toplevel
        except ImportError:
            print("tokenizers: not installed, no peer")
            return
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        peer = tokenizers.Tokenizer.from_file(tokenizer)
        with open(book, encoding="utf-8") as file:
            text = file.read()
        spent = seconds(options.rounds, lambda: peer.encode(text))
        print(f"tokenizers {tokenizers.__version__}     {megabytes / spent:6.1f} MB/s")


if __name__ == "__main__":
    main()
