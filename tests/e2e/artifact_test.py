"""The recorded artifact of format 2.0 can still be read and used by this build of hydra-run."""
import os

import support


class ArtifactTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.source("tests", "golden", "artifact-2.0.hydra")
        cls.recorded = cls.source("tests", "golden", "artifact-2.0.safetensors")

    def runs_here(self):
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = file.read()
        return "avx2" in flags and "fma" in flags and "bmi2" in flags

    def test_inspect_prints_it(self):
        report = self.run_ok("inspect", self.artifact, "--json").json()
        self.assertEqual(report["version"], "2.0")
        self.assertEqual(report["model"], "golden")
        self.assertEqual(report["isa_levels"], ["x86-64-v3"])
        self.assertEqual(
            [(entry["name"], entry["batch"], entry["seq"]) for entry in report["entries"]],
            [("accumulate", 2, 32), ("eval", 2, 32), ("extend", 1, 16), ("apply", 0, 0)])
        text = self.run_ok("inspect", self.artifact).out
        for part in ("format      2.0", "accumulate@2x32", "tok_emb.weight", "x86-64-v3", "spec"):
            self.assertIn(part, text)
        self.assertLess(os.path.getsize(self.artifact), 250_000)

    def test_an_older_format_is_refused_with_both_versions(self):
        old = self.source("tests", "golden", "artifact-1.0.hydra")
        for command in (("inspect", old), ("bench", old)):
            result = self.call("hydra-run", *command)
            self.assertEqual(result.status, 3, result)
            for part in (old, "artifact version 1.0", "expected 2.x", "hydra-opt MODEL"):
                self.assertIn(part, result.err)
            self.assertNotIn("damaged", result.err)

    def test_it_trains_and_writes(self):
        if not self.runs_here():
            self.skipTest("this processor does not run x86-64-v3 code")
        data = self.make_data()
        self.run_ok("train", self.artifact, "--data", data, "--out", self.path("run"), "--steps", 5)
        self.run_ok("eval", self.path("run"), "--data", data)
        self.run_ok("generate", self.path("run"), "--prompt", "the ", "--tokens", 8)

    def test_the_same_compiler_writes_the_same_bytes(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        contents = []
        for name in ("one.hydra", "two.hydra"):
            result = self.call("hydra-opt", self.source("tests", "golden", "artifact.mlir"),
                               "--arch=x86-64-v3", "--entry=train@2x32", "--entry=extend@1x16",
                               "--cache=48", "-o", self.path(name))
            self.assertEqual(result.status, 0, result)
            contents.append(support.read(self.path(name)))
        self.assertEqual(contents[0], contents[1])


if __name__ == "__main__":
    support.main()
