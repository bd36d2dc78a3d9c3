#!/usr/bin/env python3
"""Target cuda without a GPU: artifacts with code for GPUs, and the cuda device on a fake driver.

Needs the library tests/fake_cuda of the build for the device; ptxas of the CUDA Toolkit for cubins.
"""
import os
import re
import shutil
import unittest

import support

ENTRY = "--entry=eval@2x16"


def assembler():
    found = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"
    return found if os.access(found, os.X_OK) else ""


class CudaTest(support.EndToEndTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spec = cls.source("tests", "e2e", "tiny.mlir")
        cls.rows = cls.path("rows.mlir")  # kernels alone, no products
        support.write(cls.rows, b"""
            func.func @rows(%x: tensor<64x48xf32>) -> tensor<64x48xf32> {
              %0 = hydra.unary <exp> %x : (tensor<64x48xf32>) -> tensor<64x48xf32>
              return %0 : tensor<64x48xf32>
            }""")

    def opt(self, *arguments, **environment):
        saved = dict(self.environment)
        self.environment.update(environment)
        result = self.call("hydra-opt", *arguments)
        type(self).environment = saved
        self.assertEqual(result.status, 0, result)
        return result

    def inspect(self, path):
        return self.run_ok("inspect", path, "--json").json()

    def with_gpu(self, *arguments, machine=""):
        """hydra-run on a machine with the fake driver."""
        saved = dict(self.environment)
        self.environment.update(
            LD_LIBRARY_PATH=os.path.join(support.Place.bin, "..", "tests", "fake_cuda"),
            HYDRA_FAKE_CUDA=machine)
        result = self.call("hydra-run", *arguments)
        type(self).environment = saved
        return result

    @unittest.skipUnless(assembler(), "no ptxas of the CUDA Toolkit")
    def test_cubins_per_architecture_and_ptx_of_the_oldest(self):
        path, again = self.path("a.hydra"), self.path("b.hydra")
        flags = [self.spec, "--target=cuda", "--arch=sm_90", "--arch=sm_80", ENTRY]
        self.opt(*flags, "-o", path)
        self.opt(*flags, "-o", again)
        self.assertEqual(support.read(path), support.read(again))
        report = self.inspect(path)
        self.assertEqual(report["isa_levels"], ["sm_80", "sm_90", "compute_80"])
        code = report["gpu_code"]
        self.assertRegex(code["assembler"], r"ptxas \d+\.\d+")
        levels = {level["level"]: level["kernels"] for level in code["levels"]}
        for level in ("sm_80", "sm_90"):
            self.assertEqual(len(levels[level]), report["kernels"])
            for kernel in levels[level]:
                self.assertGreater(kernel["registers"], 0, kernel)
                self.assertTrue(0 < kernel["occupancy_percent"] <= 100, kernel)
        self.assertEqual(levels["compute_80"], [])
        text = self.run_ok("inspect", path).out
        self.assertRegex(text, r"sm_90 +\d+ kernels, at most \d+ registers")
        # The same figures in the ledger, before and after there is an artifact.
        explained = self.run_ok("explain", path).out
        self.assertIn("Code for GPUs, assembled by ptxas", explained)
        self.assertEqual(self.opt(*flags, "--explain").out, explained)

    def test_without_an_assembler_there_is_ptx_and_a_warning(self):
        path = self.path("ptx.hydra")
        result = self.opt(self.spec, "--target=cuda", ENTRY, "-o", path, HYDRA_PTXAS="")
        for text in ("no ptxas", "PTX", "CUDA Toolkit"):
            self.assertIn(text, result.err)
        report = self.inspect(path)
        self.assertEqual(report["isa_levels"], ["compute_80"])
        self.assertEqual(report["gpu_code"]["assembler"], "")
        self.assertIn("not assembled", self.run_ok("inspect", path).out)
        self.environment["HYDRA_PTXAS"] = self.spec
        self.fails(1, self.spec, "--target=cuda", ENTRY, "-o", path, program="hydra-opt",
                   says=["expected ptxas", "tiny.mlir"])
        del self.environment["HYDRA_PTXAS"]

    def test_a_machine_without_a_driver_says_what_is_missing(self):
        path = self.path("missing.hydra")
        self.opt(self.rows, "--target=cuda", "-o", path, HYDRA_PTXAS="")
        if self.call("hydra-run", "doctor").out.find("NVIDIA driver here") < 0:
            self.skipTest("this machine has an NVIDIA driver")
        self.fails(3, "bench", path, says=["NVIDIA driver", "install", "--target=cpu"])

    def test_a_dry_run_needs_no_gpu(self):
        path = self.path("dry.hydra")
        self.opt(self.spec, "--target=cuda", "--entry=train@2x16", "-o", path, HYDRA_PTXAS="")
        if self.call("hydra-run", "doctor").out.find("NVIDIA driver here") < 0:
            self.skipTest("this machine has an NVIDIA driver")
        report = self.run_ok("train", path, "--dry-run", "--accum", "2", "--json").json()
        self.assertEqual((report["batch"], report["seq"], report["accum"]), (2, 16, 2))
        self.assertEqual(report["planned_bytes"], sum(row["planned"] for row in report["memory"]))
        # What a device of the same shape plans, its own rings and the scratch of its parts aside.
        simulated = self.path("dry-sim.hydra")
        self.opt(self.spec, "--target=sim", "--entry=train@2x16", "-o", simulated)
        there = self.run_ok("train", simulated, "--dry-run", "--accum", "2", "--json").json()
        planned = {row["purpose"]: row["planned"] for row in there["memory"]}
        self.assertEqual(report["parameters"], there["parameters"])
        self.assertEqual(report["flops_per_step"], there["flops_per_step"])
        for row in report["memory"]:
            self.assertEqual(row["planned"], planned[row["purpose"]], row)
        self.assertIn("no GPU", self.run_ok("train", path, "--dry-run").out)
        self.fails(2, "train", path, "--dry-run", "--batch", "3", says=["--batch", "2x16"])

    def test_a_spec_is_compiled_for_the_gpu_at_hand(self):
        def compiled(machine, *flags):
            result = self.with_gpu("bench", self.spec, "--target=cuda", ENTRY, "--steps", "1", *flags,
                                   machine=machine)
            self.assertEqual(result.status, 0, result)
            artifact = re.search(r"-> (\S+\.hydra)", result.err)[1]
            return result.err, self.inspect(artifact)["isa_levels"][-1], artifact

        said, level, _ = compiled("capability=90")
        self.assertIn("--arch=sm_90: Fake GPU 0", said)
        self.assertEqual(level, "compute_90")
        # One whose number nobody knows gets code of its generation; --arch has the last word.
        self.assertEqual(compiled("capability=87")[1], "compute_86")
        said, level, _ = compiled("capability=90", "--arch=sm_80")
        self.assertNotIn("Fake GPU", said)
        self.assertEqual(level, "compute_80")

    @unittest.skipUnless(assembler(), "no ptxas of the CUDA Toolkit")
    def test_the_cache_knows_the_assembler(self):
        def levels(ptxas):
            self.environment["HYDRA_PTXAS"] = ptxas
            result = self.with_gpu("bench", self.spec, "--target=cuda", ENTRY, "--steps", "1",
                                   machine="capability=89")
            del self.environment["HYDRA_PTXAS"]
            self.assertEqual(result.status, 0, result)
            return self.inspect(re.search(r"-> (\S+\.hydra)", result.err)[1])["isa_levels"]

        self.assertEqual(levels(""), ["compute_89"])
        self.assertEqual(levels(assembler()), ["sm_89", "compute_89"])

    def test_doctor_lists_gpus(self):
        def gpus(machine):
            result = self.with_gpu("doctor", "--json", machine=machine)
            self.assertEqual(result.status, 0, result)
            return {check["name"]: check for check in result.json()["checks"]
                    if check["area"] in ("GPUs", "devices")}

        found = gpus("capability=89,gpus=2")
        self.assertEqual(found["cuda"]["state"], "on")
        for name in ("Fake GPU 0", "Fake GPU 1"):
            self.assertEqual(found[name]["state"], "on")
            self.assertIn("--arch=sm_89", found[name]["detail"])
        self.assertIn(found["assembler (ptxas)"]["state"], ("on", "off"))
        old = gpus("capability=75")
        self.assertEqual((old["cuda"]["state"], old["Fake GPU 0"]["state"]), ("off", "off"))
        self.assertIn("older than 8.0", old["cuda"]["detail"])
        self.assertIn("found 11.8", gpus("driver=11080")["cuda"]["detail"])
        self.assertIn("nvidia-smi", gpus("gpus=0")["cuda"]["detail"])

    def test_an_artifact_is_one_launch_on_a_gpu(self):
        path = self.path("gpu.hydra")
        self.opt(self.rows, "--target=cuda", "-o", path,
                 HYDRA_PTXAS="")
        result = self.with_gpu("bench", path, "--steps", "2", "--json")
        self.assertEqual(result.status, 0, result)
        # Code for a newer GPU than the machine's is not loaded.
        newer = self.path("newer.hydra")
        self.opt(self.rows, "--target=cuda", "--arch=sm_120",
                 "-o", newer, HYDRA_PTXAS="")
        refused = self.with_gpu("bench", newer, "--steps", "2")
        self.assertEqual(refused.status, 3, refused)
        self.assertIn("compute_120", refused.err)

    def test_code_that_lacks_a_kernel_is_refused(self):
        path = self.path("renamed.hydra")
        self.opt(self.spec, "--target=cuda", ENTRY, "-o", path, HYDRA_PTXAS="")
        contents = support.read(path)
        name = re.search(rb"\.visible \.entry (\w+)\(", contents)[1]
        # A wrong name at the same place; the hash of the section is checked before it.
        support.write(path, contents.replace(b".entry " + name, b".entry x" + name[1:], 1))
        self.fails(3, "inspect", path, says=["hash"])


if __name__ == "__main__":
    support.main(needs_compiler=True)
