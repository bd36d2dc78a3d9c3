"""diag: planted faults in weights, in a step and in the history of a run are named, and healthy ones are not."""
import json
import math
import os
import shutil
import sqlite3

import support


class DiagTest(support.TrainedModelTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.weights = cls.path("w.safetensors")
        cls.run_ok("checkpoint", "export", cls.base, "-o", cls.weights)

    def planted(self, *changes):
        """The weights with (tensor, first element, value, count) changed, as a file."""
        path = self.path("planted.safetensors")
        shutil.copy(self.weights, path)
        for change in changes:
            support.Safetensors.load(path).plant(*change, path)
        return path

    def found(self, *arguments):
        """The report and its findings, by place; there must be some."""
        result = self.call("hydra-run", "diag", *arguments, "--json")
        self.assertEqual(result.status, 1, result)
        report = result.json()
        self.assertFalse(report["healthy"])
        findings = report["weights"][0]["findings"] if "weights" in report else report["findings"]
        for finding in findings:
            self.assertTrue(finding["advice"])
        return report, {finding["place"]: finding["problem"] for finding in findings}

    # Weights alone.

    def test_healthy_weights(self):
        for path in (self.base, self.weights):
            result = self.run_ok("diag", "weights", path)
            self.assertIn("nothing found", result.out)
            self.assertIn("layers.0.mlp.down.weight", result.out)
        report = self.run_ok("diag", "weights", self.base, "--json").json()
        self.assertTrue(report["healthy"])
        tensors = {row["name"]: row for row in report["weights"][0]["tensors"]}
        values = support.Safetensors.load(self.weights).floats("tok_emb.weight")
        statistics = tensors["tok_emb.weight"]["values"]
        self.assertEqual(statistics["values"], len(values))
        self.assertAlmostEqual(statistics["mean"], math.fsum(values) / len(values), places=9)
        self.assertAlmostEqual(statistics["norm"], math.sqrt(math.fsum(x * x for x in values)), places=6)
        parts = {row["name"]: row for row in report["weights"][0]["parts"]}
        self.assertEqual(parts["mlp"]["tensors"], sum(".mlp." in name for name in tensors))
        # Gains are the same everywhere when training begins, and that is no fault.
        self.run_ok("diag", "weights", self.planted(("norm.weight", 0, 1.0, 16)))

    def test_faults_of_weights(self):
        output = "layers.0.attention.o_proj.weight"
        whole = len(support.Safetensors.load(self.weights).floats(output))
        path = self.planted(("layers.0.mlp.down.weight", 7, float("nan"), 1), (output, 0, 0.0, whole),
                            ("layers.0.mlp.gate_up.weight", 3, -300.0, 1),
                            ("tok_emb.weight", 0, 3.5, 256 * 16))
        report, found = self.found("weights", path)
        self.assertEqual(sorted(found), [output, "layers.0.mlp.down.weight",
                                         "layers.0.mlp.gate_up.weight", "tok_emb.weight"])
        self.assertIn("1 of 512 values are not finite", found["layers.0.mlp.down.weight"])
        self.assertIn("all values are 0", found[output])
        self.assertIn("magnitude 300, at most 100", found["layers.0.mlp.gate_up.weight"])
        text = self.call("hydra-run", "diag", "weights", self.weights, path).out
        self.assertIn(f"{path}: tok_emb.weight", text)
        self.assertIn("findings", text)

    def experts_file(self, name, experts, mlp=None):
        """Weights of one layer of experts whose first matrices are these rows of 4."""
        file = support.Safetensors()
        for number, values in enumerate(experts):
            key = f"moe_layers.0.experts.{number}.gate_up.weight"
            file.tensors[key] = ("F32", [2, 2], bytes(16))
            file.set_floats(key, values)
        if mlp:
            file.tensors["layers.0.mlp.gate_up.weight"] = ("F32", [2, 2], bytes(16))
            file.set_floats("layers.0.mlp.gate_up.weight", mlp)
        path = self.path(name)
        file.save(path)
        return path

    def test_experts(self):
        same = self.experts_file("same.safetensors", [[0.1, 0.2, 0.3, 0.4]] * 3)
        apart = self.experts_file("apart.safetensors", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]],
                                  mlp=[0, 1, 0, 0])
        report = self.run_ok("diag", "weights", same, apart, "--json").json()["weights"]
        self.assertAlmostEqual(report[0]["divergence"], 0)
        self.assertAlmostEqual(report[1]["divergence"], 1)
        self.assertIsNone(report[0]["expert_ratio"])
        self.assertAlmostEqual(report[1]["expert_ratio"], 1)
        self.assertIn("+1.0000", self.run_ok("diag", "weights", same, apart).out)
        large = self.experts_file("large.safetensors", [[6, 0, 0, 0], [0, 6, 0, 0]], mlp=[1, 0, 0, 0])
        self.assertIn("6.0 times", self.found("weights", large)[1]["experts"])

    def test_refused_weights(self):
        self.fails(3, "diag", "weights", self.path("none"), says="none")
        self.fails(3, "diag", "weights", self.artifact, says=".hydra")
        self.fails(2, "diag", "weight", self.base, says=["weight", "did you mean"])

    # One step.

    def test_a_healthy_step(self):
        self.require_compiler()
        checkpoint = os.path.join(self.base, "checkpoints", "latest")
        before = support.files_of(checkpoint)
        report = self.run_ok("diag", "flow", self.base, "--json").json()
        self.assertEqual(support.files_of(checkpoint), before)
        self.assertEqual([row["name"] for row in report["outputs"]], ["block.0", "block.1"])
        self.assertIsNone(report["outputs"][0]["change"])
        self.assertGreater(report["outputs"][1]["change"], 1e-3)
        self.assertTrue(report["trained"])
        self.assertTrue(report["data"].endswith("data"))
        self.assertLess(report["loss"], 1.5 * report["guess"])
        self.assertAlmostEqual(report["guess"], math.log(256))
        parts = {row["name"]: row for row in report["parts"]}
        self.assertEqual(sorted(parts), ["layers.0", "layers.1", "norm", "tok_emb"])
        for part in parts.values():
            self.assertGreater(part["mean_gradient"], 0, part)
            # The first step of AdamW moves a weight by the rate, an embedding by a tenth of it (model.md 13).
            rate = 1e-4 if part["name"] == "tok_emb" else 1e-3
            self.assertAlmostEqual(part["update"], rate, delta=rate / 10, msg=part)
        # A spec has initial values and, without data, random tokens: it knows nothing.
        spec = self.source("tests", "e2e", "tiny.mlir")
        shape = ["--batch", 2, "--seq", 16]
        fresh = self.run_ok("diag", "flow", spec, *shape, "--json").json()
        self.assertFalse(fresh["trained"])
        self.assertEqual(fresh["data"], "")
        self.assertAlmostEqual(fresh["loss"], fresh["guess"], delta=0.5)
        self.assertIn("drawn at random", self.run_ok("diag", "flow", spec, *shape).out)

    def test_faults_of_a_step(self):
        self.require_compiler()
        nan = self.planted(("layers.1.mlp.down.weight", 0, float("nan"), 1))
        _, found = self.found("flow", self.base, "--weights", nan)
        self.assertIn("not finite", found["block.1"])
        self.assertNotIn("block.0", found)
        self.assertIn("not finite", found["layers.1"])
        idle = self.planted(("layers.1.mlp.down.weight", 0, 0.0, 512),
                            ("layers.1.attention.o_proj.weight", 0, 0.0, 16 * 8))
        _, found = self.found("flow", self.base, "--weights", idle)
        self.assertIn("does nothing", found["block.1"])
        large = self.planted(("layers.0.mlp.down.weight", 0, 1e5, 512))
        _, found = self.found("flow", self.base, "--weights", large)
        self.assertIn("at most 1000 expected", found["block.0"])

    def test_a_routed_step(self):
        self.require_compiler()
        config = self.path("routed.json")
        support.write(config, json.dumps({"model": support.ROUTED_MODEL}).encode())
        report = self.call("hydra-run", "diag", "flow", config, "--batch", 2, "--seq", 32, "--json").json()
        names = [row["name"] for row in report["outputs"]]
        self.assertEqual([name for name in names if name.startswith("block.")],
                         ["block.0", "block.1", "block.2"])
        self.assertIn("moe.0", names)
        self.assertTrue(report["variant"])
        fixed = self.call("hydra-run", "diag", "flow", config, "--batch", 2, "--seq", 32, "--at-step", 1,
                          "--json").json()
        self.assertNotEqual(fixed["variant"], report["variant"])

    # The history of a run.

    def history(self, name, loss, rate=lambda step: 1e-3, evaluations=()):
        """A run whose losses are these, by step."""
        run = self.path(name)
        os.mkdir(run)
        shutil.copy(os.path.join(self.base, "training.db"), run)
        with sqlite3.connect(os.path.join(run, "training.db")) as database:
            run_id, model = database.execute("SELECT run_id, model_id FROM runs").fetchone()
            for table in ("steps", "loss_terms", "evaluations"):
                database.execute(f"DELETE FROM {table}")
            for step in range(1, 1001):
                database.execute(
                    "INSERT INTO steps(run_id, step, model_id, loss_total, lr, grad_norm, "
                    "grad_norm_pre_clip) VALUES(?,?,?,?,?,1,1)",
                    (run_id, step, model, loss(step), rate(step)))
            database.executemany(
                "INSERT INTO evaluations(run_id, step, data, loss) VALUES(?,?,'validation',?)",
                [(run_id, step, value) for step, value in evaluations])
        database.close()
        return run

    def test_a_run_that_learns(self):
        run = self.history("learns", lambda step: 6 - step / 250, evaluations=[(500, 4.1), (1000, 2.3)])
        report = self.run_ok("diag", "learning", run, "--json").json()
        self.assertTrue(report["healthy"])
        self.assertAlmostEqual(report["slope"], -1 / 250)
        self.assertIsNone(report["plateau"])
        self.assertAlmostEqual(report["first_loss"], 6 - 100.5 / 250)
        self.assertEqual(report["held_out"][0]["best_step"], 1000)
        self.assertIn("nothing found", self.run_ok("diag", "learning", run).out)
        self.assertIn("nothing found", self.run_ok("diag", "learning", self.base).out)

    def test_runs_that_do_not(self):
        flat = lambda step: 6 - min(step, 400) / 250
        report, found = self.found("learning", self.history("flat", flat))
        self.assertIn("flat", found["loss"])
        # The first window that changes by less than 1e-4 per step: a few steps of it may fall.
        self.assertGreater(report["plateau"], 350)
        self.assertLessEqual(report["plateau"], 401)
        # At the end of a schedule that is no fault.
        run = self.history("done", flat, rate=lambda step: 1e-3 * max(0, 1 - step / 1000))
        self.assertIn("at its end", self.run_ok("diag", "learning", run).out)
        diverged = self.history("diverged", lambda step: 6 - step / 250 if step < 600 else 3 + step / 500)
        self.assertIn("diverges", self.found("learning", diverged)[1]["loss"])
        never = self.history("never", lambda step: 5 + step / 2500)
        self.assertIn("nothing was learned", self.found("learning", never)[1]["loss"])
        holes = self.history("holes", lambda step: None if step == 77 else 6 - step / 250)
        report, found = self.found("learning", holes)
        self.assertEqual(report["steps_not_finite"], 1)
        self.assertIn("not finite in 1 step", found["loss"])
        over = self.history("over", lambda step: 6 - step / 250, evaluations=[(500, 4.0), (1000, 4.5)])
        report, found = self.found("learning", over)
        self.assertIn("4.5000 in step 1000, 4.0000 in step 500", found["held-out loss of validation"])
        self.assertAlmostEqual(report["held_out"][0]["gap"], 4.5 - 2.1, delta=0.2)

    def test_a_router_that_collapsed(self):
        run = self.history("collapsed", lambda step: 6 - step / 250)
        with sqlite3.connect(os.path.join(run, "training.db")) as database:
            run_id, model = database.execute("SELECT run_id, model_id FROM runs").fetchone()
            for step in range(901, 1001):
                database.execute("INSERT INTO routing_moe VALUES(?,?,?,0,0.1,0.5,'')", (run_id, step, model))
                database.executemany("INSERT INTO routing_tokens VALUES(?,?,'moe',0,?,?)",
                                     [(run_id, step, 0, 99), (run_id, step, 1, 1)])
        database.close()
        _, found = self.found("learning", run)
        self.assertIn("EXPERT_COLLAPSED_0", found["experts of layer 0"])

    def test_refused_runs(self):
        self.fails(3, "diag", "learning", self.data, says="training.db")
        self.fails(3, "diag", "learning", self.path("none"), says="none")


if __name__ == "__main__":
    support.main()
