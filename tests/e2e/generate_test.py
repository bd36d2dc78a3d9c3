"""generate: text from a checkpoint alone."""
import os
import shutil
import subprocess
import time

import support

PROMPT = "the quick brown "


class GenerateTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"), "--steps",
                   60, "--lr", 0.01)
        # Nothing but the checkpoint's directory, somewhere else.
        cls.checkpoint = cls.path("alone")
        shutil.copytree(cls.path("run", "checkpoints", "latest"), cls.checkpoint)
        cls.cache = cls.run_ok("inspect", cls.artifact, "--json").json()["cache_len"]

    def generate(self, *flags, prompt=PROMPT):
        return self.run_ok("generate", self.checkpoint, "--prompt", prompt, *flags)

    def report(self, *flags, prompt=PROMPT):
        return self.generate("--json", *flags, prompt=prompt).json()["results"][0]

    def tokens(self, *flags, prompt=PROMPT):
        return self.report(*flags, prompt=prompt)["tokens"]

    def test_a_checkpoint_is_enough(self):
        elsewhere = self.path("elsewhere")
        os.rename(self.path("run"), elsewhere)
        os.rename(self.artifact, self.artifact + ".away")
        try:
            result = self.generate("--tokens", 12)
        finally:
            os.rename(elsewhere, self.path("run"))
            os.rename(self.artifact + ".away", self.artifact)
        self.assertTrue(result.out_bytes.startswith(PROMPT.encode()))
        self.assertTrue(result.out_bytes.endswith(b"\n"))

    def test_run_directory_and_checkpoint_agree(self):
        whole = self.run_ok("generate", self.path("run"), "--prompt", PROMPT, "--tokens", 12)
        self.assertEqual(whole.out_bytes, self.generate("--tokens", 12).out_bytes)

    def test_the_seed_decides(self):
        first = self.tokens("--seed", 7, "--tokens", 20)
        self.assertEqual(len(first), 20)
        self.assertEqual(first, self.tokens("--seed", 7, "--tokens", 20))
        self.assertNotEqual(first, self.tokens("--seed", 8, "--tokens", 20))

    def test_text_and_json_agree(self):
        report = self.report("--tokens", 12, "--seed", 3)
        self.assertEqual(report["prompt"], PROMPT)
        self.assertEqual(report["prompt_tokens"], len(PROMPT))
        self.assertEqual(report["stop_reason"], "tokens")
        text = self.generate("--tokens", 12, "--seed", 3).out_bytes
        self.assertEqual(text, PROMPT.encode() + bytes(report["tokens"]) + b"\n")

    def test_top_1_is_greedy(self):
        greedy = self.tokens("--temperature", 0, "--tokens", 20)
        self.assertEqual(greedy, self.tokens("--top-k", 1, "--tokens", 20))
        self.assertEqual(greedy, self.tokens("--top-k", 1, "--tokens", 20, "--seed", 9))
        self.assertEqual(greedy, self.tokens("--top-p", 1e-6, "--tokens", 20))
        self.assertNotEqual(greedy, self.tokens("--tokens", 20))

    def test_stop_text(self):
        flags = ["--tokens", 20, "--top-k", 5, "--seed", 3]
        whole = self.report(*flags)["text"]
        # Two characters from the middle whose first appearance is there.
        stop = next(whole[i:i + 2] for i in range(2, 18) if whole.find(whole[i:i + 2]) == i)
        report = self.report(*flags, "--stop", stop)
        self.assertEqual(report["stop_reason"], "stop_text")
        self.assertEqual(report["text"], whole[:whole.index(stop)])

    def test_no_tokens(self):
        self.assertEqual(self.generate("--tokens", 0).out_bytes, PROMPT.encode() + b"\n")

    def test_a_prompt_longer_than_the_chunk(self):
        # The chunk is 16: whole chunks and a rest, token by token and at once, continue alike.
        text = ("one lazy dog and some other animals jumps over " * 2)[:self.cache - 4]
        self.assertGreater(len(text), 32)
        whole = self.tokens("--temperature", 0, "--tokens", 4, prompt=text)
        head = text[:20]
        report = self.report("--temperature", 0, "--tokens", 10, prompt=head)
        # Greedy text given back as a prompt is continued as if it had never ended.
        for taken in (1, 5, 9):
            longer = head + bytes(report["tokens"][:taken]).decode()
            self.assertEqual(report["tokens"][taken:],
                             self.tokens("--temperature", 0, "--tokens", 10 - taken, prompt=longer))
        self.assertEqual(len(whole), 4)

    def test_the_cache_is_the_limit(self):
        full = "a" * self.cache
        self.assertEqual(len(self.tokens("--tokens", 5, prompt=full)), 1)
        result = self.generate("--tokens", self.cache, "--json")
        report = result.json()["results"][0]
        self.assertEqual(report["stop_reason"], "cache_full")
        self.assertEqual(len(report["tokens"]), self.cache - len(PROMPT) + 1)
        self.assertIn(f"cache of {self.cache} positions is full", result.err)
        self.assertIn("--cache", result.err)
        refused = self.fails(2, "generate", self.checkpoint, "--prompt", full + "a",
                             says=[f"at most {self.cache} tokens", f"found {self.cache + 1}",
                                   "--cache="])
        self.assertEqual(refused.out, "")

    def test_tokens_outside_the_vocabulary(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        spec = support.read(self.source("tests", "e2e", "tiny.mlir")).decode()
        support.write(self.path("v100.mlir"), spec.replace("= 256", "= 100").replace(
            "x256xf32", "x100xf32").encode())
        result = self.call("hydra-opt", self.path("v100.mlir"), "-o", self.path("v100.hydra"),
                           "--entry=extend@1x4", "--cache=16", "--entry=train@1x8")
        self.assertEqual(result.status, 0, result)
        self.run_ok("generate", self.path("v100.hydra"), "--prompt", "abc", "--tokens", 2)
        self.fails(2, "generate", self.path("v100.hydra"), "--prompt", "abz",
                   says=["token 2", "122", "vocabulary of 100"])
        self.fails(3, "train", self.path("v100.hydra"), "--data", self.data, "--out",
                   self.path("x"), says=["256", "100"])

    def test_bad_sampling_settings(self):
        for flag, value in (("--temperature", "-1"), ("--temperature", "nan"), ("--top-k", "-2"),
                            ("--top-p", "0"), ("--top-p", "1.5"), ("--tokens", "-1"),
                            ("--repeat-penalty", "0"), ("--tokenizer", "none")):
            with self.subTest(flag=flag, value=value):
                self.fails(2, "generate", self.checkpoint, "--prompt", "a", f"{flag}={value}",
                           says=flag.strip("-"))
        self.fails(2, "generate", self.checkpoint, "--prompt", "", says="empty")

    def test_repeat_penalty(self):
        greedy = ["--temperature", 0, "--tokens", 24]
        plain = self.tokens(*greedy)
        self.assertEqual(plain, self.tokens(*greedy, "--repeat-penalty", 1))
        self.assertGreater(len(set(self.tokens(*greedy, "--repeat-penalty", 3))), len(set(plain)))

    def test_several_prompts_each_as_if_alone(self):
        # More prompts than rows, of lengths around the chunk of 16.
        prompts = [("jumps over the lazy dog and " * 3)[:length]
                   for length in (1, 5, 15, 16, 17, 31, 33, 40, 2, 44)]
        several = [flag for prompt in prompts for flag in ("--prompt", prompt)]
        support.write(self.path("prompts.txt"), "".join(p + "\n" for p in prompts).encode())
        models = [("one row", self.checkpoint, [])]
        if support.has_compiler():
            model = self.path("rows.hydra")
            result = self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"), "-o", model,
                               "--entry=extend@4x16", "--entry=extend@4x1", "--cache=48")
            self.assertEqual(result.status, 0, result)
            weights = ["--weights", os.path.join(self.checkpoint, "weights.safetensors")]
            models += [("four rows", model, weights), ("compiled", self.checkpoint, ["--rows", 4])]
        for name, model, flags in models:
            for sampling in (["--temperature", 0], ["--seed", 5, "--top-p", 0.9, "--top-k", 40,
                                                    "--repeat-penalty", 1.2, "--stop", "zq"]):
                command = ["generate", model, *flags, *sampling, "--tokens", 11]
                alone = b"".join(self.run_ok(*command, "--prompt", prompt).out_bytes
                                 for prompt in prompts)
                for threads in (1, 2, 4):
                    with self.subTest(model=name, sampling=sampling, threads=threads):
                        together = self.run_ok(*command, *several, "--threads", threads)
                        self.assertEqual(together.out_bytes, alone)
                by_file = self.run_ok(*command, "--prompts", self.path("prompts.txt"))
                self.assertEqual(by_file.out_bytes, alone)
            report = self.run_ok("generate", model, *flags, "--json", "--tokens", 3,
                                 *several).json()
            self.assertEqual([r["prompt"] for r in report["results"]], prompts)
            self.assertEqual(report["rows"], 1 if name == "one row" else 4)
            self.assertEqual([r["prompt_tokens"] for r in report["results"]],
                             [len(p) for p in prompts])

    def test_rows_that_an_artifact_does_not_have(self):
        self.fails(2, "generate", self.artifact, "--prompt", "a", "--rows", 3,
                   says=["decodes 1 sequences", "--entry=extend@3x1"])

    def test_the_text_is_streamed(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        # A slow enough model whose text is long: pieces come one by one, not at the end.
        model = self.path("nano.hydra")
        result = self.call("hydra-opt", self.source("models", "hydra-nano.mlir"), "-o", model,
                           "--routing=fixed", "--entry=extend@1x1", "--cache=600")
        self.assertEqual(result.status, 0, result)
        process = self.start("hydra-run", "generate", model, "--prompt", "a", "--tokens", 500,
                             "--threads", 1, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        times = []
        while os.read(process.stdout.fileno(), 1 << 16):
            times.append(time.monotonic())
        process.stdout.close()
        self.assertEqual(process.wait(), 0)
        self.assertGreater(len(times), 5)
        self.assertGreater(times[-1] - times[0], 0.02)


if __name__ == "__main__":
    support.main()
