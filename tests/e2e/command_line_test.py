"""The command line: exit codes, suggestions, JSON, terminals."""
import json
import os
import pty
import select
import subprocess

import support


class CommandLineTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok(*cls.train("run"), "--steps", 3)
        # For requests that are refused.
        cls.refused = cls.train("refused")

    @classmethod
    def train(cls, out):
        return ["train", cls.artifact, "--data", cls.data, "--out", cls.path(out)]

    def test_unknown_flags_commands_and_settings_get_a_suggestion(self):
        for arguments, says in (
                (self.refused + ["--sede", "3"], ["'--sede'", "did you mean '--seed'"]),
                (self.refused + ["--stop_at=3"], ["'--stop_at'", "did you mean '--stop-at'"]),
                (self.refused + ["--set", "warmpu_steps=3"], ["did you mean 'warmup_steps'"]),
                (self.refused + ["--set", "presicion=f32"], ["did you mean 'precision'"]),
                (["trian", "x"], ["'trian'", "did you mean 'train'"]),
                (["checkpoint", "exprot"], ["'exprot'", "did you mean 'export'"]),
                (["inspect", self.artifact, "--jsn"], ["did you mean '--json'"]),
                (["eval", self.artifact, "--dta", self.data], ["did you mean '--data'"])):
            with self.subTest(arguments=arguments):
                result = self.fails(2, *arguments, says=says)
                self.assertEqual(result.out, "")

    def test_unknown_flags_without_a_neighbour(self):
        result = self.fails(2, *self.refused, "--qqqqqqqqqq", says=["--qqqqqqqqqq", "--help"])
        self.assertNotIn("did you mean", result.err)

    def test_usage_errors(self):
        for arguments in ([], ["train"], ["generate", self.path("run")], ["inspect"],
                          ["train", self.artifact, "--data", self.data],
                          ["train", self.artifact, "--out", self.path("x")],
                          self.refused + ["--steps", "many"], self.refused + ["--steps", "0"],
                          self.refused + ["--accum", "0"], self.refused + ["--stop-at", "0"],
                          self.refused + ["--threads", "-1"], self.refused + ["--set", "lr"],
                          self.refused + ["--set", "lr=fast"], self.refused + ["--batch", "3"],
                          self.refused + ["--seq", "4096"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.fails(2, *arguments).out, "")

    def test_help_and_version(self):
        self.assertIn("hydra-run", self.run_ok("--version").out)
        commands = ("train", "generate", "eval", "data", "bench", "inspect", "checkpoint",
                    "calibrate", "verify")
        overview = self.run_ok("--help").out
        for command in commands:
            self.assertIn(command, overview)
            text = self.run_ok(command, "--help").out
            self.assertIn("Exit codes", text)
        self.assertIn("save_interval", self.run_ok("train", "--help-settings").out)

    def test_compile_settings_of_an_artifact_are_refused_with_the_command(self):
        for key, value, flag in (("precision", "bf16", "--precision=bf16"),
                                 ("cache", "128", "--cache=128"),
                                 ("routing", "static", "--routing=static"),
                                 ("arch", "x86-64-v4", "--arch=x86-64-v4")):
            for command in (self.refused, ["eval", self.path("run"), "--data", self.data],
                            ["generate", self.artifact, "--prompt", "a"]):
                with self.subTest(key=key, command=command[0]):
                    self.fails(2, *command, "--set", f"{key}={value}",
                               says=["hydra-opt", flag, "compile setting"])

    def test_json_is_one_object_on_standard_output(self):
        self.run_ok("checkpoint", "export", self.path("run"), "-o", self.path("w.safetensors"))
        for arguments in (self.refused + ["--steps", "3"],
                          ["train", self.artifact, "--dry-run"],
                          ["eval", self.path("run"), "--data", self.data],
                          ["generate", self.path("run"), "--prompt", "a", "--tokens", "3"],
                          ["bench", self.artifact, "--steps", "2", "--warmup", "0"],
                          ["inspect", self.artifact], ["inspect", self.path("run")],
                          ["inspect", self.path("w.safetensors")],
                          ["inspect", os.path.join(self.data, "train.tokens")],
                          ["data", "text", self.path("data.txt"), "--out", self.path("d2")],
                          ["checkpoint", "export", self.path("run"), "-o",
                           self.path("w2.safetensors")],
                          ["checkpoint", "import", self.path("w.safetensors"), "--model",
                           self.artifact, "-o", self.path("imported")]):
            with self.subTest(arguments=arguments):
                self.assertIsInstance(self.run_ok(*arguments, "--json").json(), dict)

    def test_results_and_messages_are_kept_apart(self):
        result = self.run_ok(*self.train("apart"), "--set", "log_interval=1", "--steps", "3")
        self.assertIn("checkpoint", result.out)
        self.assertNotIn("loss", result.out.replace("held-out", ""))
        self.assertIn("step 3/3", result.err)
        for text in (result.out, result.err):
            self.assertNotIn("\033", text)
            self.assertNotIn("\r", text)

    def on_a_terminal(self, *arguments, **environment):
        """Standard error of a program that has a terminal for it, and its exit status."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [os.path.join(support.Place.bin, "hydra-run"), *map(str, arguments)], stderr=theirs,
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            env={**self.environment, "TERM": "xterm", **environment})
        os.close(theirs)
        text = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            text += part
        os.close(ours)
        return text.decode(errors="replace"), process.wait(timeout=60)

    def test_progress_bar_on_a_terminal_only(self):
        text, status = self.on_a_terminal(*self.train("bar"), "--steps", 40)
        self.assertEqual(status, 0, text)
        self.assertIn("\r", text.replace("\r\n", "\n"))
        self.assertRegex(text, r"\[#{24}\] step 40/40  loss \d")
        self.assertIn("left", text)
        text, status = self.on_a_terminal(*self.train("dumb"), "--steps", 40, TERM="dumb")
        self.assertEqual(status, 0, text)
        self.assertNotIn("[#", text)

    def test_color_of_errors(self):
        environment = dict(self.environment)
        environment.pop("NO_COLOR", None)
        bad = ["inspect", self.path("none")]
        text, status = self.on_a_terminal(*bad, NO_COLOR="")
        self.assertEqual(status, 3)
        self.assertIn("\033[31merror", text)
        text, _ = self.on_a_terminal(*bad, NO_COLOR="1")
        self.assertNotIn("\033", text)
        self.assertIn("error: ", text)
        self.assertNotIn("\033", self.fails(3, *bad).err)

    def test_settings_are_saved_and_can_be_replayed(self):
        self.run_ok(*self.train("original"), "--steps", 3, "--lr", 0.005, "--seed", 4)
        record = json.loads(support.read(
            self.path("original", "checkpoints", "latest", "run.json")).decode())
        settings = record["settings"]
        self.assertEqual((settings["lr"], settings["seed"]), ("0.005", "4"))
        replayed = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        self.run_ok(*self.train("replayed"), *replayed)
        self.assertEqual(support.files_of(self.path("original", "checkpoints", "latest")),
                         support.files_of(self.path("replayed", "checkpoints", "latest")))


if __name__ == "__main__":
    support.main()
