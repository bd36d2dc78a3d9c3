"""libhydra from a C program: the same numbers as hydra-run."""
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

    def test_only_the_interface_is_visible(self):
        library = os.path.join(os.path.dirname(support.Place.bin), "lib", "libhydra.so")
        symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True,
                                 text=True, check=True).stdout.split("\n")
        names = {line.split()[-1] for line in symbols if line.split()}
        self.assertTrue({"hydra_model_open", "hydra_launch_run"} <= names)
        self.assertEqual([name for name in sorted(names) if not name.startswith("hydra_")], [])


if __name__ == "__main__":
    support.main()
