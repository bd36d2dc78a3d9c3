"""Routed training steps on the simulated CUDA device: from the same seed and data the kernels for
GPUs route the same tokens and compute the same losses and gradient norms as those for processors,
in every launch under both orders of warps and without a race, or the run would end."""
import json
import random
import sqlite3

import support

# Depth routing, recursion and experts from the first step on.
EVERYTHING = ["mod_warmup_steps=0", "mor_enable_step=0", "mor_rampup_steps=0",
              "moe_warmup_steps=1"]
STEPS, BATCH, SEQ = 2, 2, 16
MODEL = {**support.ROUTED_MODEL, "dim": 16, "n_heads": 2, "n_kv_heads": 1, "max_seq_len": SEQ}


class SimTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.make_data()

    def train(self, name, target, model):
        """What a short run on `target` left: losses and norms of each step, tokens of each router."""
        spec, artifact, out = (self.path(f"{name}-{target}{end}")
                               for end in (".json", ".hydra", ""))
        with open(spec, "w") as file:
            json.dump({"model": model}, file)
        compiled = self.call("hydra-opt", spec, f"--target={target}",
                             f"--entry=train@{BATCH}x{SEQ}", "-o", artifact)
        self.assertEqual(compiled.status, 0, compiled)
        settings = [part for setting in EVERYTHING for part in ("--set", setting)]
        self.run_ok("train", artifact, "--data", self.data, "--out", out, "--steps", STEPS,
                    "--batch", BATCH, "--seq", SEQ, "--lr", 0.01, "--threads", 1, *settings)
        journal = support.read(out + "/steps.jsonl").decode().splitlines()
        steps = [line for line in map(json.loads, journal) if line["event"] == "step"]
        with sqlite3.connect(out + "/training.db") as database:
            tokens = database.execute("SELECT step, router, layer, part, tokens FROM routing_tokens "
                                      "ORDER BY 1, 2, 3, 4").fetchall()
        database.close()
        return steps, tokens

    def check_same(self, name, model):
        """Returns the tokens of each router."""
        (expected, routed), (steps, tokens) = (self.train(name, target, model)
                                               for target in ("cpu", "sim"))
        self.assertEqual(len(steps), STEPS)
        for want, have in zip(expected, steps):
            for key, value in want["loss"].items():
                self.assertAlmostEqual(have["loss"][key], value, delta=2e-5 * max(1, abs(value)),
                                       msg=f"{name}: loss.{key} of step {want['step']}")
            self.assertAlmostEqual(have["grad_norm"], want["grad_norm"],
                                   delta=1e-4 * want["grad_norm"], msg=name)
        self.assertEqual(tokens, routed, name)
        return tokens

    def test_a_step_with_depth_recursion_and_experts(self):
        tokens = self.check_same("all", MODEL)
        routers = {router for _, router, _, _, _ in tokens}
        self.assertEqual(routers, {"mor", "mod", "moe"}, tokens)
        # Passes that no token makes, passes that all make, and experts that share them.
        counts = {router: {count for _, name, _, _, count in tokens if name == router}
                  for router in routers}
        self.assertLessEqual({0, BATCH * SEQ}, counts["mor"], tokens)
        self.assertTrue(any(0 < count < BATCH * SEQ for count in counts["moe"]), tokens)
        self.assertIn(BATCH * SEQ // 2, counts["mod"], tokens)

    # Recursion with depth routing, and experts; the others pass as well, and take as long.
    def test_routed_goldens(self):
        for name in ("06_mor_adaptive_train", "13_moe_top2_train"):
            golden = self.source("tests", "golden", name + ".safetensors")
            report = self.run_ok("verify", golden, "--target", "sim", "--json").json()
            self.assertEqual([entry["file"] for entry in report["files"]], [golden])
            for check in report["files"][0]["checks"]:
                self.assertTrue(check["pass"], report)
                self.assertGreater(check["compared"], 0, report)

    def test_the_ledger_says_whose_each_product_is(self):
        spec = self.path("explained.json")
        with open(spec, "w") as file:
            json.dump({"model": MODEL}, file)
        text = self.call("hydra-opt", spec, "--target=sim", f"--entry=train@{BATCH}x{SEQ}",
                         "--explain").out
        for code, op in (("COUNTED", "matmul"), ("COUNTED", "grouped_matmul"),
                         ("COUNTED", "grouped_weight_grad"), ("SMALL_PRODUCT", "matmul")):
            self.assertRegex(text, rf"\d+ x +{code} +product of {op}\n")
        # Of 512 x 256 x 1024 multiply-adds, no count: the library's.
        with open(spec, "w") as file:
            json.dump({"model": {**MODEL, "dim": 256, "mlp_ratio": 4, "max_seq_len": 256}}, file)
        large = self.call("hydra-opt", spec, "--target=sim", "--entry=eval@2x256", "--explain").out
        self.assertRegex(large, r"LARGE_PRODUCT +product of matmul\n")
        # A processor has no kernel for them: nobody is asked.
        text = self.call("hydra-opt", spec, "--entry=eval@2x256", "--explain").out
        self.assertIn("Taken", text)
        self.assertNotIn("product of", text)

    def test_random_configurations(self):
        chance = random.Random(7)
        # Both numbers of experts per token occur; a small step, for every thread is run twice.
        for number in range(3):
            model = {**MODEL, "dim": chance.choice([16, 24]),
                     "recursions_per_block": chance.choice([2, 3]),
                     "mod_capacity": chance.choice([0.25, 0.5, 0.75]),
                     "moe_num_experts": chance.choice([2, 3, 4]), "moe_top_k": 1 + number % 2,
                     "moe_num_layers": chance.choice([1, 2]),
                     "mor_min_depth": chance.choice([0, 1])}
            with self.subTest(model=model):
                self.check_same(f"random-{number}", model)


if __name__ == "__main__":
    support.main(needs_compiler=True)
