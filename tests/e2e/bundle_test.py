"""checkpoint bundle: one file that generates, is evaluated and inspected, and is refused once it is damaged."""
import os
import shutil

import support

PROMPT = "the quick brown "


class BundleTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.make_artifact()
        cls.make_data()
        # A tokenizer with a file, of as many tokens as the tiny model has rows.
        cls.run_ok("data", "tokenizer", cls.path("data.txt"), "-o", cls.path("small.json"), "--vocab-size", 256)
        cls.data = cls.path("tokens")
        cls.run_ok("data", "text", cls.path("data.txt"), "--out", cls.data, "--tokenizer", cls.path("small.json"))
        cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"), "--steps", 6, "--lr", 0.01)
        cls.bundle = cls.path("served.hydra")
        cls.report = cls.run_ok("checkpoint", "bundle", cls.path("run"), "-o", cls.bundle, "--json").json()

    def test_it_serves_like_the_checkpoint_and_alone(self):
        alone = os.path.join(self.path("elsewhere"), "model.hydra")
        os.mkdir(os.path.dirname(alone))
        shutil.copy(self.bundle, alone)
        os.rename(self.path("run"), self.path("away"))
        try:
            generated = self.run_ok("generate", alone, "--prompt", PROMPT, "--tokens", 12, "--seed", 3)
            evaluated = self.run_ok("eval", alone, "--data", self.data, "--json").json()
        finally:
            os.rename(self.path("away"), self.path("run"))
        self.assertNotIn("no weights", generated.err)
        self.assertEqual(generated.out_bytes, self.run_ok("generate", self.path("run"), "--prompt", PROMPT, "--tokens", 12,
                                                          "--seed", 3).out_bytes)
        # Another tokenizer would give other ids.
        self.assertNotEqual(generated.out_bytes, self.run_ok("generate", alone, "--prompt", PROMPT, "--tokens", 12, "--seed", 3,
                                                             "--tokenizer", "byte").out_bytes)
        self.assertEqual(evaluated["loss"], self.run_ok("eval", self.path("run"), "--data", self.data, "--json").json()["loss"])

    def test_inspect_says_what_it_is(self):
        report = self.run_ok("inspect", self.bundle, "--json").json()
        plain = self.run_ok("inspect", self.artifact, "--json").json()
        self.assertEqual((report["kind"], plain["kind"], plain["bundle"]), ("bundle", "artifact", None))
        self.assertEqual(report["bundle"]["step"], 6)
        self.assertEqual(report["bundle"]["tokenizer"], "tokenizer.json")
        self.assertEqual(report["bundle"]["tensors"], len(report["parameters"]))
        self.assertEqual(report["bytes"], self.report["bytes"])
        self.assertEqual(report["bytes"], os.path.getsize(self.bundle))
        # The program is the artifact's, section by section.
        self.assertEqual([(row["kind"], row["name"], row["bytes"]) for row in report["sections"]][:len(plain["sections"])],
                         [(row["kind"], row["name"], row["bytes"]) for row in plain["sections"]])
        self.assertEqual([row["kind"] for row in report["sections"]][-3:], ["run", "tokenizer", "weights"])
        self.assertIn("weights of step 6", self.run_ok("inspect", self.bundle).out)

    def test_the_same_checkpoint_gives_the_same_bytes(self):
        self.run_ok("checkpoint", "bundle", self.path("run"), "-o", self.path("again.hydra"))
        self.assertEqual(support.read(self.path("again.hydra")), support.read(self.bundle))

    def test_damage_is_refused_wherever_it_is(self):
        good = support.read(self.bundle)
        sections = self.run_ok("inspect", self.bundle, "--json").json()["sections"]
        self.assertEqual(sections[-1]["kind"], "weights")
        places = [section["offset"] + section["bytes"] // 2 for section in sections]
        for place in [40, *places]:
            damaged = bytearray(good)
            damaged[place] ^= 16
            support.write(self.path("damaged.hydra"), bytes(damaged))
            for command in (["generate", "--prompt", "a"], ["eval", "--data", self.data], ["inspect"]):
                with self.subTest(place=place, command=command[0]):
                    self.fails(3, command[0], self.path("damaged.hydra"), *command[1:], says=["byte", "hash"])
        for length in (len(good) - 1, sections[-1]["offset"] + 3, sections[-1]["offset"] - 1, 100, 20):
            support.write(self.path("damaged.hydra"), good[:length])
            self.fails(3, "inspect", self.path("damaged.hydra"), says="damaged.hydra")

    def test_another_artifact_may_serve(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        serving = self.path("serving.hydra")
        done = self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"), "-o", serving, "--entry=extend@2x8",
                         "--entry=extend@2x1", "--cache=48")
        self.assertEqual(done.status, 0, done)
        out = self.path("rows.hydra")
        self.run_ok("checkpoint", "bundle", self.path("run"), "--artifact", serving, "-o", out)
        self.assertEqual(self.run_ok("generate", out, "--prompt", PROMPT, "--json").json()["rows"], 2)
        spec = support.read(self.source("tests", "e2e", "tiny.mlir")).decode()
        support.write(self.path("other.mlir"), spec.replace("= 256", "= 100").replace("x256xf32", "x100xf32").encode())
        done = self.call("hydra-opt", self.path("other.mlir"), "-o", self.path("other.hydra"), "--entry=extend@1x1", "--cache=16")
        self.assertEqual(done.status, 0, done)
        self.fails(3, "checkpoint", "bundle", self.path("run"), "--artifact", self.path("other.hydra"), "-o", self.path("no.hydra"),
                   says=["tok_emb.weight [100, 16]", "found [256, 16]"])
        self.assertFalse(os.path.exists(self.path("no.hydra")))

    def test_what_it_is_not_for(self):
        self.fails(3, "train", self.bundle, "--data", self.data, "--out", self.path("never"), "--steps", 1,
                   says=["bundle", "serving"])
        self.assertFalse(os.path.exists(self.path("never")))
        self.fails(3, "checkpoint", "import", os.path.join(self.path("run"), "checkpoints", "latest", "weights.safetensors"),
                   "--model", self.bundle, "-o", self.path("never"), says="bundle")
        self.fails(3, "checkpoint", "bundle", self.path("run"), "--artifact", self.bundle, "-o", self.path("never"),
                   says=["bundle", "without weights"])
        self.fails(2, "eval", self.bundle, "--data", self.data, "--seed", 1, says="--seed has no effect")
        self.run_ok("data", "text", self.path("data.txt"), "--out", self.path("bytes"))
        self.fails(3, "eval", self.bundle, "--data", self.path("bytes"), says=["tokenizer.json", "--tokenizer"])

    def test_nothing_is_replaced_by_surprise(self):
        support.write(self.path("notes.hydra"), b"notes")
        for path, force in ((self.bundle, []), (self.path("notes.hydra"), []), (self.path("notes.hydra"), ["--force"])):
            self.fails(2, "checkpoint", "bundle", self.path("run"), "-o", path, *force, says=os.path.basename(path))
        self.run_ok("checkpoint", "bundle", self.path("run"), "-o", self.bundle, "--force")


if __name__ == "__main__":
    support.main()
