"""checkpoint export and import: weights go out and come back under their state-dict names."""
import json
import os

import support


class CheckpointTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.train(cls.artifact, "run")

    @classmethod
    def train(cls, model, out, *more):
        cls.run_ok("train", model, "--data", cls.data, "--out", cls.path(out), "--steps", 5, "--lr",
                   0.01, *more)

    def test_a_round_trip_keeps_every_bit(self):
        weights, checkpoint = self.path("w.safetensors"), self.path("back")
        self.run_ok("checkpoint", "export", self.path("run"), "-o", weights)
        report = self.run_ok("checkpoint", "import", weights, "--model", self.artifact, "-o",
                             checkpoint, "--json").json()
        self.assertEqual(report["checkpoint"], checkpoint)
        again = self.path("again.safetensors")
        self.run_ok("checkpoint", "export", checkpoint, "-o", again)
        self.assertEqual(support.read(weights), support.read(again))
        # Evaluation and text see the same model.
        losses = [self.run_ok("eval", self.path(name), "--data", self.data, "--json").out
                  for name in ("run", "back")]
        self.assertEqual(losses[0], losses[1])
        texts = [self.run_ok("generate", self.path(name), "--prompt", "a", "--tokens", 9).out_bytes
                 for name in ("run", "back")]
        self.assertEqual(texts[0], texts[1])

    def test_a_directory_is_taken_whole(self):
        """Weights in one file or in shards with an index, the model and the tokenizer beside them; and back."""
        exported = self.path("d.safetensors")
        self.run_ok("checkpoint", "export", self.path("run"), "-o", exported)
        whole, shards = self.path("whole"), self.path("shards")
        self.run_ok("checkpoint", "export", self.path("run"), "-o", whole)
        report = self.run_ok("checkpoint", "export", self.path("run"), "-o", shards, "--shard-bytes", 8000, "--json").json()
        spec = ["model.mlir"]
        self.assertEqual(sorted(os.listdir(whole)), sorted([*spec, "model.safetensors"]))
        index = json.loads(support.read(os.path.join(shards, "model.safetensors.index.json")))
        files = set(index["weight_map"].values())
        self.assertGreater(len(files), 2)
        self.assertEqual((report["files"], report["bytes"]), (len(files), index["metadata"]["total_size"]))
        self.assertEqual(set(os.listdir(shards)), {*spec, "model.safetensors.index.json", *files})
        tensors = {}
        for file in files:
            part = support.Safetensors.load(os.path.join(shards, file))
            self.assertEqual(part.metadata, {"format": "pt"})
            self.assertTrue(len(part.tensors) == 1 or sum(len(data) for _, _, data in part.tensors.values()) <= 8000)
            tensors.update(part.tensors)
        self.assertEqual(tensors, support.Safetensors.load(exported).tensors)
        if not support.has_compiler():
            return
        for folder in (whole, shards):
            self.run_ok("checkpoint", "import", folder, "-o", self.path("from-folder"), "--force")
            self.run_ok("checkpoint", "export", self.path("from-folder"), "-o", self.path("from-folder.safetensors"), "--force")
            self.assertEqual(support.read(self.path("from-folder.safetensors")), support.read(exported))
        # Only exports are replaced.
        support.write(os.path.join(whole, "notes.txt"), b"mine")
        self.fails(2, "checkpoint", "export", self.path("run"), "-o", whole, "--force", says="notes.txt")

    def test_a_name_says_what_is_made(self):
        """NAME.safetensors is a file, other names are directories; another program's file is not what comes out."""
        export = ["checkpoint", "export", self.path("run"), "-o"]
        for name in ("plain", "dotted.v1/", "half-1.2"):
            self.run_ok(*export, self.path(name) + ("/" if name.endswith("/") else ""))
            self.assertTrue(os.path.isfile(self.path(name, "model.safetensors")), name)
        for name in ("weights.pt", "weights.bin", "weights.h5"):
            self.fails(2, *export, self.path(name), says=["FILE.safetensors or a directory", name])
            self.assertFalse(os.path.exists(self.path(name)))

    def test_a_config_goes_out_as_hubs_know_it_and_comes_back(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        model = {"kind": "base", "vocab_size": 256, "dim": 32, "n_mor_blocks": 2, "n_heads": 4, "n_kv_heads": 2,
                 "compression_factor": 2, "max_seq_len": 64}
        support.write(self.path("small.json"), json.dumps({"model": model}).encode())
        self.run_ok("data", "tokenizer", self.path("data.txt"), "-o", self.path("bpe.json"), "--vocab-size", 256)
        self.run_ok("data", "text", self.path("data.txt"), "--out", self.path("bpe"), "--tokenizer", self.path("bpe.json"))
        self.run_ok("train", self.path("small.json"), "--data", self.path("bpe"), "--out", self.path("hub-run"), "--steps", 2,
                    "--batch", 2, "--seq", 32)
        hub = self.path("hub")
        self.run_ok("checkpoint", "export", self.path("hub-run"), "-o", hub, "--type", "bf16")
        self.assertEqual(sorted(os.listdir(hub)), ["config.json", "model.safetensors", "tokenizer.json"])
        self.assertEqual(json.loads(support.read(os.path.join(hub, "config.json"))),
                         {"architectures": ["HydraForCausalLM"], "model_type": "hydra", "torch_dtype": "bfloat16", "model": model})
        self.assertEqual({dtype for dtype, _, _ in support.Safetensors.load(os.path.join(hub, "model.safetensors")).tensors.values()},
                         {"BF16"})
        self.run_ok("checkpoint", "import", hub, "-o", self.path("hub-back"))
        self.assertEqual(support.read(self.path("hub-back", "tokenizer.json")), support.read(self.path("bpe.json")))
        again = self.path("hub-again")
        self.run_ok("checkpoint", "export", self.path("hub-back"), "-o", again, "--type", "bf16")
        self.assertEqual(support.files_of(again), support.files_of(hub))

    def test_weights_that_a_type_cannot_hold_are_named(self):
        exported = self.path("l.safetensors")
        self.run_ok("checkpoint", "export", self.path("run"), "-o", exported)
        file = support.Safetensors.load(exported)
        values = list(file.floats("norm.weight"))
        values[3] = 70000.0
        file.set_floats("norm.weight", values)
        file.save(self.path("large.safetensors"))
        self.run_ok("checkpoint", "import", self.path("large.safetensors"), "--model", self.artifact, "-o", self.path("large"))
        self.fails(5, "checkpoint", "export", self.path("large"), "--type", "f16", "-o", self.path("f16.safetensors"),
                   says=["norm.weight", "element 3", "70000", "F16"])
        self.assertFalse(os.path.exists(self.path("f16.safetensors")))

    def test_names_and_shapes_are_those_of_the_state_dict(self):
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("n.safetensors"))
        file = support.Safetensors.load(self.path("n.safetensors"))
        shapes = {name: shape for name, (_, shape, _) in file.tensors.items()}
        self.assertEqual(shapes["tok_emb.weight"], [256, 16])
        self.assertEqual(shapes["layers.0.attention.qkv_proj.weight"], [16, 16])
        self.assertEqual(shapes["layers.0.mlp.down.weight"], [16, 32])
        self.assertEqual(shapes["norm.weight"], [16])
        self.assertEqual({dtype for dtype, _, _ in file.tensors.values()}, {"F32"})

    def pytorch_files(self):
        """The run's weights as an older PyTorch program wrote them: wrapped, in parts, in two files with an index."""
        exported = self.path("p.safetensors")
        if not os.path.exists(exported):
            self.run_ok("checkpoint", "export", self.path("run"), "-o", exported)
        tensors = {}
        for name, (dtype, shape, data) in support.Safetensors.load(exported).tensors.items():
            name = f"_orig_mod.module.{name}"
            if name.endswith("qkv_proj.weight"):
                row, begin = len(data) // shape[0], 0
                for part, rows in (("q_down", shape[0] // 2), ("k_down", shape[0] // 4), ("v_down", shape[0] // 4)):
                    tensors[name.replace("qkv_proj", part)] = (
                        dtype, [rows, *shape[1:]], data[begin:begin + rows * row])
                    begin += rows * row
            else:
                tensors[name.replace("q_conv.conv", "q_conv").replace("k_conv.conv", "k_conv")] = (dtype, shape, data)
        tensors["loss_baseline._ema"] = ("F32", [1], bytes(4))
        folder = self.path("pytorch")
        os.makedirs(folder, exist_ok=True)
        names, index = sorted(tensors), {}
        for number, part in enumerate((names[::2], names[1::2]), 1):
            file = f"model-{number:05d}-of-00002.safetensors"
            support.Safetensors({"format": "pt"}, {name: tensors[name] for name in part}).save(os.path.join(folder, file))
            index.update({name: file for name in part})
        with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as file:
            json.dump({"metadata": {}, "weight_map": index}, file)
        return folder, exported

    def test_state_dicts_of_pytorch_are_taken(self):
        folder, exported = self.pytorch_files()
        for source in (folder, os.path.join(folder, "model.safetensors.index.json")):
            result = self.run_ok("checkpoint", "import", source, "--model", self.artifact, "-o", self.path("taken"),
                                 "--force", "--tokenizer", "byte")
            self.assertIn("loss_baseline._ema", result.err)
            self.run_ok("checkpoint", "export", self.path("taken"), "-o", self.path("taken.safetensors"), "--force")
            self.assertEqual(support.read(self.path("taken.safetensors")), support.read(exported))
        self.assertEqual(self.run_ok("inspect", self.path("taken"), "--json").json()["tokenizer"], "byte")
        self.fails(2, "checkpoint", "import", folder, "-o", self.path("none"), says=["--model", "config.json"])

    def test_all_that_is_missing_and_too_much_is_named(self):
        exported = self.pytorch_files()[1]
        file = support.Safetensors.load(exported)
        wrong = {name.replace("layers.", "blocks."): value for name, value in file.tensors.items()}
        support.Safetensors({}, wrong).save(self.path("wrong.safetensors"))
        changed = [name for name in file.tensors if "layers." in name]
        self.assertGreater(len(changed), 3)
        self.fails(3, "checkpoint", "import", self.path("wrong.safetensors"), "--model", self.artifact, "-o",
                   self.path("none"), says=changed + [name.replace("layers.", "blocks.") for name in changed])

    def test_foreign_files_in_any_order_are_taken(self):
        # Written by another program: other metadata, other tensor order.
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("o.safetensors"))
        file = support.Safetensors.load(self.path("o.safetensors"))
        support.Safetensors({"format": "pt"}, dict(reversed(file.tensors.items()))).save(
            self.path("foreign.safetensors"))
        self.run_ok("checkpoint", "import", self.path("foreign.safetensors"), "--model",
                    self.artifact, "-o", self.path("foreign"))
        self.run_ok("checkpoint", "export", self.path("foreign"), "-o",
                    self.path("o2.safetensors"))
        self.assertEqual(support.read(self.path("o.safetensors")),
                         support.read(self.path("o2.safetensors")))

    def aliases(self, artifact):
        report = self.run_ok("inspect", artifact, "--json").json()
        return {entry["name"]: entry["aliases"] for entry in report["parameters"]
                if entry.get("aliases")}

    def test_aliases_are_taken_on_import(self):
        # Tied embeddings: the state dict has output.weight too.
        aliases = self.aliases(self.artifact)
        self.assertIn("output.weight", aliases["tok_emb.weight"])
        self.check_aliases(self.artifact, "run", aliases)

    def test_aliases_of_a_routed_model(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        artifact = self.path("debug.hydra")
        config = {"model": {"kind": "hydra", "vocab_size": 256, "dim": 16, "n_mor_blocks": 3,
                            "recursions_per_block": 2, "n_heads": 4, "n_kv_heads": 2,
                            "compression_factor": 2, "adaptive": False}}
        support.write(self.path("debug.json"), json.dumps(config).encode())
        result = self.call("hydra-opt", self.path("debug.json"), "-o", artifact,
                           "--entry=train@2x16", "--entry=eval@2x16")
        self.assertEqual(result.status, 0, result)
        self.train(artifact, "routed")
        aliases = self.aliases(artifact)
        names = [alias for names in aliases.values() for alias in names]
        self.assertTrue(any("mod_mlp_wrapper.mlp." in name for name in names), names)
        self.check_aliases(artifact, "routed", aliases)

    def check_aliases(self, artifact, run, aliases):
        """Under their aliases alone, and under both names, the weights are the same."""
        original = self.path(f"{run}.safetensors")
        self.run_ok("checkpoint", "export", self.path(run), "-o", original)
        file = support.Safetensors.load(original)
        renamed = {aliases.get(name, [name])[0]: tensor for name, tensor in file.tensors.items()}
        self.assertNotEqual(set(renamed), set(file.tensors))
        for what, tensors in {"renamed": renamed, "both": {**file.tensors, **renamed}}.items():
            with self.subTest(what=what):
                path, checkpoint = self.path(f"{run}-{what}.safetensors"), self.path(run + what)
                support.Safetensors(file.metadata, tensors).save(path)
                self.run_ok("checkpoint", "import", path, "--model", artifact, "-o", checkpoint)
                self.run_ok("checkpoint", "export", checkpoint, "-o", path, "--force")
                self.assertEqual(support.read(original), support.read(path))

    def test_tied_tensors_that_differ_are_refused(self):
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("t.safetensors"))
        file = support.Safetensors.load(self.path("t.safetensors"))
        file.tensors["output.weight"] = file.tensors["tok_emb.weight"]
        file.set_floats("output.weight", [1 + v for v in file.floats("tok_emb.weight")])
        file.save(self.path("untied.safetensors"))
        self.fails(3, "checkpoint", "import", self.path("untied.safetensors"), "--model",
                   self.artifact, "-o", self.path("untied"),
                   says=["'tok_emb.weight' and 'output.weight'", "tied"])
        self.assertFalse(os.path.exists(self.path("untied")))

    def test_an_imported_checkpoint_can_be_inspected(self):
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("i.safetensors"))
        report = self.run_ok("inspect", self.path("i.safetensors"), "--json").json()
        self.assertEqual(report["kind"], "safetensors")
        self.run_ok("checkpoint", "import", self.path("i.safetensors"), "--model", self.artifact,
                    "-o", self.path("i"))
        report = self.run_ok("inspect", self.path("i"), "--json").json()
        self.assertEqual(report["step"], 0)
        self.assertIn("weights.safetensors", os.listdir(self.path("i")))


if __name__ == "__main__":
    support.main()
