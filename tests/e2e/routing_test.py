"""Dynamic routing through the binaries: a run whose curriculum switches on depth, recursion and
expert routing, stopped and resumed on both sides of every switch, is the run that never stopped."""
import json
import math
import sqlite3
import struct
import zlib

import support

MODEL = {**support.ROUTED_MODEL, "moe_router_jitter": 0.1}
STEPS = 12
# Depth routing from step 4, recursion from step 6 with a ramp of 3, experts all along.
CURRICULUM = ["mod_warmup_steps=4", "mor_enable_step=6", "mor_rampup_steps=3",
              "moe_warmup_steps=8"]
LAST = f"step-{STEPS:08d}"


class RoutingTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        spec = cls.path("routed.json")
        with open(spec, "w") as file:
            json.dump({"model": MODEL}, file)
        cls.artifact = cls.path("routed.hydra")
        cls.compile(cls.artifact, "--entry=eval@2x32", "--entry=extend@1x16", "--cache=64")
        cls.data = cls.make_data()
        cls.log = cls.train("whole").err

    @classmethod
    def compile(cls, artifact, *more):
        result = cls.call("hydra-opt", cls.path("routed.json"), "--entry=train@2x32", *more, "-o",
                          artifact)
        if result.status != 0:
            raise AssertionError(f"the routed model does not compile{result}")

    @classmethod
    def train(cls, out, *more):
        settings = [part for setting in CURRICULUM + ["eval_interval=4"]
                    for part in ("--set", setting)]
        return cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path(out),
                          "--steps", STEPS, "--batch", 2, "--seq", 32, "--accum", 2, "--lr", 0.01,
                          *settings, *more)

    def checkpoint(self, out):
        return support.files_of(self.path(out, "checkpoints", LAST))

    def test_the_log_says_the_curriculum(self):
        self.assertIn("routing: recursion from step 7, ramp over 3 steps; depth from step 5; "
                      "experts joining over 8 steps", self.log)

    def test_resumed_across_every_phase_change(self):
        whole = self.checkpoint("whole")
        for stop in (3, 4, 5, 6, 7, 8, 9):
            with self.subTest(stop=stop):
                out = f"stopped-{stop}"
                self.train(out, "--stop-at", stop)
                self.train(out, "--resume")
                self.assertEqual(whole, self.checkpoint(out), f"stopped at {stop}")

    def test_threads_do_not_matter(self):
        self.train("threads", "--threads", 1)
        self.assertEqual(self.checkpoint("whole"), self.checkpoint("threads"))

    def test_the_losses_of_a_phase_are_recorded(self):
        lines = support.read(self.path("whole", "steps.jsonl")).decode().splitlines()
        losses = {record["step"]: record["loss"] for record in map(json.loads, lines)
                  if record["event"] == "step"}
        self.assertEqual(sorted(losses), list(range(1, STEPS + 1)))
        for step, loss in losses.items():
            self.assertGreater(loss["moe_aux"], 0, step)
            self.assertGreater(loss["aux"], 0, step)
        # The loss-aware term waits for recursion to start.
        self.assertEqual(losses[6]["advantage"], 0)
        self.assertGreater(losses[STEPS]["advantage"], 0)

    def test_the_journal_counts_tokens(self):
        lines = support.read(self.path("whole", "steps.jsonl")).decode().splitlines()
        routing = {record["step"]: record["routing"] for record in map(json.loads, lines)
                   if record["event"] == "step"}
        tokens, passes = 2 * 2 * 32, MODEL["recursions_per_block"]
        for step, counts in routing.items():
            self.assertEqual(sum(counts["moe.0"]), tokens, step)
            # Recursion is routed from step 7 on, depth from step 5 on.
            self.assertEqual("mor.0" in counts, step > 6, step)
            for block in range(3) if step > 6 else ():
                made = counts[f"mor.{block}"]
                self.assertEqual((len(made), made[0]), (passes, tokens))
                self.assertEqual(made, sorted(made, reverse=True))
            if step > 4:
                self.assertEqual(len(counts["mod.1"]), passes)
                self.assertLessEqual(max(counts["mod.1"]), tokens // 2)
        self.assertEqual(routing[5]["mod.1"], [tokens // 2] * passes)

    def test_experts_follow_the_source_of_the_data(self):
        spec = self.path("taught.json")
        with open(spec, "w") as file:
            json.dump({"model": {**MODEL, "moe_forced_routing_steps": 8,
                                 "moe_teacher_until_step": 10}}, file)
        artifact = self.path("taught.hydra")
        result = self.call("hydra-opt", spec, "--entry=train@2x32", "-o", artifact)
        self.assertEqual(result.status, 0, result)
        texts = []
        for name, word in (("sums", b"1 + 1 = 2; "), ("words", b"one and one are two. ")):
            texts.append(self.path(name + ".txt"))
            support.write(texts[-1], word * 400)
        self.run_ok("data", "text", *texts, "--out", self.path("sources"), "--validation-fraction",
                    0)

        def routing(name, *settings):
            self.run_ok("train", artifact, "--data", self.path("sources"), "--out", self.path(name),
                        "--steps", STEPS, "--batch", 2, "--seq", 32, "--lr", 0.01,
                        *(part for setting in (*CURRICULUM, "moe_teacher_weight=1", *settings)
                          for part in ("--set", setting)))
            lines = support.read(self.path(name, "steps.jsonl")).decode().splitlines()
            steps = [record for record in map(json.loads, lines) if record["event"] == "step"]
            return ([record["routing"]["moe.0"] for record in steps],
                    [record["loss"]["moe_teacher"] for record in steps])

        tokens = 2 * 32
        of_source = ("data_order=sources", "moe_domain_expert_map=sums:0,words:1")
        counts, teacher = routing("by-source", *of_source)
        # While experts are forced, a micro-batch is one expert's.
        self.assertEqual({tuple(count) for count in counts[:8]}, {(tokens, 0), (0, tokens)})
        self.assertTrue(all(loss > 0 for loss in teacher[:10]), teacher)
        self.assertEqual(teacher[10:], [0, 0])
        swapped, _ = routing("swapped", of_source[0], "moe_domain_expert_map=sums:1,words:0")
        self.assertEqual([count[::-1] for count in counts[:8]], swapped[:8])
        # Without an expert of their own: by position, and no teacher.
        counts, teacher = routing("no-map", of_source[0])
        self.assertEqual(counts[:8], [[tokens // 2] * 2] * 8)
        self.assertEqual(teacher, [0] * STEPS)
        # Resumed, the run draws the same sources.
        self.run_ok("train", artifact, "--data", self.path("sources"), "--out", self.path("parts"),
                    "--steps", STEPS, "--stop-at", 5, "--batch", 2, "--seq", 32, "--lr", 0.01,
                    *(part for setting in (*CURRICULUM, "moe_teacher_weight=1", *of_source)
                      for part in ("--set", setting)))
        self.run_ok("train", artifact, "--data", self.path("sources"), "--out", self.path("parts"),
                    "--resume")
        self.assertEqual(self.checkpoint("by-source"), self.checkpoint("parts"))
        for value, says in (("poems:0", "from"), ("sums", "SOURCE:EXPERT"),
                            ("sums:-1", "SOURCE:EXPERT"), ("sums:0,sums:1", "twice")):
            self.fails(2, "train", artifact, "--data", self.path("sources"), "--out",
                       self.path("never"), "--set", f"moe_domain_expert_map={value}",
                       says=["moe_domain_expert_map", says])

    def test_bench_counts_what_it_timed(self):
        def counts(*flags):
            entries = self.run_ok("bench", self.artifact, "--steps", 1, "--warmup", 0, "--entry",
                                  "accumulate@2x32", "--entry", "eval@2x32", *flags,
                                  "--json").json()["entries"]
            return [entry["routing"] for entry in entries]

        tokens = 2 * 32
        for routing in counts():
            for block in range(3):
                made = routing[f"route.mor.{block}.tokens"]
                self.assertEqual(made[0], tokens)
                self.assertEqual(made, sorted(made, reverse=True))
            self.assertEqual(sum(routing["route.moe.0.tokens"]), tokens)
        # A router that is certain sends every token the same way.
        file = support.Safetensors.load(self.path("whole", "checkpoints", LAST,
                                                  "weights.safetensors"))
        for block in range(3):
            file.set_floats(f"layers.{block}.mor_router.router.bias", [-1e4])
        path = self.path("shallow.safetensors")
        file.save(path)
        for routing in counts("--weights", path):
            for block in range(3):
                self.assertEqual(routing[f"route.mor.{block}.tokens"], [tokens, 0, 0])

    def routing_rows(self, sql):
        with sqlite3.connect(self.path("whole", "training.db")) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(sql)]

    def test_the_database_says_what_the_routers_did(self):
        tokens, passes = 2 * 2 * 32, MODEL["recursions_per_block"]
        mor = self.routing_rows("SELECT * FROM routing_mor ORDER BY step, layer")
        self.assertEqual([(row["step"], row["layer"]) for row in mor],
                         [(step, layer) for step in range(7, STEPS + 1) for layer in range(3)])
        for row in mor:
            self.assertEqual(row["expected_depth"], row["router_probs_mean"] * (passes - 1))
            self.assertTrue(0.047 < row["router_probs_mean"] < 0.953, row)
            made = self.routing_rows(f"SELECT tokens FROM routing_tokens WHERE router='mor' AND "
                                     f"step={row['step']} AND layer={row['layer']} ORDER BY part")
            made = [part["tokens"] for part in made]
            self.assertAlmostEqual(row["avg_depth"], sum(made) / tokens - 1)
        mod = self.routing_rows("SELECT * FROM routing_mod ORDER BY step")
        self.assertEqual([row["step"] for row in mod], list(range(1, STEPS + 1)))
        for row in mod:
            self.assertEqual((row["layer"], row["capacity"]), (1, 0.5))
            self.assertGreater(row["probs_std"], 0)
        self.assertEqual([row["compute_savings_pct"] for row in mod[:6]], [0] * 4 + [50] * 2)
        self.assertGreaterEqual(mod[-1]["compute_savings_pct"], 50)
        for row in self.routing_rows("SELECT * FROM routing_moe"):
            self.assertTrue(0 <= row["entropy"] <= math.log(2) + 1e-9, row)
            self.assertTrue(0 < row["divergence"] < 2, row)

    def test_the_work_is_what_the_tokens_make(self):
        # hidden: dim * 2.67, up to a multiple of 256. Three blocks of three passes, one expert layer.
        row_flops = 6 * MODEL["dim"] * 256
        tokens, passes = 2 * 2 * 32, MODEL["recursions_per_block"]
        full = passes * tokens

        def rows_of(step, router, layer):
            return sum(row["tokens"] for row in self.routing_rows(
                f"SELECT tokens FROM routing_tokens WHERE step={step} AND router='{router}' AND "
                f"layer={layer}"))

        for work in self.routing_rows("SELECT * FROM routing_work ORDER BY step"):
            step = work["step"]
            self.assertEqual(work["mlp_flops_fixed_depth"], (3 * full + tokens) * row_flops)
            inner = rows_of(step, "mod", 1) if step > 4 else full
            # During the ramp fixed depth is computed beside; where depth routing selects, apart.
            outer = rows_of(step, "mor", 0) + rows_of(step, "mor", 2) if step > 8 else 2 * full
            apart = full // 2 if 6 < step < 9 else 0
            self.assertEqual(work["mlp_flops"], (inner + outer + tokens + apart) * row_flops,
                             step)

    def test_db_routing(self):
        report = self.run_ok("db", "routing", self.path("whole"), "--last", 3, "--json").json()
        self.assertEqual((report["from_step"], report["last_step"]), (STEPS - 2, STEPS))
        for row in report["mor"]:
            self.assertAlmostEqual(sum(row["depth_histogram"]), 1)
            self.assertAlmostEqual(row["avg_depth"], sum(
                depth * share for depth, share in enumerate(row["depth_histogram"])))
        work = self.routing_rows("SELECT sum(mlp_flops) AS done, sum(mlp_flops_fixed_depth) AS "
                                 "fixed FROM routing_work")[0]
        self.assertAlmostEqual(report["run_mlp_flops_saved"], 1 - work["done"] / work["fixed"])
        text = self.run_ok("db", "routing", self.path("whole")).out
        for part in ("Mixture of depths", "Mixture of recursions", "Mixture of experts",
                     "MLP FLOPs saved against fixed depth"):
            self.assertIn(part, text)

    def test_the_heat_map_is_a_picture(self):
        path = self.path("routing.png")
        self.run_ok("db", "routing", self.path("whole"), "--png", path)
        data = support.read(path)
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", data[16:24])
        size = struct.unpack(">I", data[33:37])[0]
        pixels = zlib.decompress(data[41:41 + size])
        self.assertEqual(len(pixels), height * (3 * width + 1))

    def test_a_run_that_never_routed_is_named(self):
        self.train("early", "--stop-at", 2)
        with sqlite3.connect(self.path("early", "training.db")) as database:
            database.execute("DELETE FROM routing_tokens")
        self.fails(3, "db", "routing", self.path("early"), says=["training.db", "none of its 2"])
        self.fails(3, "db", "routing", self.data, says="training.db")

    def test_a_checkpoint_is_evaluated_in_its_phase(self):
        lines = support.read(self.path("whole", "steps.jsonl")).decode().splitlines()
        seen = {record["step"]: record["loss"] for record in map(json.loads, lines)
                if record["event"] == "evaluation"}
        for step, variant in ((4, "fixed"), (8, "blend_mod"), (12, "adaptive_mod")):
            out = f"evaluated-{step}"
            self.train(out, "--stop-at", step)
            result = self.run_ok("eval", self.path(out), "--data", self.data, "--batches", 25,
                                 "--json")
            self.assertEqual(result.json()["loss"], seen[step])
            self.assertIn(f"routing as in step {step}: {variant}", result.err)

    def test_another_step_can_be_chosen(self):
        evaluate = ["eval", self.path("whole"), "--data", self.data, "--batches", 2, "--json"]
        results = {}
        for step, variant in ((4, "fixed"), (8, "blend_mod"), (12, "adaptive_mod")):
            result = self.run_ok(*evaluate, "--at-step", step)
            self.assertEqual(result.json()["variant"], variant)
            self.assertIn(f"routing as in step {step}: {variant}", result.err)
            results[step] = result.json()["loss"]
        self.assertEqual(len(set(results.values())), 3, results)
        self.assertEqual(results[12], self.run_ok(*evaluate).json()["loss"])
        generate = ["generate", self.path("whole"), "--prompt", "the", "--tokens", 4]
        self.assertIn("routing as in step 12: adaptive_mod", self.run_ok(*generate).err)
        self.assertIn("routing as in step 4: fixed", self.run_ok(*generate, "--at-step", 4).err)

    def test_without_a_checkpoint_everything_is_on(self):
        for command in (["eval", self.artifact, "--data", self.data, "--batches", 1],
                        ["bench", self.artifact, "--steps", 1, "--warmup", 0],
                        ["generate", self.artifact, "--prompt", "a", "--tokens", 1]):
            with self.subTest(command[0]):
                result = self.run_ok(*command, "--json")
                self.assertEqual(result.json()["variant"], "adaptive_mod")
                self.assertIn("routing: everything is on: adaptive_mod", result.err)
                early = self.run_ok(*command, "--at-step", 1, "--json")
                self.assertEqual(early.json()["variant"], "fixed")

    def test_another_shape_of_a_checkpoint_is_the_same_program(self):
        out = self.path("fixed-run")
        self.run_ok("train", self.path("routed.json"), "--routing", "fixed", "--data", self.data,
                    "--out", out, "--steps", 1, "--batch", 2, "--seq", 32)
        result = self.run_ok("eval", out, "--data", self.data, "--batch", 1, "--seq", 16,
                             "--batches", 1, "--json")
        self.assertEqual(result.json()["variant"], "fixed")

    def test_scores_that_are_no_numbers_end_with_the_routers_name(self):
        exported = self.path("whole.safetensors")
        self.run_ok("checkpoint", "export", self.path("whole"), "-o", exported)
        for router in ("layers.1.mod_mlp_wrapper.mod_router.router", "layers.2.mor_router.router",
                       "moe_layers.0.router.gate"):
            weights = support.Safetensors.load(exported)
            values = weights.floats(router + ".weight")
            values[1] = float("nan")
            weights.set_floats(router + ".weight", values)
            path = self.path(router + ".safetensors")
            weights.save(path)
            with self.subTest(router):
                self.fails(5, "eval", self.artifact, "--data", self.data, "--weights", path,
                           says=[router + ": ", "scores of this router are not numbers"])
                self.fails(5, "train", self.artifact, "--data", self.data, "--weights", path,
                           "--out", self.path("run-" + router), "--steps", 2, "--batch", 2, "--seq",
                           32, "--set", "mod_warmup_steps=0", "--set", "mor_enable_step=0", "--set",
                           "mor_rampup_steps=0", says=["step ", router + ": "])

    def test_tokens_beyond_the_capacity_of_experts_are_counted(self):
        out, lost = {}, {}
        for rules in ("pytorch", "Q14"):
            spec = self.path(f"capacity-{rules}.json")
            support.write(spec, json.dumps({"model": {
                **MODEL, "rules": rules, "moe_capacity_factor": 0.75, "mod_capacity": 0,
                "mod_loss_aware_weight": 0, "adaptive": False}}).encode())
            out[rules] = self.path(f"capacity-{rules}")
            self.run_ok("train", spec, "--data", self.data, "--out", out[rules], "--steps", 8,
                        "--batch", 2, "--seq", 32, "--lr", 0.01, "--set", "moe_warmup_steps=1",
                        "--set", "warmup_steps=0")
            lines = support.read(out[rules] + "/steps.jsonl").decode().splitlines()
            for step in map(json.loads, lines):
                if step["event"] != "step":
                    continue
                used, dropped = step["routing"]["moe.0"], step["record"]["dropped.moe_layers.0"]
                self.assertEqual(dropped, [max(0, n - int(0.75 * 2 * 32 / 2)) for n in used])
                self.assertGreater(sum(dropped), 0)
                lost[rules] = step["loss"]["ce"]
        self.assertNotEqual(lost["pytorch"], lost["Q14"])  # who is beyond counts for nothing

    def test_a_variant_that_is_not_there_is_named(self):
        lone = self.path("lone.hydra")
        self.compile(lone, "--variant=fixed")
        self.fails(3, "train", lone, "--data", self.data, "--out", self.path("lone"), "--steps", 8,
                   "--batch", 2, "--seq", 32, "--set", "mod_warmup_steps=2",
                   says=["fixed_mod", "accumulate@2x32:fixed"])


if __name__ == "__main__":
    support.main(needs_compiler=True)
