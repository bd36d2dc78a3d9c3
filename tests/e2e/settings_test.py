"""Every setting of a run acts or is refused.

The list comes from the program itself (train --help-settings); one without a row here fails. A row is
a pair of runs whose results differ, or a refusal and what it must say.
"""
import json
import os

import support

# Rule Q1 tells the routers the step, without which the ponder settings do nothing.
ROUTED = {**support.ROUTED_MODEL, "rules": "Q1", "mod_predictor_weight": 0.1}
EARLY = ("mod_warmup_steps=1", "mor_enable_step=1", "mor_rampup_steps=2", "moe_warmup_steps=2")


def losses(text):
    return [line for line in text.splitlines() if "held-out" in line]


class SettingsTest(support.TrainedModelTest):
    def checkpoints(self, run):
        return sorted(name for name in os.listdir(os.path.join(run, "checkpoints"))
                      if name.startswith("step-"))

    # What a run shows of a setting: two values give two results.

    def weights_differ(self, key, a, b, *more):
        runs = [self.trained("--set", f"{key}={value}", *more) for value in (a, b)]
        self.assertNotEqual(*map(self.latest, runs), key)

    def test_settings_act_or_are_refused(self):
        listed = self.run_ok("train", "--help-settings", "--json").json()["settings"]
        short = ("--set", "warmup_steps=0", "--set", "stable_fraction=0")
        moving = ("--set", "spike_norm=0", "--set", "spike_lr_factor=1")
        auto = ("mor_enable_step=auto", "mor_enable_min_steps=1")
        tight = ("--set", "clip_min=0", "--set", "clip_max=0.1")
        rows = {
            "steps": lambda: self.assertEqual(len(self.journal(self.trained("--set", "steps=4"))), 4),
            "batch": lambda: self.refused("batch=5", "train@5x"),
            "seq": lambda: self.refused("seq=5", "x5"),
            "accum": lambda: self.weights_differ("accum", 1, 2),
            "seed": lambda: self.weights_differ("seed", 0, 1),
            "data_order": lambda: self.weights_differ("data_order", "random", "epochs"),
            "variant": lambda: self.refused("variant=dense", "'dense'"),
            "size": lambda: self.weights_differ("size", "debug", "1B"),
            "lr": lambda: self.weights_differ("lr", 1e-3, 0),
            "min_lr": lambda: self.weights_differ("min_lr", 0, "auto"),
            "warmup_steps": lambda: self.weights_differ("warmup_steps", 0, "auto"),
            "stable_fraction": lambda: self.weights_differ("stable_fraction", 0, 1, *short[:2]),
            "lr_floor_in_warmup": lambda: self.weights_differ("lr_floor_in_warmup", "true", "false"),
            "weight_decay": lambda: self.weights_differ("weight_decay", 0, 10, "--lr", "0.1"),
            "grad_clip": lambda: self.weights_differ("grad_clip", 0.01, 1, "--set", "clip_min=0",
                                                     "--set", "clip_dynamic=false"),
            "clip_dynamic": lambda: self.weights_differ(
                "clip_dynamic", "true", "false", "--set", "grad_clip=0.01", "--set", "clip_min=0"),
            "clip_min": lambda: self.weights_differ("clip_min", 0.001, 0.1, "--set",
                                                    "clip_factor=0"),
            "clip_max": lambda: self.weights_differ("clip_max", 0.001, 0.1, *tight[:2]),
            "clip_factor": lambda: self.weights_differ("clip_factor", 0.001, 0.1, *tight[:2]),
            "clip_ema_decay": lambda: self.control_state_differs("clip_ema_decay", 0, 1),
            "spike_norm": lambda: self.weights_differ("spike_norm", 0, 1e9),
            "spike_lr_factor": lambda: self.weights_differ("spike_lr_factor", 0, 1, *moving[:2]),
            "mod_aux_weight": lambda: self.routed_differ("mod_aux_weight", 0, 9),
            "mod_loss_aware_weight": lambda: self.routed_differ("mod_loss_aware_weight", 0, 9),
            "mod_warmup_steps": lambda: self.routed_differ("mod_warmup_steps", 1, 100),
            "mod_predictor_weight": lambda: self.routed_differ("mod_predictor_weight", 0, 9),
            "moe_aux_weight": lambda: self.routed_differ("moe_aux_weight", 0, 9),
            "moe_teacher_weight": lambda: self.routed_differ(
                "moe_teacher_weight", 0, 9, "moe_domain_expert_map=data:1"),
            "moe_domain_expert_map": lambda: self.routed_differ(
                "moe_domain_expert_map", "data:0", "data:1", "moe_teacher_weight=1"),
            "moe_warmup_steps": lambda: self.routed_differ("moe_warmup_steps", 1, 100),
            "mor_enable_step": lambda: self.routed_differ("mor_enable_step", 1, 100),
            "mor_rampup_steps": lambda: self.routed_differ("mor_rampup_steps", 1, 100),
            "mor_enable_fraction": lambda: self.routed_differ("mor_enable_fraction", 0, 1, *auto),
            "mor_enable_min_steps": lambda: self.routed_differ(
                "mor_enable_min_steps", 0, 100, "mor_enable_step=auto", "mor_enable_fraction=0"),
            "mor_enable_loss": lambda: self.routed_differ("mor_enable_loss", 0, 1e6, *auto,
                                                          "mor_enable_fraction=1"),
            "mor_advantage_weight": lambda: self.routed_differ("mor_advantage_weight", 0, 9),
            "mor_warmup_steps": lambda: self.routed_differ("mor_warmup_steps", 1, 1000),
            "ponder_weight": lambda: self.routed_differ("ponder_weight", 0, 1),
            "record_lag": lambda: self.assertNotEqual(
                self.latest(self.trained("--set", "record_lag=2"), "run.json"),
                self.latest(self.base, "run.json")),
            "save_interval": lambda: self.assertEqual(len(self.checkpoints(
                self.trained("--set", "save_interval=1"))), 3),
            "keep_checkpoints": lambda: self.assertEqual(len(self.checkpoints(
                self.trained("--set", "save_interval=1", "--set", "keep_checkpoints=2"))), 2),
            "keep_best": lambda: self.assertTrue(os.path.isdir(os.path.join(
                self.trained("--set", "keep_best=true"), "best"))),
            "eval_interval": lambda: self.count_evaluations(3, "--set", "eval_interval=1"),
            "eval_batches": lambda: self.assertNotEqual(
                *[losses(self.output("--set", f"eval_batches={n}")) for n in (1, 2)]),
            "log_interval": lambda: self.assertEqual(
                self.errors("--set", "log_interval=1").count("tokens/s"), 3),
            "target": lambda: self.refused("target=cpu", "--target=cpu"),
            "arch": lambda: self.refused("arch=native", "--arch=native"),
            "precision": lambda: self.refused("precision=f32", "--precision=f32"),
            "routing": lambda: self.refused("routing=fixed", "--routing=fixed"),
            "mod_rule": lambda: self.refused("mod_rule=dense", "--mod-rule=dense"),
            "cache": lambda: self.refused("cache=48", "--cache=48"),
            "memory_budget": lambda: self.refused("memory_budget=48", "--memory-budget=48"),
        }
        self.assertEqual(sorted(rows), sorted(row["key"] for row in listed),
                         "a setting without a row, or a row without a setting")
        for key, check in rows.items():
            with self.subTest(key):
                check()
        # What only routing reads is refused by a program without it.
        for key in (row["key"] for row in listed if row["kind"] == "run"):
            if key.startswith(("mod_", "mor_", "moe_", "ponder_")):
                with self.subTest(key, model="plain"):
                    value = 0.7 if key.endswith("fraction") else 7
                    self.refused(f"{key}={value}", f"setting '{key}' has no effect")

    # The same on a model of all routings, whose parts are on within six steps.

    def routed_differ(self, key, a, b, *more):
        self.require_compiler()
        if not hasattr(self, "routed"):
            self.routed = self.path("routed.hydra")
            with open(self.path("routed.json"), "w") as file:
                json.dump({"model": ROUTED}, file)
            compiled = self.call("hydra-opt", self.path("routed.json"), "--routing=dynamic",
                                 "--entry=train@2x32", "-o", self.routed)
            self.assertEqual(compiled.status, 0, compiled)
        weights = []
        for value in (a, b):
            out = self.path(f"routed-{key}-{value}")
            settings = dict(part.split("=") for part in (*EARLY, *more)) | {key: value}
            self.run_ok("train", self.routed, "--data", self.data, "--out", out, "--steps", 6,
                        "--batch", 2, "--seq", 32, "--lr", 0.01,
                        *(part for name, text in settings.items()
                          for part in ("--set", f"{name}={text}")))
            weights.append(self.latest(out))
        self.assertNotEqual(*weights, key)

    def refused(self, assignment, says):
        self.fails(2, *self.train(self.path("never"), "--set", assignment), says=says)

    def control_state_differs(self, key, a, b):
        runs = [self.trained("--set", f"{key}={value}") for value in (a, b)]
        self.assertNotEqual(*[self.latest(run, "control_state.safetensors") for run in runs])

    def count_evaluations(self, count, *more):
        self.assertEqual(self.errors(*more).count("held-out loss"), count)


if __name__ == "__main__":
    support.main()
