"""Instruction-set levels: goldens at each that this machine runs, and results that depend on the
artifact's level and nothing else of the environment."""
import json

import support

LEVELS = ("x86-64-v3", "x86-64-v4", "x86-64-v4-bf16", "sapphirerapids")
SMALLEST = LEVELS[0]
FILES = ("01_base_untied_eval", "02_base_gqa_train", "04_fixed_dense_train")
# What oneDNN would use for each level if it had its way is the same everywhere: the processor's best.
ONEDNN = {"x86-64-v3": "avx2", "x86-64-v4": "avx512_core", "x86-64-v4-bf16": "avx512_core_bf16",
          "sapphirerapids": "avx512_core_amx"}


class LevelsTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.make_data()

    @classmethod
    def compile(cls, name, *levels):
        path = cls.path(name)
        result = cls.call("hydra-opt", cls.source("tests", "e2e", "tiny.mlir"), "-o", path,
                          "--entry=train@2x32", "--entry=eval@2x32",
                          *(f"--arch={level}" for level in levels))
        if result.status != 0:
            raise AssertionError(f"the tiny model does not compile{result}")
        return path

    def test_goldens_pass_in_bf16_where_the_processor_multiplies_it(self):
        files = [self.source("tests", "golden", name + ".safetensors") for name in FILES]
        for level in LEVELS[2:LEVELS.index(self.native()) + 1]:
            with self.subTest(level=level):
                report = self.run_ok("verify", *files, "--arch", level, "--precision", "bf16",
                                     "--json").json()
                self.assertTrue(report["pass"], report)
                # Not float32 by another name: errors are those of eight bits.
                worst = [check["error"] for entry in report["files"]
                         for check in entry["checks"] if check["name"] == "cpu"]
                self.assertGreater(min(worst), 1e-4, report)
        report = self.run_ok("verify", *files, "--target", "interpreter", "--precision", "bf16",
                             "--json").json()
        self.assertTrue(report["pass"], report)

    def train(self, artifact, out, *more, environment=()):
        saved = dict(self.environment)
        self.environment.update(environment)
        try:
            return self.run_ok("train", artifact, "--data", self.data, "--out", self.path(out),
                               "--steps", 6, "--batch", 2, "--seq", 32, "--lr", 0.01, "--seed", 1,
                               *more)
        finally:
            self.environment.clear()
            self.environment.update(saved)

    def checkpoint(self, out):
        return support.files_of(self.path(out, "checkpoints", "latest"))

    def native(self):
        """The level that --arch=native stands for here."""
        return self.run_ok("inspect", self.compile("native.hydra", "native"),
                           "--json").json()["isa_levels"][0]

    def test_goldens_pass_at_every_level_of_this_machine(self):
        best = self.native()
        files = [self.source("tests", "golden", name + ".safetensors") for name in FILES]
        for level in LEVELS[:LEVELS.index(best) + 1]:
            with self.subTest(level=level):
                report = self.run_ok("verify", *files, "--arch", level, "--json").json()
                self.assertEqual([(entry["file"], entry["pass"]) for entry in report["files"]],
                                 [(file, True) for file in files])
        for level in LEVELS[LEVELS.index(best) + 1:]:
            with self.subTest(level=level):
                self.fails(3, "verify", files[0], "--arch", level, says=(level, "--arch=" + best))

    def test_unknown_level(self):
        self.fails(2, "verify", self.source("tests", "golden", FILES[0] + ".safetensors"), "--arch",
                   "pentium", says=(*LEVELS, "pentium"))
        self.fails(2, "verify", self.source("tests", "golden", FILES[0] + ".safetensors"), "--arch",
                   SMALLEST, "--target", "interpreter", says="--arch")

    def test_native_beside_another_level_is_not_dropped(self):
        path = self.compile("both.hydra", SMALLEST, "native")
        levels = self.run_ok("inspect", path, "--json").json()["isa_levels"]
        self.assertEqual(levels, list(dict.fromkeys([SMALLEST, self.native()])))
        # The larger one runs.
        self.train(path, "both", "--stop-at", 1)
        self.assertEqual(json.loads(self.checkpoint("both")["run.json"])["device"]["isa_level"],
                         self.native())

    def test_the_environment_does_not_change_the_bits(self):
        artifact = self.compile("bits.hydra", "native")
        self.train(artifact, "plain")
        plain = self.checkpoint("plain")
        for name, variables in (
                ("isa", {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}),
                ("hints", {"ONEDNN_CPU_ISA_HINTS": "PREFER_YMM", "DNNL_CPU_ISA_HINTS": "PREFER_YMM"}),
                ("math", {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "DNNL_DEFAULT_FPMATH_MODE": "BF16"})):
            with self.subTest(variables=variables):
                self.train(artifact, name, environment=variables)
                self.assertEqual(self.checkpoint(name), plain)

    def test_facts_are_recorded_and_compared_on_resume(self):
        best = self.native()
        self.train(self.compile("small.hydra", SMALLEST), "facts", "--stop-at", 3)
        record = json.loads(self.checkpoint("facts")["run.json"])
        self.assertEqual(record["device"]["isa_level"], SMALLEST)
        facts = record["runtime"]
        self.assertEqual(set(facts),
                         {"processor", "data caches", "C library", "oneDNN", "oneDNN level"})
        self.assertEqual(facts["oneDNN level"], ONEDNN[SMALLEST])
        self.assertRegex(facts["oneDNN"], r"^\d+\.\d+\.\d+$")
        self.assertTrue(all(facts.values()), facts)
        # On one thread they are the same.
        self.train(self.path("small.hydra"), "one-thread", "--stop-at", 3, "--threads", 1)
        self.assertEqual(json.loads(self.checkpoint("one-thread")["run.json"])["runtime"], facts)
        if best == SMALLEST:
            self.skipTest("this processor runs one level only")
        result = self.train(self.compile("large.hydra", best), "facts", "--resume")
        for name, saved, now in (("instruction-set level", SMALLEST, best),
                                 ("oneDNN level", ONEDNN[SMALLEST], ONEDNN[best])):
            self.assertIn(f"will not be bit-identical: {name}: the checkpoint has '{saved}', "
                          f"this run has '{now}'", result.err)
        # What is equal is not reported.
        self.assertNotIn("processor:", result.err)


if __name__ == "__main__":
    support.main(needs_compiler=True)
