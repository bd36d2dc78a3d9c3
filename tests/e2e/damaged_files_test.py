"""A hundred damages of every format, by a seed: the good file is taken (exit 0), each damaged one refused
with exit 3, a message that names the file, the place in it, and the cause; never a crash.

A damage counts if the format's own judge, written here without the program, says that the file is broken: what
may still be a file of the format proves nothing. Formats with hashes notice every change."""
import concurrent.futures
import json
import os
import random
import re
import shutil
import struct

import support

COUNT = 100
EDGES = [0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1]
# Where the damage is: a byte, a line and column, a path in JSON, or two sizes that differ.
PLACE = re.compile(r"byte \d+|bytes|:\d+:\d+|line \d+|hash|header")


def damage(contents, chance):
    """(what was done, damaged contents)."""
    size = len(contents)
    place = chance.randrange(size)
    kind = chance.choice(["cut", "flip", "flip", "flip", "length", "drop", "insert", "zero", "swap"])
    changed = bytearray(contents)
    if kind == "cut":
        del changed[place:]
    elif kind == "flip":
        changed[place] ^= 1 << chance.randrange(8)
    elif kind == "length":
        # What a reader takes for a length, an offset or a count.
        width = chance.choice([4, 8])
        place -= place % 4
        changed[place:place + width] = (chance.choice(EDGES) % 256**width).to_bytes(width, "little")
    elif kind == "drop":
        del changed[place:place + chance.randrange(1, 9)]
    elif kind == "insert":
        changed[place:place] = chance.randbytes(chance.randrange(1, 9))
    elif kind == "zero":
        changed[place:place + 16] = bytes(len(changed[place:place + 16]))
    else:
        other = chance.randrange(size)
        changed[place], changed[other] = changed[other], changed[place]
    return f"{kind} at byte {place} of {size}", bytes(changed)


def no_duplicates(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def refuse_constant(name):
    raise ValueError(name)


def broken_json(contents):
    """Whether the bytes are no JSON (RFC 8259, UTF-8, keys once)."""
    try:
        json.loads(contents.decode(), object_pairs_hook=no_duplicates,
                   parse_constant=refuse_constant)
        return False
    except (ValueError, RecursionError):
        return True


def broken_jsonl(contents):
    return any(line.strip() and broken_json(line) for line in contents.split(b"\n"))


def broken_safetensors(contents):
    """Whether length, header or the extents of tensors contradict each other."""
    widths = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}
    if len(contents) < 8:
        return True
    length, = struct.unpack("<Q", contents[:8])
    if length > len(contents) - 8 or broken_json(contents[8:8 + length]):
        return True
    end = 0
    try:
        header = json.loads(contents[8:8 + length])
        header.pop("__metadata__", None)
        for entry in sorted(header.values(), key=lambda entry: entry["data_offsets"]):
            count = widths[entry["dtype"]]
            for extent in entry["shape"]:
                count *= extent
            if entry["data_offsets"] != [end, end + count]:
                return True
            end += count
    except (KeyError, TypeError, AttributeError):
        return True
    return end != len(contents) - 8 - length


def broken_protobuf(contents):
    """Whether the bytes cannot be cut into fields."""

    def varint(at):
        for shift in range(0, 70, 7):
            if at >= len(contents):
                return None, at
            if not contents[at] & 0x80:
                return at + 1, None
            at += 1
        return None, at

    at = 0
    while at < len(contents):
        begin = at
        at, _ = varint(at)
        if at is None or contents[begin] >> 3 == 0 and at == begin + 1:
            return True
        wire = contents[begin] & 7
        if wire == 0:
            at, _ = varint(at)
            if at is None:
                return True
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            end, _ = varint(at)
            if end is None:
                return True
            length = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(contents[at:end]))
            at = end + length
        else:
            return True
    return at != len(contents)


def broken_spec(contents):
    """Whether brackets do not close, or bytes stand there that no token of MLIR has."""
    text = re.sub(rb'"[^"\n]*"', b"", re.sub(rb"//[^\n]*", b"", contents))
    if any(byte >= 0x7F or byte < 0x20 and byte not in b"\n\r\t" for byte in text):
        return True
    open_brackets = []
    for byte in re.sub(rb"->", b"", text).decode():
        if byte in "([{<":
            open_brackets.append(byte)
        elif byte in ")]}>":
            if not open_brackets or open_brackets.pop() != "([{<"[")]}>".index(byte)]:
                return True
    return bool(open_brackets)


class DamagedFilesTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"), "--steps", 2)
        cls.checkpoint = cls.path("run", "checkpoints", "step-00000002")

    def hammer(self, name, contents, broken, command, program="hydra-run", beside=None):
        """`command(path)` on the good file and on a hundred broken ones, each a copy called `name`, in a copy of
        the directory `beside` if there is one."""
        self.assertFalse(broken(contents), "the judge refuses the good file")
        chance = random.Random(name)
        cases = [("good", contents)]
        while len(cases) <= COUNT:
            what, damaged = damage(contents, chance)
            if damaged != contents and broken(damaged):
                cases.append((what, damaged))

        def try_one(number):
            folder = self.path(f"{name}-{number}")
            if beside:
                shutil.copytree(beside, folder)
            else:
                os.mkdir(folder)
            path = os.path.join(folder, name)
            support.write(path, cases[number][1])
            result = self.call(program, *command(path, folder))
            shutil.rmtree(folder)
            return folder, result

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for (what, _), (folder, result) in zip(cases, pool.map(try_one, range(len(cases)))):
                with self.subTest(format=name, what=what):
                    if what == "good":
                        self.assertEqual(result.status, 0, result)
                        continue
                    self.assertEqual(result.status, 3, result)
                    self.assertIn(folder, result.err, result)
                    said = result.err.replace(folder, "")
                    self.assertRegex(said, PLACE, result)
                    self.assertGreater(len(said.strip()), 30, result)

    def changed(self, contents):
        """The judge of a format with hashes."""
        return lambda damaged: damaged != contents

    def test_artifact(self):
        contents = support.read(self.artifact)
        self.hammer("model.hydra", contents, self.changed(contents),
                    lambda path, folder: ["inspect", path])

    def test_checkpoint(self):
        for name in ("weights.safetensors", "optimizer.safetensors", "run.json", "manifest.json"):
            contents = support.read(os.path.join(self.checkpoint, name))
            broken = broken_json if name == "manifest.json" else self.changed(contents)
            self.hammer(name, contents, broken, lambda path, folder: ["inspect", folder],
                        beside=self.checkpoint)

    def test_safetensors(self):
        contents = support.read(os.path.join(self.checkpoint, "control_state.safetensors"))
        self.hammer("weights.safetensors", contents, broken_safetensors,
                    lambda path, folder: ["inspect", path])

    def test_settings(self):
        contents = json.dumps({"settings": {"lr": "0.01", "warmup_steps": 5}}, indent=1).encode()
        self.hammer("settings.json", contents, broken_json, lambda path, folder: [
            "train", self.artifact, "--data", self.data, "--steps", 2, "--dry-run", "--config", path])

    def test_shards(self):
        contents = support.read(os.path.join(self.data, "validation.tokens"))
        self.hammer("validation.tokens", contents, self.changed(contents),
                    lambda path, folder: ["inspect", path])
        contents = support.read(os.path.join(self.data, "data.json"))
        self.hammer("data.json", contents, broken_json, lambda path, folder: ["inspect", folder],
                    beside=self.data)

    def test_documents(self):
        contents = support.read(self.source("tests", "corpus", "jsonl", "good-documents.jsonl"))
        self.hammer("documents.jsonl", contents, broken_jsonl, lambda path, folder: [
            "data", "jsonl", path, "--out", os.path.join(folder, "data")])

    def test_tokenizers(self):
        text = self.path("short.txt")
        support.write(text, b"abc ab, the quick brown fox.\n" * 4)
        for name, kind, good, broken in (
                ("tokenizer.json", "tokenizer_json", "good-small.json", broken_json),
                ("tokenizer.model", "sentencepiece", "good-unigram.model", broken_protobuf)):
            contents = support.read(self.source("tests", "corpus", kind, good))
            self.hammer(name, contents, broken, lambda path, folder: [
                "data", "text", text, "--tokenizer", path, "--out", os.path.join(folder, "data")])

    def test_specs_and_configs(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        for name, kind, good, broken in (("model.mlir", "spec", "good-tiny.mlir", broken_spec),
                                         ("model.json", "config", "good-routed.json", broken_json)):
            contents = support.read(self.source("tests", "corpus", kind, good))
            self.hammer(name, contents, broken, lambda path, folder: ["--facts", path],
                        program="hydra-opt")

    def test_a_crash_of_the_compiler_is_survived(self):
        """Specs are compiled by a process of their own: what crashes it ends no hydra-run without a word."""
        programs = self.path("crashing")
        os.mkdir(programs)
        shutil.copy(os.path.join(support.Place.bin, "hydra-run"), programs)
        support.write(os.path.join(programs, "hydra-opt"),
                      b"#!/bin/sh\n[ $1 = --version ] && exec echo fake\nkill -SEGV $$\n")
        os.chmod(os.path.join(programs, "hydra-opt"), 0o755)
        spec = self.source("tests", "e2e", "tiny.mlir")
        result = self.call(os.path.join(programs, "hydra-run"), "bench", spec)
        self.assertEqual(result.status, 1, result)
        self.assertIn("crashed on this spec (signal 11", result.err)
        self.assertIn(spec, result.err)


if __name__ == "__main__":
    support.main()
