"""help and doctor: what the program says of itself and of the machine."""
import glob
import os
import re

import support


class HelpTest(support.EndToEndTest):

    def test_commands_and_topics(self):
        whole = self.run_ok("help").out
        self.assertIn("Topics for hydra-run help: models, settings", whole)
        self.assertTrue(whole.startswith(self.run_ok("--help").out.split("Usage")[0]))
        self.assertEqual(self.run_ok("help", "checkpoint", "export").out,
                         self.run_ok("checkpoint", "export", "--help").out)
        self.assertIn("143   after a checkpoint", self.run_ok("help", "exit-codes").out)
        settings = self.run_ok("help", "settings").out
        for row in self.run_ok("train", "--help-settings", "--json").json()["settings"]:
            self.assertIn(f"\n{row['key']} ({row['kind']}, ", settings)
            self.assertIn(row["help"], settings)
        self.fails(2, "help", "setings", says=["did you mean", "settings"])
        self.fails(2, "help", "train", "--man", says="expected one of")

    def test_topics_are_complete(self):
        """Files that a run leaves, and variables that the programs read, are those that the topics name."""
        artifact, data, run = self.make_artifact(), self.make_data(), self.path("complete")
        self.run_ok("train", artifact, "-d", data, "-o", run, "-n", 4, "-s", "eval_interval=2", "-s",
                    "keep_best=true")
        self.run_ok("report", run)
        files = self.run_ok("help", "files").out
        for name in os.listdir(run):
            # SQLite's own files beside a database.
            self.assertIn(f"OUT/{name.removesuffix('-wal').removesuffix('-shm')}", files)
        variables = self.run_ok("help", "environment").out
        read = set()
        for folder in ("runtime", "tools", "compiler"):
            for path in glob.glob(self.source(folder, "**", "*.c*"), recursive=True):
                if os.path.isfile(path):
                    read |= set(re.findall(r'getenv\("(\w+)"\)', support.read(path).decode()))
        self.assertGreater(len(read), 5)
        for name in read:
            self.assertIn(name, variables)

    def test_short_flags_are_the_long_ones(self):
        artifact, data = self.make_artifact(), self.make_data()
        self.run_ok("train", artifact, "-d", data, "-o", self.path("run"), "-n", 2, "-t", 1,
                    "-s", "eval_interval=1")
        long = self.run_ok("eval", self.path("run"), "--data", data, "--json").out
        self.assertEqual(self.run_ok("eval", self.path("run"), "-d", data, "-j").out, long)
        self.assertTrue(self.run_ok("generate", self.path("run"), "-p", "the", "-n", 3).out)
        self.fails(2, "train", artifact, "-n", "none", says="'none'")

    def checks(self, **environment):
        self.environment.update(environment)
        result = self.call("hydra-run", "doctor", "--json")
        for name in environment:
            del self.environment[name]
        return result.status, {(check["area"], check["name"]): check
                               for check in result.json()["checks"]}

    def test_doctor(self):
        status, checks = self.checks()
        self.assertEqual(status, 0, checks)
        cuda = checks["devices", "cuda"]
        if cuda["state"] == "off":
            self.assertIn("NVIDIA", cuda["detail"])
        # What it says of levels is what an artifact would be told.
        levels = {name[6:]: check for (_, name), check in checks.items()
                  if name.startswith("level ")}
        best = [name for name, check in levels.items() if check["state"] == "on"][-1]
        self.assertIn(best, checks["devices", "cpu"]["detail"])
        for check in levels.values():
            self.assertTrue(check["detail"])
        self.assertIn("matrix tiles (AMX)", self.run_ok("doctor").out)
        self.assertIn(self.path("cache"), checks["cache", "compiled models"]["detail"])
        self.assertTrue(checks["libraries", "oneDNN"]["detail"])
        present = os.path.exists(os.path.join(support.Place.bin, "hydra-opt"))
        self.assertEqual(checks["compiler", "hydra-opt"]["state"], "on" if present else "off")

    def test_doctor_says_what_is_broken(self):
        support.write(self.path("file"), b"")
        status, checks = self.checks(XDG_CACHE_HOME=self.path("file"))
        self.environment["XDG_CACHE_HOME"] = self.path("cache")
        self.assertEqual(status, 1)
        self.assertEqual(checks["cache", "compiled models"]["state"], "broken")
        self.assertIn("XDG_CACHE_HOME", checks["cache", "compiled models"]["detail"])


if __name__ == "__main__":
    support.main()
