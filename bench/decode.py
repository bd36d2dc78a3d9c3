#!/usr/bin/env python3
"""Tokens per second of decoding: one text alone, several at once, beside another build.

    bench/decode.py BIN_DIR [--base BIN_DIR] [--model models/hydra-nano.mlir] [--rows 4] [--tokens 384]
                    [--rounds 5] [--threads 0]

Greedy, weights of seed 0, a prompt of 64 tokens. The programs take turns; a rate is the
tokens divided by the seconds from the first token to the last, its median and the best of the rounds (other work on
the machine disturbs that one least). --base is a build of
another version: its row alone is the peer of ours.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from programs import run  # noqa: E402, pylint: disable=wrong-import-position

PROMPT = "the quick brown fox jumps over the lazy dog and runs far away !!"


class Peer:
    """A build with an artifact of its own."""

    def __init__(self, name, folder, rows, options, scratch):
        self.name, self.options, self.rows = name, options, rows
        self.program = os.path.join(folder, "hydra-run")
        self.artifact = os.path.join(scratch, f"{name.replace(' ', '-')}.hydra")
        run(os.path.join(folder, "hydra-opt"), options.model, "-o", self.artifact,
            f"--entry=extend@{rows}x64", f"--entry=extend@{rows}x1", "--cache=512",
            "--routing=fixed")
        self.rates = []

    def measure(self):
        prompts = [part for row in range(self.rows)
                   for part in ("--prompt", PROMPT[row:] + PROMPT[:row])]
        report = json.loads(run(self.program, "generate", self.artifact, *prompts, "--temperature",
                                0, "--tokens", self.options.tokens, "--seed", 0, "--threads",
                                self.options.threads, "--json"))
        results = report.get("results", [report])
        tokens = sum(len(result["tokens"]) - 1 for result in results)
        self.rates.append(tokens / max(result["decode_seconds"] for result in results))
        return report["device"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bin")
    parser.add_argument("--base")
    parser.add_argument("--model", default="models/hydra-nano.mlir")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        peers = [Peer("one row", options.bin, 1, options, scratch),
                 Peer(f"{options.rows} rows", options.bin, options.rows, options, scratch)]
        if options.base:
            peers.insert(0, Peer("base, one row", options.base, 1, options, scratch))
        for _ in range(options.rounds):
            for peer in peers:
                device = peer.measure()
        print(f"{options.model}, {device}, load {os.getloadavg()[0]:.1f}")
        for name, pick in (("median", statistics.median), ("best", max)):
            for peer in peers:
                rate = pick(peer.rates)
                print(f"{name:8}{peer.name:16}{rate:10.0f} tokens/s  "
                      f"{rate / pick(peers[0].rates):6.2f}")


if __name__ == "__main__":
    main()
