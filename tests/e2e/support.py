"""What the end-to-end tests share: running the programs, a tiny model, data, safetensors files.

Every test file is a program of its own:  FOO_test.py BIN_DIR SOURCE_DIR [unittest arguments].
Standard library only. Exit status 77 means skipped, with the reason on standard error.
"""
import array
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
# Of one program; generous, since test machines are shared.
TIMEOUT_S = 300
# What tests/golden/artifact-2.0.hydra was compiled with, --arch excepted.
TINY_ENTRIES = ["train@2x32", "eval@2x32", "extend@1x16", "extend@1x1"]
TINY_CACHE = 48


def overflowing_model(name, blocks):
    """A spec without normalisation before the MLP and with a head of its own, so that a row of the embedding
    that is too large is seen by batches that hold its token alone."""
    return f"""hydra.model @{name} attributes {{vocab_size = 256, dim = 16, max_seq_len = 64}} {{
^bb0(%tokens: tensor<?x?xi32>):
  %embedded = hydra.token_embedding %tokens : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %body = hydra.blocks %embedded count {blocks} as "layers" : tensor<?x?x16xf32> {{
  ^bb0(%x: tensor<?x?x16xf32>):
    %m = hydra.mlp %x {{hidden = 32}} : tensor<?x?x16xf32>
    %y = hydra.residual %x, %m : tensor<?x?x16xf32>
    hydra.yield %y : tensor<?x?x16xf32>
  }}
  %normed = hydra.norm %body "norm" : tensor<?x?x16xf32>
  %logits = hydra.lm_head %normed {{tied = false}} : tensor<?x?x16xf32> -> tensor<?x?x256xf32>
  hydra.yield %logits : tensor<?x?x256xf32>
}}
"""


# A model of all routings, as JSON configurations have it; small enough to train in a second.
ROUTED_MODEL = {"kind": "hydra", "vocab_size": 256, "dim": 32, "n_mor_blocks": 3,
                "recursions_per_block": 3, "n_heads": 4, "n_kv_heads": 2, "compression_factor": 2,
                "max_seq_len": 64, "moe_enabled": True, "moe_num_experts": 2, "moe_num_layers": 1,
                "mod_loss_aware_weight": 0.1}


class Place:
    """Folders of this run; set by main()."""
    bin = ""
    source = ""


def has_compiler():
    return os.access(os.path.join(Place.bin, "hydra-opt"), os.X_OK)


def main(needs_compiler=False):
    """Runs the tests of the calling file."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    Place.bin, Place.source = (os.path.abspath(path) for path in sys.argv[1:3])
    if needs_compiler and not has_compiler():
        print("skipped: these tests compile models, and this build has no hydra-opt",
              file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(module="__main__", argv=[sys.argv[0]] + sys.argv[3:], verbosity=2)


class Result:
    """What a finished program left."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out_bytes = command, status, out
        self.out, self.err = (text.decode(errors="replace") for text in (out, err))

    def json(self):
        """The one JSON object on standard output."""
        return json.loads(self.out)

    def __str__(self):
        return (f"\n$ {' '.join(self.command)}\nexit status {self.status}\n"
                f"--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}")


class EndToEndTest(unittest.TestCase):
    """A test case with a directory of its own, whose programs use a compile cache of their own."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="hydra-e2e-")
        cls.environment = {name: value for name, value in os.environ.items()
                           if not name.startswith("HYDRA_")}
        cls.environment.update(XDG_CACHE_HOME=cls.path("cache"), LC_ALL="C",
                               PATH=Place.bin + os.pathsep + os.environ.get("PATH", ""))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory, ignore_errors=True)

    @classmethod
    def path(cls, *parts):
        return os.path.join(cls.directory, *parts)

    @staticmethod
    def source(*parts):
        return os.path.join(Place.source, *parts)

    @classmethod
    def start(cls, program, *arguments, **options):
        return subprocess.Popen([os.path.join(Place.bin, program), *map(str, arguments)],
                                env=cls.environment, stdin=subprocess.DEVNULL, **options)

    @classmethod
    def call(cls, program, *arguments):
        """Runs a program to its end, whatever its exit status."""
        process = cls.start(program, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return Result([program, *map(str, arguments)], process.returncode, out, err)

    @classmethod
    def run_ok(cls, *arguments):
        """hydra-run, which must succeed."""
        result = cls.call("hydra-run", *arguments)
        if result.status != 0:
            raise AssertionError(f"expected exit status 0{result}")
        return result

    def fails(self, status, *arguments, says=(), program="hydra-run"):
        """The program must end with `status` and explain itself on standard error."""
        result = self.call(program, *arguments)
        self.assertEqual(result.status, status, result)
        self.assertTrue(result.err.strip(), f"no message{result}")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.err, result)
        return result

    @classmethod
    def make_artifact(cls, name="tiny.hydra"):
        """The tiny model, compiled for this processor; without a compiler the recorded one."""
        path = cls.path(name)
        if not has_compiler():
            shutil.copy(cls.source("tests", "golden", "artifact-2.0.hydra"), path)
            return path
        result = cls.call("hydra-opt", cls.source("tests", "e2e", "tiny.mlir"), "-o", path,
                          f"--cache={TINY_CACHE}", *(f"--entry={entry}" for entry in TINY_ENTRIES))
        if result.status != 0:
            raise AssertionError(f"the tiny model does not compile{result}")
        return path

    @classmethod
    def make_data(cls, name="data", seed=0):
        """A data directory of sentences from a small vocabulary: easy to learn, hard to mistake."""
        chance = random.Random(seed)
        words = "the quick brown fox jumps over one lazy dog and some other animals".split()
        text = "".join(" ".join(chance.choices(words, k=8)) + ".\n" for _ in range(600))
        write(cls.path(name + ".txt"), text.encode())
        cls.run_ok("data", "text", cls.path(name + ".txt"), "--out", cls.path(name), "--force")
        return cls.path(name)


class TrainedModelTest(EndToEndTest):
    """With the artifact of a small model, data, and runs of a few steps on them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.runs = 0
        cls.base = cls.trained("--set", "keep_checkpoints=0")

    @classmethod
    def train(cls, out, *more):
        return ["train", cls.artifact, "--data", cls.data, "--out", out, *more]

    @classmethod
    def trained(cls, *more):
        """A run of three steps, or as many as given; its directory."""
        cls.runs += 1
        out = cls.path(f"run{cls.runs}")
        steps = [] if any("steps" in str(part) for part in more) else ["--steps", "3"]
        cls.result = cls.run_ok(*cls.train(out, *steps, *more))
        return out

    @staticmethod
    def latest(run, name="weights.safetensors"):
        return read(os.path.join(run, "checkpoints", "latest", name))

    @staticmethod
    def journal(run):
        """The steps of a run's journal."""
        lines = map(json.loads, read(os.path.join(run, "steps.jsonl")).decode().splitlines())
        return [line for line in lines if "grad_norm" in line]

    def output(self, *more):
        self.trained(*more)
        return self.result.out

    def errors(self, *more):
        self.trained(*more)
        return self.result.err

    def require_compiler(self):
        """The recorded artifact of builds without hydra-opt has neither routing nor a ledger."""
        if not has_compiler():
            self.skipTest("this build has no hydra-opt")


def write(path, contents):
    with open(path, "wb") as file:
        file.write(contents)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files_of(directory):
    """Contents of every file of a directory, by name."""
    return {name: read(os.path.join(directory, name)) for name in sorted(os.listdir(directory))}


class Safetensors:
    """A safetensors file: metadata, and tensors as (dtype, shape, bytes) by name, in file order."""

    def __init__(self, metadata=None, tensors=None):
        self.metadata, self.tensors = metadata or {}, tensors or {}

    @classmethod
    def load(cls, path):
        contents = read(path)
        length, = struct.unpack("<Q", contents[:8])
        header = json.loads(contents[8:8 + length])
        body = contents[8 + length:]
        metadata = header.pop("__metadata__", {})
        return cls(metadata, {
            name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"])})

    def save(self, path):
        header, body = {}, b""
        if self.metadata:
            header["__metadata__"] = self.metadata
        for name, (dtype, shape, data) in self.tensors.items():
            header[name] = {"dtype": dtype, "shape": shape,
                            "data_offsets": [len(body), len(body) + len(data)]}
            body += data
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        write(path, struct.pack("<Q", len(text)) + text + body)

    def integers(self, name):
        """Values of an I32 tensor."""
        dtype, _, data = self.tensors[name]
        assert dtype == "I32", f"{name} is {dtype}"
        return array.array("i", data)

    def set_integers(self, name, values):
        dtype, shape, data = self.tensors[name]
        assert dtype == "I32" and len(values) * 4 == len(data), name
        self.tensors[name] = (dtype, shape, array.array("i", values).tobytes())

    def floats(self, name):
        """Values of an F32 tensor."""
        dtype, _, data = self.tensors[name]
        assert dtype == "F32", f"{name} is {dtype}"
        return array.array("f", data)

    def set_floats(self, name, values):
        dtype, shape, data = self.tensors[name]
        assert dtype == "F32" and len(values) * 4 == len(data), name
        self.tensors[name] = (dtype, shape, array.array("f", values).tobytes())

    def plant(self, name, element, value, count, path):
        """Writes the file to `path` with `count` floats of a tensor, from `element` on, replaced; its path."""
        values = self.floats(name)
        for i in range(element, element + count):
            values[i] = value
        self.set_floats(name, values)
        self.save(path)
        return path
