"""Every flag of hydra-opt acts or is refused; the lists come from the program's own registry."""
import glob
import json
import os
import re
import unittest.mock

import support

TINY = "tests/e2e/tiny.mlir"
EVAL = "--entry=eval@1x8"


def names(text):
    """Names of the flags of a help page."""
    return set(re.findall(r"^ {2,6}(--?[a-zA-Z][\w-]*)", text, re.M))


class FlagsTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tiny = cls.source(*TINY.split("/"))
        cls.routed = cls.path("routed.mlir")
        spec = support.read(cls.tiny).decode()
        spec = spec.replace("%m = hydra.mlp %n2 {hidden = 32} : tensor<?x?x16xf32>", """
            %m = hydra.recursion %n2 passes 2 : tensor<?x?x16xf32> {
            ^bb1(%s: tensor<?x?x16xf32>):
              %b = hydra.mlp %s {hidden = 32} : tensor<?x?x16xf32>
              hydra.yield %b : tensor<?x?x16xf32>
            }""")
        support.write(cls.routed, spec.encode())
        cls.functions = cls.path("functions.mlir")
        support.write(cls.functions, b"""
            func.func @one(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
              %0 = hydra.unary <exp> %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
              return %0 : tensor<2x3xf32>
            }
            func.func @two(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
              %0 = hydra.unary <tanh> %x {hydra.probe = "inner"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
              %1 = hydra.unary <neg> %0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
              return %1 : tensor<2x3xf32>
            }""")
        inputs = {"input/arg0": ("F32", [2, 3], b"\0\0\x80\x3f" * 6)}
        cls.inputs = cls.path("inputs.safetensors")
        support.Safetensors(tensors=inputs).save(cls.inputs)

    def opt(self, *arguments):
        result = self.call("hydra-opt", *arguments)
        self.assertEqual(result.status, 0, result)
        return result

    def differ(self, first, second):
        """Two command lines, of which the output must differ."""
        a, b = self.opt(*first), self.opt(*second)
        self.assertNotEqual((a.out, a.err), (b.out, b.err), f"no effect{b}")
        return b

    def inspect(self, artifact):
        return self.run_ok("inspect", artifact, "--json").json()

    # One row per flag of hydra-opt --help, and one function per row.

    def flag_entry(self):
        out = self.opt(self.tiny, "--entry=eval@1x8", "--entry=eval@2x4", "--stop-after=routing").out
        self.assertIn("@eval_1x8_fixed", out)
        self.assertIn("@eval_2x4_fixed", out)
        self.assertNotIn("@train", out)

    def flag_cache(self):
        out = self.opt(self.tiny, "--entry=extend@1x1", "--cache=17", "--stop-after=routing").out
        self.assertIn("tensor<1x17x4xf32>", out)

    def flag_function(self):
        out = self.opt(self.functions, "--function=two", "--stop-after=fusion").out
        self.assertIn("@two", out)
        self.assertNotIn("@one", out)

    def flag_target(self):
        self.opt(self.functions, "--target=cpu")
        path = self.path("sim.hydra")
        self.opt(self.functions, "--target=sim", "-o", path)
        self.assertEqual(self.inspect(path)["target"], "sim")
        path = self.path("cuda.hydra")
        self.opt(self.functions, "--target=cuda", "-o", path)
        self.assertEqual(self.inspect(path)["target"], "cuda")

    def flag_arch(self):
        path = self.path("arch.hydra")
        self.opt(self.functions, "--arch=x86-64-v3", "-o", path)
        self.assertIn("x86-64-v3", self.inspect(path)["isa_levels"])

    def flag_routing(self):
        for mode, sign in (("static", "hydra.unary <exp>"), ("dynamic", "hydra.counting_sort")):
            self.opt(self.tiny, EVAL, f"--routing={mode}", "--stop-after=routing")
            out = self.opt(self.routed, EVAL, f"--routing={mode}", "--stop-after=routing").out
            for variant in ("fixed", "blend", "adaptive"):
                self.assertIn("@eval_1x8_" + variant + "(", out)
            self.assertIn(sign, out)
        fixed = self.opt(self.routed, EVAL, "--routing=fixed", "--stop-after=routing").out
        self.assertNotIn("@eval_1x8_adaptive(", fixed)
        # Without the flag: what the spec asks for, else dynamic.
        silent = self.opt(self.routed, EVAL, "--stop-after=routing")
        self.assertEqual((silent.out, silent.err), (out, ""))
        asking = self.path("asking.mlir")
        spec = support.read(self.routed).decode()
        support.write(asking, spec.replace(
            "max_seq_len = 64", "max_seq_len = 64, hydra.routing = \"static\"").encode())
        for flags, mode in (([], "static"), (["--routing=fixed"], "fixed")):
            out = self.opt(asking, EVAL, *flags, "--stop-after=routing").out
            self.assertEqual(re.search('module attributes .*hydra.routing = "(\\w+)"', out)[1], mode)

    def flag_variant(self):
        out = self.opt(self.routed, EVAL, "--routing=dynamic", "--variant=adaptive",
                       "--stop-after=routing").out
        self.assertIn("@eval_1x8_adaptive(", out)
        self.assertNotIn("@eval_1x8_fixed(", out)
        self.fails(1, self.routed, EVAL, "--routing=dynamic", "--variant=adaptiv",
                   "--stop-after=routing", program="hydra-opt",
                   says=["has no variant 'adaptiv'", "fixed, blend, adaptive"])

    def flag_mod_rule(self):
        routed = self.path("routed.json")
        support.write(routed, json.dumps({"model": support.ROUTED_MODEL}).encode())
        entries = ["--entry=eval@1x8", "--entry=extend@1x4", "--cache=8", "--variant=adaptive_mod",
                   "--stop-after=routing"]
        signs = {"prefix": "hydra.prefix_rank", "threshold": "mod_threshold.1.0",
                 "recompute": "hydra.top_k", "predictor": "hydra.nonzero", "dense": None}
        texts = {rule: self.opt(routed, *entries, "--mod-rule=" + rule).out for rule in signs}
        self.assertEqual(len(set(texts.values())), len(signs))
        for rule, sign in signs.items():
            if sign:
                self.assertIn(sign, texts[rule], rule)
        # Without it: prefix in extend, as in training in eval.
        given, extend = texts["prefix"], "func.func @extend"
        own = self.opt(routed, *entries).out
        self.assertEqual(own[own.index(extend):], given[given.index(extend):])
        self.assertNotIn("hydra.prefix_rank", own[:own.index(extend)])
        self.fails(1, self.tiny, EVAL, "--mod-rule=dense", "--stop-after=routing",
                   program="hydra-opt", says=["mod_rule = dense has no effect"])

    def flag_fusion(self):
        self.assertRegex(self.opt(self.tiny, EVAL, "--stop-after=fusion").out, "<rows> \"[A-Z_+]*EDGE")
        off = self.opt(self.tiny, EVAL, "--fusion=off", "--stop-after=fusion").out
        self.assertEqual(set(re.findall("hydra.fusion <[a-z_]+> \"([^\"]*)\"", off)), {"single"})

    def flag_no_fuse(self):
        def rope_groups(*flags):
            out = self.opt(self.tiny, EVAL, *flags, "--stop-after=fusion").out
            bodies = re.findall(r"hydra.fusion <rows>.*?hydra.yield", out, re.S)
            return sum("hydra.rope" in body and body.count(" = hydra.") > 1 for body in bodies)
        self.assertGreater(rope_groups(), 0)
        self.assertEqual(rope_groups("--no-fuse=HYDRA_DISABLE_FUSED_ROPE"), 0)
        self.assertEqual(rope_groups("--no-fuse=layers.*.attention"), 0)
        text = self.opt(self.tiny, EVAL, "--no-fuse=HYDRA_DISABLE_FUSED_ROPE", "--explain").out
        self.assertIn("by --no-fuse=HYDRA_DISABLE_FUSED_ROPE", text)
        self.fails(2, self.tiny, EVAL, "--no-fuse=EGDE", program="hydra-opt",
                   says=["EDGE", "HYDRA_DISABLE_TRITON", "'EGDE'"])
        self.fails(1, self.tiny, EVAL, "--no-fuse=layers.99.*", program="hydra-opt",
                   says=["layers.99.*", "names nothing"])

    def flag_explain(self):
        text = self.opt(self.tiny, EVAL, "--explain").out
        for says in ("Taken", "Refused", "EDGE", "LIBRARY", "rms_norm", "tiny.mlir:", "layers.0"):
            self.assertIn(says, text)
        ledger = json.loads(self.opt(self.tiny, EVAL, "--explain=json").out)
        self.assertTrue(all(kernel["ops"] for kernel in ledger["kernels"]))
        self.assertTrue(all(op["location"] for kernel in ledger["kernels"] for op in kernel["ops"]))
        self.assertTrue(any(decision["accepted"] for decision in ledger["decisions"]))
        self.assertTrue(any(not decision["accepted"] for decision in ledger["decisions"]))
        self.assertIn("</html>", self.opt(self.tiny, EVAL, "--explain=html").out)
        self.fails(2, self.tiny, EVAL, "--explain=xml", program="hydra-opt",
                   says=["text, json or html", "'xml'"])
        # The artifact keeps the same, and tells what another one decides otherwise.
        new, old = self.path("new.hydra"), self.path("old.hydra")
        self.opt(self.tiny, EVAL, "-o", new)
        self.opt(self.tiny, EVAL, "--fusion=off", "-o", old)
        self.assertEqual(self.run_ok("explain", new).out, text)
        self.assertEqual(self.run_ok("explain", new, "--json").json(), ledger)
        self.assertIn("DISABLED", self.run_ok("explain", new, "--diff", old).out)
        self.assertIn("decide the same", self.run_ok("explain", new, "--diff", new).out)

    def flag_precision(self):
        single = self.opt(self.tiny, EVAL, "--precision=f32", "--stop-after=precision").out
        self.assertEqual(single, self.opt(self.tiny, EVAL, "--stop-after=precision").out)
        rounded = self.opt(self.tiny, EVAL, "--precision=bf16", "--stop-after=precision").out
        self.assertNotIn("bf16", single)
        self.assertIn('derived "tok_emb.weight"', rounded)
        self.fails(1, self.tiny, EVAL, "--precision=bf16", "--arch=x86-64-v4", "-o",
                   self.path("v4.hydra"), program="hydra-opt",
                   says=["--precision=bf16: expected --arch among x86-64-v4-bf16, sapphirerapids",
                         "found x86-64-v4; compile with --precision=f32"])

    def flag_probe(self):
        out = self.opt(self.functions, "--probe=in[n]er", "--stop-after=fusion").out
        self.assertIn('<output "probe.inner">', out)

    def flag_inject(self):
        routed = self.path("injected.json")
        support.write(routed, json.dumps({"model": support.ROUTED_MODEL}).encode())
        entries = [routed, "--entry=train@1x8", "--variant=adaptive_mod"]
        flags = ["--inject=route.mor.*.depth", "--inject=route.mod.1.index.0"]
        out = self.opt(*entries, *flags, "--stop-after=routing").out
        for name in ("mor.0.depth", "mor.1.depth", "mor.2.depth", "mod.1.index.0"):
            self.assertIn(f'<input "inject.route.{name}">', out)
        self.assertNotIn("inject.route.mod.1.index.1", out)
        self.assertNotIn("hydra.unary <round>", out)
        # Nothing would feed them.
        path = self.path("injected.hydra")
        self.opt(*entries, *flags, "-o", path)
        self.fails(3, "bench", path, says=["inject.route.", "compile it without"])

    def flag_loss_chunk(self):
        train = [self.tiny, "--entry=train@3x8", "--stop-after=remat"]
        whole = self.opt(*train).out
        self.assertIn("-> tensor<3x8x256xf32>", whole)
        chunked = self.opt(*train, "--loss-chunk=16").out
        self.assertNotIn("x8x256xf32>", chunked)
        self.assertIn("-> tensor<16x256xf32>", chunked)
        self.assertIn("-> tensor<8x256xf32>", chunked)
        # Logits that are asked for are put together.
        self.assertIn("hydra.concat_rows", chunked)
        self.assertIn("tensor<3x8x256xf32>", self.opt(*train, "--loss-chunk=16", "--probe=logits").out)
        self.fails(2, *train, "--loss-chunk=0", program="hydra-opt", says=["at least 1", "'0'"])

    def flag_memory_budget(self):
        common = [self.tiny, "--entry=train@4x64"]
        def sizes(*flags):
            return {region: int(size) for region, size in
                    re.findall(r"plan.region_size <(\w+)> (\d+)", self.opt(*common, *flags).out)}

        # All of it counts, and the arena is what gives way.
        free = sizes()
        whole = sum(free.values())
        self.assertGreater(whole, free["arena"])
        budget = whole - free["arena"] * 2 // 10
        bounded = sizes(f"--memory-budget={budget}")
        self.assertLessEqual(sum(bounded.values()), budget)
        self.assertEqual(bounded["parameters"], free["parameters"])
        self.assertEqual(sizes(f"--memory-budget={whole}"), free)
        self.fails(1, *common, "--memory-budget=64", program="hydra-opt",
                   says=["expected at least", "for the arena of", "found 64", "are held here",
                         "tiny.mlir"])
        self.fails(2, *common, "--memory-budget=none", program="hydra-opt", says=["'none'"])

    def flag_bucket_bytes(self):
        few = [self.tiny, "--entry=train@1x8", "--bucket-bytes=1000000000"]
        many = self.differ(few, few[:-1] + ["--bucket-bytes=64"]).out
        self.assertGreater(many.count("plan.collective"), 5)

    def flag_set(self):
        given = self.opt(self.tiny, EVAL, "--entry=extend@1x1", "--cache=9", "--stop-after=routing")
        by_set = self.opt(self.tiny, "--set", "entry=eval@1x8", "--set=entry=extend@1x1",
                          "--set=cache=9", "--stop-after=routing")
        self.assertEqual(given.out, by_set.out)

    def flag_o(self):
        self.opt(self.tiny, EVAL, "-o", self.path("o.hydra"))
        self.assertEqual(self.inspect(self.path("o.hydra"))["kind"], "artifact")
        self.opt(self.tiny, "--stop-after=model", "-o", self.path("o.mlir"))
        self.assertIn(b"hydra.param", support.read(self.path("o.mlir")))

    def flag_stop_after(self):
        outputs = [self.opt(self.tiny, "--stop-after=" + stage).out
                   for stage in ("model", "routing", "autodiff", "fusion", "plan")]
        self.assertEqual(len(set(outputs)), 5)
        self.opt(self.tiny, "--stop-after=remat")
        self.fails(2, self.tiny, "--stop-after=remap", program="hydra-opt",
                   says=["precision, remat, fusion", "found 'remap'"])

    def flag_interpret(self):
        # Without --stop-after: after the last stage that holds values.
        path = self.path("results.safetensors")
        self.opt(self.functions, "--function=one", "--interpret", "--inputs=" + self.inputs, "-o",
                 path)
        self.assertAlmostEqual(support.Safetensors.load(path).floats("output/result0")[0],
                               2.718281828, places=6)

    flag_inputs = flag_interpret

    def flag_interpret_as(self):
        common = [self.functions, "--function=one", "--interpret", "--inputs=" + self.inputs, "-o"]
        path = self.path("wide.safetensors")
        self.opt(*common, path, "--interpret-as=f64")
        self.assertEqual(support.Safetensors.load(path).tensors["output/result0"][0], "F64")

    def flag_kernel_cache(self):
        cache = self.path("kernel-cache")
        made = {name: self.path(name + ".hydra") for name in ("off", "cold", "warm", "damaged")}
        common = [self.tiny, EVAL, "--arch=x86-64-v3", "-o"]
        with unittest.mock.patch.dict(self.environment, XDG_CACHE_HOME=cache):
            self.opt(*common, made["off"], "--kernel-cache=off")
            self.assertFalse(os.path.exists(cache))
            self.opt(*common, made["cold"])
            kernels = glob.glob(cache + "/hydra/kernels/*.kernel")
            self.assertTrue(kernels)
            self.opt(*common, made["warm"], "--kernel-cache=on")
            # What is damaged is compiled again; what is there is used.
            for path in kernels[::2]:
                support.write(path, support.read(path)[:-1])
            self.opt(*common, made["damaged"])
        for name in ("cold", "warm", "damaged"):
            self.assertEqual(support.read(made["off"]), support.read(made[name]), name)
        self.fails(2, self.tiny, EVAL, "--kernel-cache=maybe", "-o", made["off"], program="hydra-opt",
                   says=["on or off", "'maybe'"])
        self.fails(2, self.tiny, EVAL, "--kernel-cache=off", program="hydra-opt", says=["no effect"])

    def flag_facts(self):
        facts = json.loads(self.opt(self.tiny, "--facts").out)
        self.assertEqual(facts, {"models": [{"name": "tiny", "vocab_size": 256, "dim": 16,
                                             "max_seq_len": 64, "rules": "pytorch"}],
                                 "functions": []})
        self.opt(self.functions, "--facts", "-o", self.path("facts.json"))
        facts = json.loads(support.read(self.path("facts.json")))
        self.assertEqual(facts, {"models": [], "functions": ["one", "two"]})
        # Warnings are the compilation's, which comes after.
        self.assertEqual(self.opt(self.routed, "--facts").err, "")

    def flag_help(self):
        self.assertIn("hydra-opt MODEL", self.opt("--help").out)

    def flag_help_hidden(self):
        self.assertIn("--mlir-print-ir-after-all", self.opt("--help-hidden").out)

    def flag_man(self):
        self.assertIn(".TH HYDRA", self.opt("--man").out)

    def flag_version(self):
        self.assertIn("hydra-opt build", self.opt("--version").out)

    def test_every_flag_of_the_help_page_acts(self):
        flags = names(self.opt("--help").out) | {"--help-hidden"}
        self.assertGreater(len(flags), 15)
        for flag in sorted(flags):
            with self.subTest(flag=flag):
                row = getattr(self, "flag_" + flag.strip("-").replace("-", "_"), None)
                self.assertIsNotNone(row, f"{flag} has no row in this test")
                row()

    def test_every_flag_is_in_the_manual(self):
        with open(self.source("docs", "tools", "hydra-opt.md"), encoding="utf-8") as file:
            page = file.read()
        flags = names(self.opt("--help").out)
        self.assertEqual([flag for flag in sorted(flags)
                          if not re.search(rf"[`\s]{flag}\b", page)], [])

    def test_help_is_one_screen(self):
        text = self.opt("--help").out
        self.assertLessEqual(len(text.splitlines()), 50)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        for says in ("Examples:", "(default", "--set", "Exit codes"):
            self.assertIn(says, text)
        self.assertNotIn("--mlir-disable-threading", text)

    # Settings that cannot act where they stand.

    def test_flags_without_effect_are_refused(self):
        for arguments, says in (
                ([self.tiny, "--arch=x86-64-v3", "--stop-after=routing"],
                 "--arch acts from stage fusion on"),
                ([self.tiny, "--explain", "--stop-after=fusion"], "drop --stop-after"),
                ([self.tiny, "--probe=block.0", "--stop-after=routing"],
                 "--probe acts from stage autodiff on"),
                ([self.tiny, "--cache=8", "--stop-after=model"], "--cache acts from stage routing"),
                ([self.tiny, "--bucket-bytes=8", "--stop-after=fusion"], "from stage plan on"),
                ([self.tiny, EVAL, "--cache=8"], "--cache has no effect without an extend entry"),
                ([self.functions, EVAL], "expected a spec with hydra.model"),
                ([self.functions, "--cache=8"], "expected a spec with hydra.model"),
                ([self.tiny, "--function=one"], "expected a spec without hydra.model"),
                ([self.tiny, "--inputs=x.safetensors"], "no effect without --interpret"),
                ([self.tiny, "--interpret-as=f64"], "no effect without --interpret"),
                ([self.tiny, "--cache=8", "--set=cache=9", "--entry=extend@1x1"],
                 "expected one value of cache, found --cache with '8' and --set cache with '9'"),
                ([self.tiny, "--routing=fixed", "--routing=fixed"], "expected one value of routing"),
                ([self.tiny, "-o", self.path("x.hydra"), "--stop-after=model"],
                 "an artifact needs all stages; drop --stop-after"),
                ([self.tiny, "--facts", EVAL], "--entry has no effect beside --facts"),
                ([self.tiny, "--facts", "--set=cache=8"], "--set cache has no effect beside --facts"),
                ([self.tiny, "--facts", "--stop-after=model"], "--stop-after has no effect beside"),
                ([self.tiny, "--facts", "-o", self.path("x.hydra")], "x.hydra has no effect beside")):
            with self.subTest(arguments=arguments):
                result = self.fails(2, *arguments, program="hydra-opt", says=[says])
                self.assertEqual(result.out, "")

    # The flags that MLIR brings along.

    def group(self, title):
        """The flags of one group of --help-hidden."""
        text = self.opt("--help-hidden").out
        begin = text.index(title)
        end = re.compile(r"^\S.*:$", re.M).search(text, begin + len(title) + 1)
        return names(text[begin:end.start() if end else len(text)])

    def test_stock_flags_that_run_passes_are_refused_while_compiling(self):
        flags = self.group("mlir-opt flags and passes for running passes by hand")
        self.assertGreater(len(flags), 100)
        for known in ("--pass-pipeline", "--canonicalize", "--emit-bytecode", "--hydra-plan",
                      "--split-input-file", "--verify-diagnostics", "--show-dialects"):
            self.assertIn(known, flags)
        # All of the driver and of ours, and every tenth of the upstream passes.
        upstream = sorted(flag for flag in flags if not flag.startswith("--hydra"))
        chosen = set(upstream[::10]) | {flag for flag in flags if flag.startswith("--hydra")} | {
            "--pass-pipeline", "--emit-bytecode", "--split-input-file", "--verify-diagnostics"}
        for flag in sorted(chosen):
            with self.subTest(flag=flag):
                self.fails(2, self.tiny, EVAL, flag + "=", program="hydra-opt")
        for flag in ("--pass-pipeline=builtin.module(cse)", "--canonicalize", "--emit-bytecode"):
            self.fails(2, self.tiny, EVAL, flag, program="hydra-opt",
                       says=[flag.split("=")[0], "would have no effect here"])

    # What each one does is MLIR's business; that it does something here is ours.
    ACTING = {
        "--mlir-print-ir-after-all": [], "--mlir-print-ir-before-all": [], "--mlir-timing": [],
        "--mlir-pass-statistics": [], "--dump-pass-pipeline": [], "--mlir-print-debuginfo": [],
        "--mlir-print-op-generic": [], "--mlir-use-nameloc-as-prefix": None,
        "--mlir-print-value-users": [], "--mlir-print-assume-verified": None,
        "--mlir-print-local-scope": None, "--mlir-print-unique-ssa-ids": None,
        "--mlir-print-skip-regions": [], "--mlir-pretty-debuginfo": None,
        "--mlir-print-elementsattrs-with-hex-if-larger": None,
        "--mlir-elide-elementsattrs-if-larger": None, "--mlir-elide-resource-strings-if-larger": None,
        "--mlir-print-ir-after": ["cse"], "--mlir-print-ir-before": ["cse"],
        "--mlir-print-ir-after-change": ["", "--mlir-print-ir-after-all"],
        "--mlir-print-ir-after-failure": None, "--mlir-print-ir-module-scope": None,
        "--mlir-print-ir-tree-dir": None, "--mlir-pass-statistics-display": None,
        "--mlir-pass-pipeline-crash-reproducer": None, "--mlir-pass-pipeline-local-reproducer": None,
        "--mlir-timing-display": None, "--mlir-output-format": None,
        "--mlir-disable-threading": None, "--mlir-print-op-on-diagnostic": None,
        "--mlir-print-stacktrace-on-diagnostic": None, "--verify-each": None,
        "--load-pass-plugin": None, "--load-dialect-plugin": None,
        "--remarks-filter": ["fusion"], "--remarks-filter-passed": ["fusion"],
        "--remarks-filter-missed": ["fusion"], "--remarks-filter-failed": None,
        "--remarks-filter-analyse": None, "--remark-format": None, "--remark-policy": None,
        "--remarks-output-file": None,
    }

    def test_stock_flags_that_act(self):
        """None: acts beside another flag, on failures, or without a trace in the output."""
        flags = self.group("mlir-opt flags that act while compiling too")
        base = [self.tiny, EVAL, "--stop-after=fusion"]
        for flag in sorted(flags):
            with self.subTest(flag=flag):
                self.assertIn(flag, self.ACTING, f"{flag} has no row in this test")
                if self.ACTING[flag] is None:
                    continue
                value = "".join("=" + text for text in self.ACTING[flag][:1] if text)
                self.differ(base, base + [flag + value] + self.ACTING[flag][1:])


if __name__ == "__main__":
    support.main(needs_compiler=True)
