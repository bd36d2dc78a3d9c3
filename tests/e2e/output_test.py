"""Output that cannot be written: a full device behind standard output, files that may not grow."""
import os
import resource
import subprocess

import support

FULL = "/dev/full"


class OutputTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not os.path.exists(FULL):
            raise support.unittest.SkipTest(f"this system has no {FULL}")
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path("run"),
                   "--steps", 2)
        cls.run_ok("checkpoint", "export", cls.path("run"), "-o", cls.path("w.safetensors"))

    def onto_a_full_device(self, *arguments):
        with open(FULL, "wb") as full:
            process = self.start("hydra-run", *arguments, stdout=full, stderr=subprocess.PIPE)
            _, err = process.communicate(timeout=support.TIMEOUT_S)
        return process.returncode, err.decode()

    def test_unwritable_standard_output_is_a_failure_of_every_command(self):
        run = self.path("run")
        for number, arguments in enumerate((
                ["--help"], ["--version"], ["train", "--help"], ["train", "--help-settings"],
                ["train", self.artifact, "--data", self.data, "--steps", 2, "--out", "OUT"],
                ["train", self.artifact, "--dry-run"],
                ["generate", run, "--prompt", "a", "--tokens", 3],
                ["eval", run, "--data", self.data],
                ["bench", self.artifact, "--steps", 2, "--warmup", 0],
                ["inspect", self.artifact], ["inspect", run],
                ["data", "text", self.path("data.txt"), "--out", "OUT"],
                ["checkpoint", "export", run, "-o", "OUT"],
                ["checkpoint", "import", self.path("w.safetensors"), "--model", self.artifact,
                 "-o", "OUT"])):
            arguments = [self.path(f"out{number}") if part == "OUT" else part for part in arguments]
            with self.subTest(arguments=arguments):
                status, err = self.onto_a_full_device(*arguments)
                self.assertEqual(status, 1, err)
                self.assertIn("standard output: expected", err)

    def test_an_error_keeps_its_exit_code_on_a_full_device(self):
        self.assertEqual(self.onto_a_full_device("inspect", self.path("none"))[0], 3)
        self.assertEqual(self.onto_a_full_device("train")[0], 2)

    def test_files_that_cannot_grow_are_a_failure_not_lack_of_memory(self):
        """A limit on file sizes fails writes as a full disk does, and needs no privileges."""
        for product, *arguments in (
                ["d/data.json", "data", "text", self.path("data.txt"), "--out", self.path("d")],
                ["e", "checkpoint", "export", self.path("run"), "-o", self.path("e")],
                ["i", "checkpoint", "import", self.path("w.safetensors"), "--model", self.artifact,
                 "-o", self.path("i")]):
            with self.subTest(arguments=arguments):
                process = self.start(
                    "hydra-run", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
                out, err = process.communicate(timeout=support.TIMEOUT_S)
                self.assertEqual(process.returncode, 1, err.decode())
                self.assertEqual(out, b"")
                self.assertIn("File too large", err.decode())
                self.assertFalse(os.path.exists(self.path(product)), "half a result was published")


if __name__ == "__main__":
    support.main()
