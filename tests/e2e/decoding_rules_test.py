"""Decoding with hard depth routing (docs/rationale/routing.md): the rule of selection is chosen,
recorded with results, and what evaluation reports under it is what decoding does."""
import json

import support

MODEL = {**support.ROUTED_MODEL, "moe_enabled": False, "moe_num_experts": None,
         "moe_num_layers": None, "mod_predictor_weight": 0.1}
MODEL = {key: value for key, value in MODEL.items() if value is not None}
RULES = ("recompute", "dense", "threshold", "predictor", "prefix")


class DecodingRulesTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        spec = cls.path("routed.json")
        with open(spec, "w") as file:
            json.dump({"model": MODEL}, file)
        cls.data, cls.trained = cls.make_data(), cls.path("run")
        cls.run_ok("train", spec, "--data", cls.data, "--out", cls.trained, "--steps", 12, "--batch", 2,
                   "--seq", 32, "--lr", 0.01, *(part for setting in (
                       "mod_warmup_steps=4", "mor_enable_step=6", "mor_rampup_steps=3")
                       for part in ("--set", setting)))
        cls.evaluate = ["eval", cls.trained, "--data", cls.data, "--batches", 4, "--json"]
        cls.generate = ["generate", cls.trained, "--prompt", "the quick", "--tokens", 24]

    def test_1_thresholds_are_asked_for(self):
        for command in (self.evaluate, self.generate):
            self.fails(3, *command, "--mod-rule", "threshold", says=["hydra-run calibrate"])

    def test_2_calibration_is_kept_in_the_checkpoint(self):
        before = self.run_ok(*self.evaluate).json()["loss"]
        result = self.run_ok("calibrate", self.trained, "--data", self.data, "--json").json()
        self.assertEqual(result["variant"], "adaptive_mod")
        self.assertEqual(sorted(result["thresholds"]),
                         [f"mod_threshold.1.{call}" for call in range(3)])
        saved = json.loads(support.read(self.path("run", "checkpoints", "latest", "run.json")))
        self.assertEqual(saved["thresholds"]["values"], result["thresholds"])
        self.assertEqual(self.run_ok(*self.evaluate).json()["loss"], before)
        self.fails(3, *self.evaluate, "--mod-rule", "threshold", "--at-step", 4 + 1,
                   says=["expected thresholds of variant fixed_mod", "adaptive_mod"])

    def test_3_losses_are_reported_by_rule(self):
        losses = {}
        for rule in RULES:
            report = self.run_ok(*self.evaluate, "--mod-rule", rule).json()
            self.assertEqual(report["mod_rule"], rule)
            losses[rule] = report["loss"]
        own = self.run_ok(*self.evaluate).json()
        self.assertEqual(own["mod_rule"], "")
        self.assertEqual(own["loss"], losses["recompute"])
        self.assertEqual(len(set(losses.values())), len(RULES), losses)

    def test_4_texts_are_written_by_rule(self):
        for rule in RULES:
            with self.subTest(rule):
                report = self.run_ok(*self.generate, "--mod-rule", rule, "--json").json()
                self.assertEqual((report["mod_rule"], report["variant"]), (rule, "adaptive_mod"))
                self.assertEqual(len(report["results"][0]["tokens"]), 24)
                # In pieces of other lengths, and in company.
                one = self.run_ok(*self.generate, "--mod-rule", rule, "--rows", 2, "--prompt",
                                  "and some other animals", "--json").json()
                self.assertEqual(one["results"][0]["tokens"], report["results"][0]["tokens"])
        default = self.run_ok(*self.generate, "--json").json()
        self.assertEqual(default["mod_rule"], "prefix")
        self.assertIn("by prefix", self.run_ok(
            "inspect", self.path("run", "checkpoints", "latest", "model.hydra")).out)

    def test_5_training_on_drops_thresholds(self):
        out = self.path("further")
        self.run_ok("train", self.trained, "--data", self.data, "--out", out, "--steps", 1)
        saved = json.loads(support.read(self.path("further", "checkpoints", "latest", "run.json")))
        self.assertNotIn("thresholds", saved)
        self.fails(2, "train", self.trained, "--data", self.data, "--out", self.path("no"), "--steps",
                   1, "--mod-rule", "dense", says=["compile setting"])

    # Rule Q21 (model.md 15): a token is ranked among its prefix in training too.
    def test_6_causal_selection_trains_and_is_what_decoding_does(self):
        losses, routers = {}, {}
        for rules in ("Q21", "Q4,Q21"):
            spec, out = self.path(f"causal-{rules}.json"), self.path(f"causal-{rules}")
            # Without these losses a router learns from the task or not at all.
            model = {**MODEL, "rules": rules, "aux_loss_weight": 0, "mod_loss_aware_weight": 0,
                     "mod_predictor_weight": 0}
            with open(spec, "w") as file:
                json.dump({"model": model}, file)
            self.run_ok("train", spec, "--data", self.data, "--out", out, "--steps", 40, "--batch", 2,
                        "--seq", 32, "--lr", 0.01, *(part for setting in (
                            "mod_warmup_steps=4", "mor_enable_step=6", "mor_rampup_steps=3",
                            "save_interval=1", "keep_checkpoints=100")
                            for part in ("--set", setting)))
            lines = support.read(out + "/steps.jsonl").decode().splitlines()
            steps = [record for record in map(json.loads, lines) if record["event"] == "step"]
            losses[rules] = [step["loss"]["ce"] for step in steps]
            # As many as rank high enough among those before them: neither all nor a fixed number.
            taken = [step["routing"]["mod.1"][0] for step in steps[4:]]
            self.assertGreater(len(set(taken)), 1, taken)
            self.assertLess(max(taken), 2 * 32)
            routers[rules] = [support.Safetensors.load(
                f"{out}/checkpoints/step-{step:08d}/weights.safetensors").floats(
                    "layers.1.mod_mlp_wrapper.mod_router.router.weight") for step in (5, 40)]
            evaluate = ["eval", out, "--data", self.data, "--batches", 4, "--json"]
            same = [self.run_ok(*evaluate, *flags).json()["loss"]
                    for flags in ((), ("--mod-rule", "prefix"), ("--mod-rule", "recompute"))]
            self.assertEqual(len(set(same)), 1, same)
            texts = [self.run_ok("generate", out, "--prompt", "the quick", "--tokens", 24, "--mod-rule",
                                 rule, "--json").json()["results"][0]["tokens"]
                     for rule in ("prefix", "recompute")]
            self.assertEqual(*texts)
        for rules, ce in losses.items():
            self.assertLess(sum(ce[-5:]) / 5, ce[0] - 0.5, rules)
        self.assertEqual(*routers["Q21"])
        self.assertNotEqual(*routers["Q4,Q21"])


if __name__ == "__main__":
    support.main(needs_compiler=True)
