"""eval: the loss that training reports, of every text of the data, and of the best checkpoint."""
import json
import os
import random
import shutil

import support


class EvalTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        chance = random.Random(1)
        support.write(cls.path("hard.txt"), bytes(chance.choices(range(256), k=4000)))
        cls.both = cls.path("both")
        cls.run_ok("data", "text", cls.path("data.txt"), cls.path("hard.txt"), "--out", cls.both, "--shard-tokens", 1000,
                   "--validation-fraction", 0.05)
        cls.report = cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"), "--steps", 40, "--lr",
                                0.02, "--set", "warmup_steps=0", "--set", "eval_batches=3", "--set", "eval_interval=10", "--set", "keep_best=true",
                                "--json").json()

    def evaluated(self, model, data, *more):
        return self.run_ok("eval", model, "--data", data, *more, "--json").json()

    def test_training_and_eval_define_the_loss_alike(self):
        few = self.evaluated(self.path("run"), self.data, "--batches", 3)
        self.assertEqual(few["loss"], self.report["held_out_loss"])
        self.assertNotEqual(few["loss"], self.evaluated(self.path("run"), self.data)["loss"])

    def test_every_source_has_its_loss(self):
        result = self.evaluated(self.path("run"), self.both, "--split", "train")
        easy, hard = result["sources"]
        self.assertEqual([os.path.basename(row["source"]) for row in (easy, hard)], ["data.txt", "hard.txt"])
        # Every id but the first is predicted, in whichever shard it is.
        tokens = self.run_ok("inspect", self.both, "--json").json()["train_tokens"]
        self.assertEqual(easy["tokens"], os.path.getsize(self.path("data.txt")) - 1)
        self.assertEqual(easy["tokens"] + hard["tokens"], result["tokens"])
        self.assertEqual(result["tokens"], tokens - 1)
        whole = sum(row["loss"] * row["tokens"] for row in (easy, hard)) / result["tokens"]
        self.assertAlmostEqual(whole, result["loss"], places=12)
        # The model knows words; it cannot know random bytes.
        self.assertGreater(hard["loss"], 5)
        self.assertLess(easy["loss"], 4)
        # What was held out is of one text alone, whose loss is that of all.
        held_out = self.evaluated(self.path("run"), self.both)
        self.assertEqual([(row["loss"], row["tokens"]) for row in held_out["sources"]],
                         [(held_out["loss"], held_out["tokens"])])
        table = self.run_ok("eval", self.path("run"), "--data", self.both, "--split", "train").out
        self.assertRegex(table, rf"data\.txt +{easy['loss']:.4f} +{easy['tokens']:,}\n")
        self.assertNotIn("hard.txt", self.run_ok("eval", self.path("run"), "--data", self.both).out)

    def test_sources_that_do_not_add_up_are_refused(self):
        path = os.path.join(self.both, "data.json")
        good = support.read(path)
        description = json.loads(good)
        for change, says in ((lambda run: run.update(tokens=run["tokens"] - 1), "runs of together 1000 tokens"),
                             (lambda run: run.update(tokens=run["tokens"] + 1), "tokens"),
                             (lambda run: run.update(source=7), "the number of a source")):
            damaged = json.loads(good)
            change(damaged["train"][1]["sources"][0])
            self.assertNotEqual(damaged, description)
            support.write(path, json.dumps(damaged).encode())
            self.fails(3, "eval", self.path("run"), "--data", self.both, says=["data.json", says])
        support.write(path, good)

    def test_the_best_checkpoint_is_that_of_the_lowest_loss(self):
        lines = [json.loads(line) for line in support.read(self.path("run", "steps.jsonl")).decode().splitlines()]
        losses = {line["step"]: line["loss"] for line in lines if line["event"] == "evaluation"}
        self.assertEqual(sorted(losses), [10, 20, 30, 40])
        note = json.loads(support.read(self.path("run", "best.json")))
        self.assertEqual(note, {"step": min(losses, key=losses.get), "loss": min(losses.values())})
        self.assertEqual(self.evaluated(self.path("run", "best"), self.data, "--batches", 3)["loss"], note["loss"])
        # A step that is worse leaves it: training on with a rate that destroys.
        shutil.copytree(self.path("run"), self.path("worse"), symlinks=True)
        self.run_ok("train", "--out", self.path("worse"), "--resume", "--steps", 50, "--lr", 30)
        self.assertEqual(json.loads(support.read(self.path("worse", "best.json"))), note)


if __name__ == "__main__":
    support.main()
