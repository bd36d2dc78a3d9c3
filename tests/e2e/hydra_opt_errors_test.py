"""Bad invocations, specs and configs of hydra-opt: where, expected, found, what next; the exit code."""
import os
import pty
import select
import subprocess

import support

SPEC = """hydra.model @m attributes {vocab_size = 8, dim = 16, max_seq_len = 8} {
^bb0(%t: tensor<?x?xi32>):
  %0 = hydra.token_embedding %t : tensor<?x?xi32> -> tensor<?x?x16xf32>
  %1 = hydra.norm %0 "norm1" {eps = 1.0e-5} : tensor<?x?x16xf32>
  %2 = hydra.ccgqa %1 {heads = 2, kv_heads = 1} : tensor<?x?x16xf32>
  %3 = hydra.residual %0, %2 {scale = 1.0} : tensor<?x?x16xf32>
  %4 = hydra.mlp %3 {hidden = 8} : tensor<?x?x16xf32>
  %5 = hydra.lm_head %4 : tensor<?x?x16xf32> -> tensor<?x?x8xf32>
  hydra.yield %5 : tensor<?x?x8xf32>
}
"""

# What is replaced in SPEC, by what; the line that is named; what the message says.
SPECS = {
    "misspelt optional": ("{scale =", "{scael =", 6, ["found 'scael'", "did you mean 'scale'?"]),
    "misspelt required": ("{hidden =", "{hiden =", 7, ["found 'hiden'", "did you mean 'hidden'?"]),
    "PyTorch's name": ("kv_heads = 1", "kv_heads = 1, use_rope = false", 5,
                       ["expected no attributes but", "rope", "found 'use_rope'"]),
    "nothing near": ("{hidden = 8", "{hidden = 8, activation = \"gelu\"", 7,
                     ["expected no attributes but hidden, name", "found 'activation'"]),
    "our prefix": ("max_seq_len = 8", "max_seq_len = 8, hydra.rooting = \"fixed\"", 1,
                   ["did you mean 'hydra.routing'?"]),
    "routing of the model": ("max_seq_len = 8", "max_seq_len = 8, hydra.routing = \"fast\"", 1,
                             ["expected hydra.routing = one of fixed, static, dynamic", "found \"fast\""]),
    "exponent without a point": ("1.0e-5", "1e-5", 4, ["needs a point: write 1.0e-5"]),
    "colon": ("hidden = 8", "hidden: 8", 7, ["NAME = VALUE: hidden = 8"]),
    "no comma": ("heads = 2,", "heads = 2", 5, ["{NAME = VALUE, NAME = VALUE}"]),
    "whole number for a decimal": ("scale = 1.0", "scale = 1", 6,
                                   ["64-bit float", "write scale as a decimal number with a point"]),
    "decimal for a whole number": ("hidden = 8", "hidden = 8.0", 7,
                                   ["write hidden as a whole number"]),
    "text for a number": ("hidden = 8", "hidden = \"8\"", 7, ["write hidden as a whole number"]),
    "number for a switch": ("heads = 2,", "heads = 2, rope = 1,", 5, ["write rope = true or rope"]),
    "norm without a name": (" \"norm1\"", "", 4, ["expected a text in quotes here"]),
    "no attributes": (" {hidden = 8}", "", 7, ["requires attribute 'hidden'", "{hidden = ...}"]),
    "unknown op": ("hydra.mlp", "hydra.mpl", 7, ["'hydra.mpl' is unknown", "did you mean 'hydra.mlp'?"]),
    "unknown value": ("%4 :", "%7 :", 8, ["undeclared SSA value", "below the line that defines it"]),
    "no closing bracket": ("\n}\n", "\n", 9, ["is a closing } missing?"]),
    "eps zero": ("1.0e-5", "0.0", 4, ["expected eps > 0, found 0"]),
    "eps negative": ("1.0e-5", "-1.0", 4, ["expected eps > 0, found -1"]),
    "infinite": ("scale = 1.0", "scale = 0x7FF0000000000000 : f64", 6, ["expected a finite scale, found INF"]),
    "not a number": ("scale = 1.0", "scale = 0x7FF8000000000000 : f64", 6, ["expected a finite scale"]),
    "control character": ("\"norm1\"", "\"no\\00rm\"", 4, ["without control characters", "no\\00rm"]),
    "model's name": ("@m", "@\"m\\00\"", 1, ["without control characters"]),
    "negative size": ("hidden = 8", "hidden = -8", 7, ["expected hidden >= 1, found -8"]),
    "negative vocabulary": ("vocab_size = 8", "vocab_size = -8", 1, ["expected vocab_size >= 1, found -8"]),
    "heads": ("kv_heads = 1", "kv_heads = 3", 5, ["expected kv_heads to divide heads, found 2 heads and 3"]),
    "yield": ("hydra.yield %5 : tensor<?x?x8xf32>", "hydra.yield", 9,
              ["expected logits of type tensor<?x?x8xf32>", "found nothing"]),
    "vocabulary of the head": ("vocab_size = 8", "vocab_size = 9", 9, ["tensor<?x?x9xf32>", "found"]),
    "rules": ("max_seq_len = 8", "max_seq_len = 8, rules = \"fast\"", 1,
              ["expected rules = \"pytorch\", \"corrected\" or some of Q1", "found \"fast\""]),
    "no model": (SPEC, "// nothing\n", 1, ["expected a hydra.model or a function", "found neither"]),
}

# Contents of a config, the line that is named, what the message says.
CONFIGS = {
    "not JSON": ('{"model": {\n dim}}', 2, ["expected"]),
    "misspelt key": ('{"model": {"vocab_sise": 8}}', 1, ["did you mean 'vocab_size'"]),
    "nothing at all": ('{"model": {}}', 1, ["expected the settings of a model", "found an object with 0 keys"]),
    "kind outside": ('{"kind": "base"}', 1, ["inside the object model", "found 'kind' beside it"]),
    "kind beside": ('{"model": {"dim": 64},\n"kind": "base"}', 2, ["inside the object model"]),
    "base with experts": ('{"model": {"kind": "base",\n"moe_enabled": true}}', 2,
                          ["moe_enabled has no effect in a model of kind \"base\"", "remove the key"]),
    "base with recursion": ('{"model": {"kind": "base", "recursions_per_block": 3}}', 1,
                            ["recursions_per_block has no effect"]),
    "experts switched off": ('{"model": {"vocab_size": 64, "moe_num_experts": 8}}', 1,
                             ["moe_num_experts has no effect without experts (moe_enabled: true)"]),
    "depth of fixed recursion": ('{"model": {"adaptive": false, "mor_min_depth": 1}}', 1,
                                 ["mor_min_depth has no effect without adaptive recursion"]),
    "weight without depth routing": ('{"model": {"mod_capacity": 0, "aux_loss_weight": 0.1}}', 1,
                                     ["aux_loss_weight has no effect without depth routing"]),
    "text for a size": ('{"model": {"dim": "x"}}', 1, ["expected an integer", "found the string \"x\""]),
    "unknown kind": ('{"model": {"kind": "bsae"}}', 1, ["expected one of \"hydra\", \"base\"", "\"bsae\""]),
    "neither": ('{"run": 1}', 1, ["found neither"]),
}


class ErrorsTest(support.EndToEndTest):

    def refused(self, status, what, *arguments, says=()):
        result = self.fails(status, *arguments, says=says, program="hydra-opt")
        self.assertIn("error: ", result.err, f"{what}{result}")
        self.assertEqual(result.out, "", f"{what}{result}")
        for internal in ("LLVM ERROR", "PLEASE submit a bug report", "Assertion", "Stack dump"):
            self.assertNotIn(internal, result.err, f"{what}{result}")
        # Unsigned views of negative numbers.
        self.assertNotIn("1844674407370955", result.err, f"{what}{result}")
        self.assertNotIn(":0:0:", result.err, f"{what}{result}")
        return result

    def test_specs(self):
        for what, (old, new, line, says) in SPECS.items():
            self.assertIn(old, SPEC, what)
            path = self.path("bad.mlir")
            support.write(path, SPEC.replace(old, new, 1).encode())
            with self.subTest(what=what):
                self.refused(3, what, path, "--stop-after=model", says=[f"bad.mlir:{line}:", *says])
        self.assertGreater(len(SPECS), 25)

    def test_the_good_spec_is_good(self):
        path = self.path("good.mlir")
        support.write(path, SPEC.encode())
        result = self.call("hydra-opt", path, "--entry=train@1x8", "-o", self.path("good.hydra"))
        self.assertEqual((result.status, result.err), (0, ""), result)

    def test_configs(self):
        for what, (text, line, says) in CONFIGS.items():
            path = self.path("bad.json")
            support.write(path, text.encode())
            with self.subTest(what=what):
                self.refused(3, what, path, "--stop-after=model", says=[f"bad.json:{line}:", *says])

    def test_invocations(self):
        good, missing = self.path("call.mlir"), self.path("missing.mlir")
        support.write(good, SPEC.encode())
        bytes_file = self.path("bytes.mlir")
        support.write(bytes_file, bytes(range(256)) * 8)
        function = self.path("function.mlir")
        support.write(function, b"func.func @\"a\\00b\"(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
                                b"  return %x : tensor<2xf32>\n}\n")
        entry = "--entry=eval@1x8"
        for status, arguments, says in (
                (2, [good, "--entri=eval@1x8"], ["found '--entri'", "did you mean '--entry'?", "--help"]),
                (2, [good, "--stop_after=model"], ["found '--stop_after'", "did you mean '--stop-after'?"]),
                (2, [good, "--qqqqqqqqqq"], ["found '--qqqqqqqqqq'", "hydra-opt --help"]),
                (2, [good, "--canonicalise"], ["did you mean '--canonicalize'?"]),
                (2, [good, missing, entry], ["expected one MODEL", "call.mlir", "missing.mlir"]),
                (2, [good, "--entry"], ["--entry", "value"]),
                (2, [good, "--entry=trian@1x8"], ["--entry: expected", "train, eval or extend", "'trian'"]),
                (2, [good, "--entry=eval@8"], ["expected an entry NAME@BxS", "for example train@8x512", "'eval@8'"]),
                (2, [good, "--entry=eval@0x8"], ["of at least 1", "'eval@0x8'"]),
                (2, [good, "--entry=eval@99999999999x8"], ["'eval@99999999999x8'"]),
                (2, [good, entry, entry], ["expected every entry once", "'eval@1x8'"]),
                (2, [good, "--cache=many"], ["--cache: expected a number of positions of at least 1", "'many'"]),
                (2, [good, "--cache=-4"], ["of at least 1, found '-4'"]),
                (2, [good, "--cache=0"], ["of at least 1, found '0'"]),
                (2, [good, "--routing=dynmaic"], ["expected fixed, static, dynamic, found 'dynmaic'", "did you mean 'dynamic'?"]),
                (2, [good, "--precision=fp7"], ["--precision: expected f32, bf16, found 'fp7'"]),
                (2, [good, "--target=gpu"], ["expected cpu, cuda, sim, found 'gpu'"]),
                (2, [good, "--target=cuda", "--arch=sm_75"], ["sm_75", "sm_80", "older"]),
                (2, [good, "--target=cuda", "--arch=native"], ["native", "sm_80"]),
                (2, [good, "--target=cuda", "--arch=x86-64-v3"], ["x86-64-v3", "sm_120"]),
                (2, [good, "--target=sim", "--arch=sm_80"], ["sm_80", "--target=cuda"]),
                (2, [good, "--arch=x86-64-v5", "-o", self.path("x.hydra")], ["--arch", "'x86-64-v5'", "x86-64-v4"]),
                (2, [good, "--set", "presicion=f32"], ["--set: expected a compile setting", "did you mean 'precision'?"]),
                (2, [good, "--set", "lr=1e-3"], ["expected a compile setting, one of", "found 'lr'"]),
                (2, [good, "--set", "cache"], ["expected KEY=VALUE, found 'cache'"]),
                (2, [good, "--stop-after=modle"], ["expected a stage, one of model, routing", "found 'modle'"]),
                (2, [good, "--stop-after=rematerialise"], ["found 'rematerialise'"]),
                (2, [good, "--interpret"], ["expected --inputs=FILE.safetensors", "found none"]),
                (2, [good, "--interpret", "--inputs=x"], ["expected -o FILE.safetensors"]),
                (2, [good, "--interpret", "--inputs=x", "-o", "y", "--stop-after=plan"], ["found plan, which holds commands"]),
                (2, [good, "--interpret-as=f16", "--interpret", "--inputs=x", "-o", "y"], ["expected f32 or f64, found 'f16'"]),
                (3, [good, entry, "--interpret", "--inputs=" + missing, "-o", self.path("y")], ["missing.mlir"]),
                (3, [missing, entry], ["missing.mlir:1:1", "cannot read the model spec", "check the path"]),
                (3, [self.path("model.yaml"), entry], ["ends in .mlir or .json"]),
                (3, [self.path("model.hydra"), entry], ["found an artifact", "hydra-run inspect"]),
                (3, [self.path("model.hydra")], ["found an artifact", "hydra-run inspect"]),
                (3, [bytes_file, entry], ["found bytes that are no text"]),
                (3, [bytes_file], ["found bytes that are no text"]),
                (1, [good, "--entry=eval@1x9", "--stop-after=routing"], ["at most max_seq_len = 8 tokens"]),
                (1, [good, "--entry=extend@1x1", "--cache=9", "--stop-after=routing"], ["1 to 8 (max_seq_len) positions, found 9"]),
                (1, [good, entry, "--probe=nothing.*", "--stop-after=fusion"], ["matches none of"]),
                (1, [good, entry, "--probe=[", "--stop-after=fusion"], ["is not a glob pattern"]),
                (1, [good, entry, "--probe=x},canonicalize,hydra-probe{probe=y", "--stop-after=fusion"],
                 ["probe pattern"]),
                (1, [function, "--stop-after=routing"], ["without control characters"]),
                (1, [good, entry, "-o", self.path("no", "such", "folder", "x.mlir")], ["x.mlir", "No such file"]),
                (1, [good, entry, "-o", self.path("no", "such", "folder", "x.hydra")], ["x.hydra"])):
            with self.subTest(arguments=arguments):
                self.refused(status, arguments, *arguments, says=says)

    def test_plan_text_is_not_a_spec(self):
        good, plan = self.path("plan-of.mlir"), self.path("plan.mlir")
        support.write(good, SPEC.encode())
        self.assertEqual(self.call("hydra-opt", good, "--entry=eval@1x8", "-o", plan).status, 0)
        self.refused(3, "plan", plan, "-o", self.path("plan.hydra"),
                     says=["plan.mlir:", "expected a spec", "found the plan of one"])

    def test_full_standard_output(self):
        good = self.path("full.mlir")
        support.write(good, SPEC.encode())
        with open("/dev/full", "wb") as full:
            process = self.start("hydra-opt", good, "--stop-after=model", stdout=full,
                                 stderr=subprocess.PIPE)
            _, err = process.communicate(timeout=support.TIMEOUT_S)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn(b"standard output: cannot write", err)

    def on_terminal(self, *arguments, **environment):
        """What hydra-opt shows on a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([os.path.join(support.Place.bin, "hydra-opt"), *arguments],
                                   env={**self.environment, "TERM": "xterm", **environment},
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], support.TIMEOUT_S)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        os.close(ours)
        process.wait(timeout=support.TIMEOUT_S)
        return shown

    def test_colors_and_bytes_on_a_terminal(self):
        bad = self.path("color.mlir")
        support.write(bad, b"hydra.modle\n")
        self.assertIn(b"\x1b[", self.on_terminal(bad, "--stop-after=model"))
        self.assertNotIn(b"\x1b[", self.on_terminal(bad, "--stop-after=model", NO_COLOR="1"))
        artifact = self.make_artifact()
        shown = self.on_terminal(artifact)
        self.assertIn(b"found an artifact", shown)
        self.assertLess(len(shown), 1000)


if __name__ == "__main__":
    support.main(needs_compiler=True)
