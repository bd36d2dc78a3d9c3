"""libhydra from a C program: the same numbers as hydra-run."""
import json
import math
import os
import subprocess

import support


class CInterfaceTest(support.EndToEndTest):

    def drive(self, *arguments):
        program = os.path.join(os.path.dirname(support.Place.bin), "tests", "drive_model")
        result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                                timeout=support.TIMEOUT_S, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [line.split() for line in result.stdout.splitlines()]

    def test_a_model_is_driven(self):
        artifact = self.make_artifact()
        lines = self.drive(artifact)
        entries = [line[1] for line in lines if line[0] == "entry"]
        planned = self.run_ok("inspect", artifact, "--json").json()["entries"]
        self.assertEqual(len(entries), len(planned))
        self.assertIn("apply@0x0", " ".join(entries))
        loss = float(next(line[1] for line in lines if line[0] == "loss"))
        self.assertLess(abs(loss - math.log(256)), 0.5)
        self.assertEqual(lines, self.drive(artifact))

    def compiler(self):
        """This build's compiler; a build without one takes that of the release build, if it is there."""
        for place in (support.Place.bin, self.source("build", "bin")):
            path = os.path.join(place, "hydra-opt")
            if os.access(path, os.X_OK):
                return path
        return self.skipTest("there is no hydra-opt to compile the model with")

    def test_the_demos_model_is_driven_as_it_was_trained(self):
        artifact = self.path("nano.hydra")
        # Routed, and the run ends with all of it switched on.
        subprocess.run([self.compiler(), self.source("models", "hydra-nano.mlir"), "-o", artifact,
                        "--routing=dynamic", "--entry=train@8x256", "--entry=eval@8x256",
                        "--entry=extend@1x1", "--cache=64"],
                       check=True, capture_output=True, timeout=support.TIMEOUT_S)
        data = self.make_data()
        self.run_ok("train", artifact, "--data", data, "--out", self.path("run"), "--steps", 12,
                    "--lr", 0.01, "--set", "warmup_steps=0", "--set", "mor_enable_step=4",
                    "--set", "mor_rampup_steps=2", "--set", "mod_warmup_steps=2")
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("w.safetensors"))
        lines = dict(line for line in self.drive(self.path("run"), self.path("w.safetensors"),
                                                 self.path("data.txt")) if line[0] != "entry")
        self.assertEqual(lines["variant"], "adaptive_mod")
        self.assertEqual(lines["opened"], lines["text"])
        batch = self.run_ok("eval", self.path("run"), "--data", data, "--split", "train",
                            "--batches", 1, "--json").json()
        self.assertEqual(batch["tokens"], 8 * 256)
        self.assertLess(float(lines["text"]), 4.5)  # untrained: ln 256 = 5.5
        self.assertAlmostEqual(float(lines["text"]), batch["loss"], delta=1e-5)

    def tool(self, *arguments):
        """Status, result and error of a tool; without arguments, the names of all."""
        program = os.path.join(os.path.dirname(support.Place.bin), "tests", "drive_tools")
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, env=self.environment,
                              timeout=support.TIMEOUT_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        if not arguments:
            return done.stdout.splitlines()
        status, _, result = done.stdout.partition("\n")
        return int(status), json.loads(result) if result else None, done.stderr

    def test_tools_are_listed_and_run(self):
        names = self.tool()
        commands = [row["command"] for row in self.run_ok("--list-flags").json()["commands"]]
        self.assertEqual(names, sorted(name for name in commands if name and not any(
            other.startswith(name + " ") for other in commands)))
        self.assertIn("checkpoint export", names)
        artifact = self.make_artifact()
        status, result, error = self.tool("inspect", artifact)
        self.assertEqual((status, error), (0, ""))
        self.assertEqual(result, self.run_ok("inspect", artifact, "--json").json())
        # A check that does not hold has a result too.
        support.write(self.path("file"), b"")
        self.environment["XDG_CACHE_HOME"] = self.path("file")
        try:
            status, result, _ = self.tool("doctor")
        finally:
            self.environment["XDG_CACHE_HOME"] = self.path("cache")
        self.assertEqual(status, 1)
        self.assertIn("broken", [check["state"] for check in result["checks"]])
        status, result, error = self.tool("inspect", self.path("none"))
        self.assertEqual((status, result), (3, None))
        self.assertIn("none: expected", error)
        status, result, error = self.tool("inspct")
        self.assertEqual((status, result), (2, None))
        self.assertIn("did you mean 'inspect'", error)

    def test_only_the_interface_is_visible(self):
        library = os.path.join(os.path.dirname(support.Place.bin), "lib", "libhydra.so")
        symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True,
                                 text=True, check=True).stdout.split("\n")
        names = {line.split()[-1] for line in symbols if line.split()}
        self.assertTrue({"hydra_model_open", "hydra_launch_run"} <= names)
        self.assertEqual([name for name in sorted(names) if not name.startswith("hydra_")], [])


if __name__ == "__main__":
    support.main()
