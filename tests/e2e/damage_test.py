"""Damaged files: exit 3 with a message that names the file and the reason; never a crash."""
import os
import random
import shutil

import support

STEPS = 6


def damages(contents, flips, seed=0):
    """(what was done, damaged contents) of a file, the same ones every time."""
    chance = random.Random(seed)
    size = len(contents)
    yield "empty", b""
    # Two bytes less: the last one of a JSON file is a line end, which nobody misses.
    for keep in sorted({1, 7, 8, size // 3, size // 2, size - 2}):
        if 0 < keep < size:
            yield f"cut to {keep} of {size} bytes", contents[:keep]
    yield "garbage", chance.randbytes(size)
    yield "text", b"this is not the file that you are looking for\n" * 20
    yield "longer", contents + b"\0" * 64
    for _ in range(flips):
        place = chance.randrange(size)
        changed = bytearray(contents)
        changed[place] ^= 1 << chance.randrange(8)
        yield f"a bit of byte {place} flipped", bytes(changed)


class DamageTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"), "--steps",
                   STEPS, "--lr", 0.01, "--set", "save_interval=3")
        cls.good = cls.path("run", "checkpoints", f"step-{STEPS:08d}")

    def refused(self, path, what, *command, program="hydra-run", status=3):
        """The command ends with `status`, naming the file (or what it is part of) and a reason."""
        result = self.call(program, *command)
        self.assertEqual(result.status, status, f"{what}{result}")
        self.assertIn(path, result.err, f"{what}: the message does not name the file{result}")
        reason = result.err.replace(path, "").strip()
        self.assertGreater(len(reason), 30, f"{what}: no reason{result}")
        return result

    def survives(self, what, *command, program="hydra-run", path=None):
        """Where a change need not be noticed: success, or a refusal with a message."""
        result = self.call(program, *command)
        self.assertIn(result.status, (0, 3), f"{what}{result}")
        if result.status == 3:
            self.assertIn(path, result.err, f"{what}{result}")

    def test_artifact(self):
        self.run_ok("inspect", self.artifact)
        path = self.path("damaged.hydra")
        for what, contents in damages(support.read(self.artifact), flips=12):
            support.write(path, contents)
            with self.subTest(what=what):
                self.refused(path, what, "inspect", path)
        self.refused(path, "damaged", "eval", path, "--data", self.data)
        self.refused(path, "damaged", "train", path, "--data", self.data, "--out", self.path("x"))
        missing = self.path("missing.hydra")
        self.refused(missing, "missing", "inspect", missing)
        self.refused(missing, "missing", "generate", missing, "--prompt", "a")
        self.refused(self.path(), "a directory", "generate", self.path(), "--prompt", "a")

    def test_every_file_of_a_checkpoint(self):
        copy = self.path("copy")
        self.run_ok("inspect", self.good)
        self.run_ok("generate", self.good, "--prompt", "the", "--tokens", 2)
        for name, contents in support.files_of(self.good).items():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(self.good, copy)
            path = os.path.join(copy, name)
            for what, damaged in damages(contents, flips=4):
                with self.subTest(file=name, what=what):
                    support.write(path, damaged)
                    self.refused(copy, what, "inspect", copy)
            self.refused(copy, what, "generate", copy, "--prompt", "a")
            self.refused(copy, what, "eval", copy, "--data", self.data)
            self.refused(copy, what, "checkpoint", "export", copy, "-o", self.path("x.safetensors"))
            os.remove(path)
            with self.subTest(file=name, what="missing"):
                self.refused(copy, "missing", "inspect", copy)
        self.assertFalse(os.path.exists(self.path("x.safetensors")))

    def test_resume_falls_back_to_the_previous_checkpoint(self):
        for name in support.files_of(self.good):
            with self.subTest(file=name):
                out = self.path("fall-" + name)
                shutil.copytree(self.path("run"), out, symlinks=True)
                damaged = os.path.join(out, "checkpoints", f"step-{STEPS:08d}", name)
                contents = support.read(damaged)
                support.write(damaged, contents[:len(contents) // 2])
                result = self.run_ok("train", self.artifact, "--data", self.data, "--out", out,
                                     "--resume")
                self.assertIn(f"step-{STEPS:08d}", result.err)
                self.assertIn("refused", result.err)
                self.assertIn("resuming at step 3", result.err)
                again = support.files_of(os.path.dirname(damaged))
                self.assertEqual(support.files_of(self.good), again)

    def test_resume_without_any_usable_checkpoint(self):
        out = self.path("none-left")
        shutil.copytree(self.path("run"), out, symlinks=True)
        for step in ("step-00000003", f"step-{STEPS:08d}"):
            support.write(os.path.join(out, "checkpoints", step, "weights.safetensors"), b"torn")
        self.refused(out, "all damaged", "train", self.artifact, "--data", self.data, "--out", out,
                     "--resume")

    def test_safetensors_to_import(self):
        good = os.path.join(self.good, "weights.safetensors")
        contents = support.read(good)
        path, out = self.path("damaged.safetensors"), self.path("imported")
        for what, damaged in damages(contents, flips=0):
            with self.subTest(what=what):
                support.write(path, damaged)
                self.refused(path, what, "checkpoint", "import", path, "--model", self.artifact,
                             "-o", out)
                self.assertFalse(os.path.exists(out))
        # Weights have no checksum: a flipped bit may be a value. In the header it is found or
        # harmless.
        chance = random.Random(1)
        for place in chance.sample(range(8 + 2000), 30):
            damaged = bytearray(contents)
            damaged[place] ^= 1 << chance.randrange(8)
            support.write(path, bytes(damaged))
            self.survives(f"byte {place}", "eval", self.artifact, "--data", self.data, "--weights",
                          path, "--batches", 1, path=path)
        self.refused(path + ".none", "missing", "checkpoint", "import", path + ".none", "--model",
                     self.artifact, "-o", out)

    def test_safetensors_that_lie(self):
        path = self.path("lies.safetensors")
        good = support.Safetensors.load(os.path.join(self.good, "weights.safetensors"))
        name = sorted(good.tensors)[0]
        dtype, shape, data = good.tensors[name]
        for what, entry in {
                "another shape": (dtype, [len(data) // 4, 1, 1, 1], data),
                "another type": ("I32", shape, data),
                "too short": (dtype, shape, data[:-4]),
                "a huge shape": (dtype, [2**62, 2**62], data),
                "a negative shape": (dtype, [-1], data)}.items():
            support.Safetensors(good.metadata, {**good.tensors, name: entry}).save(path)
            with self.subTest(what=what):
                self.refused(path, what, "checkpoint", "import", path, "--model", self.artifact,
                             "-o", self.path("imported"))
        without = dict(good.tensors)
        without["layers.9.surprise"] = without.pop(name)
        support.Safetensors(good.metadata, without).save(path)
        result = self.refused(path, "renamed", "checkpoint", "import", path, "--model",
                              self.artifact, "-o", self.path("imported"))
        self.assertIn(name, result.err)

    def test_golden_files(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        golden = self.source("tests", "golden", "02_base_gqa_train.safetensors")
        path = self.path("golden.safetensors")
        for what, damaged in damages(support.read(golden), flips=0):
            with self.subTest(what=what):
                support.write(path, damaged)
                self.refused(path, what, "verify", path)
        file = support.Safetensors.load(golden)
        for what, metadata in {"no metadata": {}, "no config": {"format": "hydra-golden-1"},
                               "a broken config": {**file.metadata, "config": "{"},
                               "another format": {**file.metadata, "format": "other"}}.items():
            support.Safetensors(metadata, file.tensors).save(path)
            with self.subTest(what=what):
                self.refused(path, what, "verify", path)

    def test_token_files(self):
        self.run_ok("eval", self.artifact, "--data", self.data, "--batches", 1)
        for name, contents in support.files_of(self.data).items():
            copy = self.path("data-" + name)
            shutil.copytree(self.data, copy)
            path = os.path.join(copy, name)
            split = "train" if name.startswith("train") else "validation"
            for what, damaged in damages(contents, flips=0):
                with self.subTest(file=name, what=what):
                    support.write(path, damaged)
                    self.refused(copy, what, "eval", self.artifact, "--data", copy, "--split",
                                 split, "--batches", 1)
            # Ids are checked when they are made, and on request, not at every start.
            for what, damaged in damages(contents, flips=6 if name.endswith(".tokens") else 0):
                if name.endswith(".tokens"):
                    with self.subTest(file=name, what=what, command="inspect"):
                        support.write(path, damaged)
                        self.refused(copy, what, "inspect", path)
            os.remove(path)
            with self.subTest(file=name, what="missing"):
                self.refused(copy, "missing", "eval", self.artifact, "--data", copy, "--split",
                             split)
        # The description has no checksum, but whatever is used of it is checked.
        path = os.path.join(self.data, "data.json")
        good = support.read(path)
        for was, becomes in ((b'"byte"', b'"bytd"'), (b'"vocab_size": 256', b'"vocab_size": 257'),
                             (b"hydra-data-2", b"hydra-data-3"), (b'"tokens": ', b'"tokens": 1')):
            self.assertIn(was, good)
            copy = self.path("data-altered")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(self.data, copy)
            support.write(os.path.join(copy, "data.json"), good.replace(was, becomes, 1))
            with self.subTest(was=was):
                self.refused(copy, "altered", "eval", self.artifact, "--data", copy)
        self.refused(self.path("no-data"), "missing", "train", self.artifact, "--data",
                     self.path("no-data"), "--out", self.path("x"))
        self.refused(self.path("no.txt"), "missing", "data", "text", self.path("no.txt"), "--out",
                     self.path("y"))

    def test_specs_and_configs(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        spec = support.read(self.source("tests", "e2e", "tiny.mlir"))
        config = b'{"model": {"kind": "base", "vocab_size": 256, "dim": 16, "n_mor_blocks": 1, ' \
                 b'"recursions_per_block": 1, "n_heads": 4, "n_kv_heads": 2, ' \
                 b'"compression_factor": 2}}'
        for extension, contents in ((".mlir", spec), (".json", config)):
            path = self.path("spec" + extension)
            support.write(path, contents)
            result = self.call("hydra-opt", path, "-o", self.path("spec.hydra"),
                               "--entry=eval@1x8")
            self.assertEqual(result.status, 0, result)
            size = len(contents)
            for what, damaged in [("garbage", random.Random(3).randbytes(size)),
                                  ("text", b"model = tiny\n"), ("zeros", bytes(size)),
                                  ("empty", b"")] + [
                    (f"cut to {keep} of {size} bytes", contents[:keep])
                    for keep in (size // 4, size // 2, size - 4)]:
                with self.subTest(file=path, what=what):
                    support.write(path, damaged)
                    output = self.path("damaged.out.hydra")
                    self.refused("spec" + extension, what, path, "-o", output, "--entry=eval@1x8",
                                 program="hydra-opt")
                    self.assertFalse(os.path.exists(output), what)
            # hydra-run passes the compiler's verdict on.
            self.refused(path, "through hydra-run", "eval", path, "--data", self.data)
            missing = self.path("missing" + extension)
            self.refused(missing, "missing", missing, "-o", self.path("m.hydra"),
                         program="hydra-opt")
            self.refused(missing, "missing", "eval", missing, "--data", self.data)

    def test_hostile_specs_and_configs(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        deep = b"[" * 200000 + b"]" * 200000
        for name, contents, says in (
                ("deep.json", b'{"model": ' + deep + b"}", "nested"),
                ("open.json", b'{"a": ' * 100000, "nested"),
                ("deep.mlir", b"module attributes {a = " + deep + b"} {}", "nested"),
                ("open.mlir", b"module {" * 50000, "nested"),
                ("huge.json", b'{"model": {"kind": "base", "vocab_size": 1e300}}', "vocab_size"),
                ("large.json", b'{"model": {"n_mor_blocks": 9223372036854775807}}',
                 "n_mor_blocks"),
                ("misspelt.json", b'{"model": {"vocab_sise": 256}}', "vocab_size"),
                ("text.json", b'{"model": {"dim": "sixteen"}}', "dim")):
            with self.subTest(name=name):
                path = self.path(name)
                support.write(path, contents)
                result = self.refused(name, "hostile", path, "-o", self.path("hostile.hydra"),
                                      "--entry=eval@1x8", program="hydra-opt")
                self.assertIn(says, result.err)

    def test_specs_with_flipped_bits_never_crash_the_compiler(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        spec = support.read(self.source("tests", "e2e", "tiny.mlir"))
        path, chance = self.path("flip.mlir"), random.Random(5)
        for _ in range(25):
            place = chance.randrange(300, len(spec))
            changed = bytearray(spec)
            changed[place] ^= 1 << chance.randrange(7)
            support.write(path, bytes(changed))
            # Another valid model, one that asks for something unsupported, or a bad file.
            result = self.call("hydra-opt", path, "-o", self.path("flip.hydra"), "--entry=eval@1x8")
            self.assertIn(result.status, (0, 1, 3), f"byte {place}{result}")
            if result.status != 0:
                self.assertIn("flip.mlir", result.err, f"byte {place}{result}")


if __name__ == "__main__":
    support.main()
