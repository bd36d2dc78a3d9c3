"""train: its metrics files are locked, deleted, overwritten or may not grow, and training goes on;
signals and closed pipes end it with a checkpoint."""
import json
import os
import resource
import signal
import sqlite3
import subprocess
import time

import support

STEPS = 300
LAST = f"step-{STEPS:08d}"
DATABASE, JOURNAL = "training.db", "steps.jsonl"


class MetricsTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        cls.run_ok(*cls.flags("whole"))
        cls.whole = support.files_of(cls.path("whole", "checkpoints", LAST))

    @classmethod
    def flags(cls, out, steps=STEPS):
        return ["train", cls.artifact, "--data", cls.data, "--out", cls.path(out), "--steps", steps,
                "--batch", 2, "--seq", 32, "--seed", 1, "--set", "eval_interval=50",
                "--set", "save_interval=0"]

    def begin(self, out, steps=STEPS, **options):
        """A run, once its journal and database hold steps."""
        process = self.start("hydra-run", *self.flags(out, steps), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, **options)
        self.addCleanup(self.end, process)
        deadline = time.monotonic() + 60
        while self.steps_in_database(out) < 3:
            self.assertIsNone(process.poll(), "the run ended by itself")
            self.assertLess(time.monotonic(), deadline, "no step within a minute")
            time.sleep(0.005)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def steps_in_database(self, out, where=""):
        path = self.path(out, DATABASE)
        if not os.path.exists(path):
            return 0
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
            try:
                return connection.execute(f"SELECT count(*) FROM steps {where}").fetchone()[0]
            finally:
                connection.close()
        except sqlite3.Error:
            return 0

    def journal_steps(self, out):
        lines = support.read(self.path(out, JOURNAL)).decode().splitlines()
        return [record["step"] for record in map(json.loads, lines) if record["event"] == "step"]

    def check_that_training_went_on(self, process, out):
        """Exit 0, and a checkpoint of the same bytes as the undisturbed run's. Returns stderr."""
        _, err = process.communicate(timeout=support.TIMEOUT_S)
        err = err.decode()
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(self.whole, support.files_of(self.path(out, "checkpoints", LAST)))
        return err

    def warnings(self, err, *says):
        """Each text is in exactly one warning of the metrics, and there is no other."""
        lines = [line for line in err.splitlines() if "warning: metrics: " in line]
        self.assertEqual(len(lines), len(says), err)
        for text in says:
            self.assertEqual(sum(text in line for line in lines), 1, f"{text}\n{err}")

    def test_an_undisturbed_run_has_every_step_and_no_warning(self):
        err = self.check_that_training_went_on(self.begin("quiet"), "quiet")
        self.warnings(err)
        self.assertEqual(self.journal_steps("quiet"), list(range(1, STEPS + 1)))
        with sqlite3.connect(self.path("quiet", DATABASE)) as database:
            run = database.execute("SELECT end_step, total_tokens, best_loss IS NOT NULL, end_time "
                                   "IS NOT NULL FROM runs").fetchall()
            self.assertEqual(run, [(STEPS, STEPS * 64, 1, 1)])
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        self.assertEqual(self.steps_in_database("quiet"), STEPS)

    def test_every_field_of_the_step_record_is_kept(self):
        self.check_that_training_went_on(self.begin("fields"), "fields")
        entries = self.run_ok("inspect", self.artifact, "--json").json()["entries"]
        named = {field["name"] for entry in entries for field in entry["record"]}
        self.assertTrue({"loss.total", "grad_norm", "lr", "clip_limit", "halted"} <= named, named)
        lines = map(json.loads, support.read(self.path("fields", JOURNAL)).decode().splitlines())
        last = [line for line in lines if line["event"] == "step"][-1]
        found = {"grad_norm", "lr"} | {f"loss.{term}" for term in last["loss"]} | set(last["record"])
        # What routers did has tables of its own.
        self.assertEqual(found, {name for name in named if not name.startswith("route.")})
        self.assertEqual(last["record"]["clip_limit"], 50)
        with sqlite3.connect(self.path("fields", DATABASE)) as database:
            rows = database.execute("SELECT field, value FROM record_fields WHERE step=?",
                                    (STEPS,)).fetchall()
        self.assertEqual(dict(rows), last["record"])

    def test_totals_are_live(self):
        process = self.begin("live", 100000)
        with sqlite3.connect(self.path("live", DATABASE), timeout=5) as database:
            tokens, best, step = database.execute(
                "SELECT total_tokens, best_loss, best_loss_step FROM runs").fetchone()
        self.assertIsNone(process.poll())
        self.assertGreater(tokens, 0)
        self.assertGreater(best, 0)
        self.assertGreaterEqual(step, 1)

    def test_locked_by_another_process(self):
        process = self.begin("locked")
        with sqlite3.connect(self.path("locked", DATABASE), timeout=30,
                             isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            deadline = time.monotonic() + 60
            while max(self.journal_steps("locked")) < STEPS - 50 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5)
            other.execute("ROLLBACK")
        err = self.check_that_training_went_on(process, "locked")
        # The lock was given back, so nothing is missing.
        self.warnings(err, "another program holds it")
        self.assertEqual(self.steps_in_database("locked"), STEPS)

    def test_locked_to_the_end(self):
        process = self.begin("held")
        with sqlite3.connect(self.path("held", DATABASE), timeout=30,
                             isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            err = self.check_that_training_went_on(process, "held")
            other.execute("ROLLBACK")
        self.warnings(err, "another program holds it (", f"-{STEPS} (another program holds it)")
        self.assertIn("training.db: lacks", err)
        self.assertEqual(self.journal_steps("held"), list(range(1, STEPS + 1)))

    def test_deleted(self):
        process = self.begin("deleted")
        for name in os.listdir(self.path("deleted")):
            if name.startswith(DATABASE) or name == JOURNAL:
                os.remove(self.path("deleted", name))
        err = self.check_that_training_went_on(process, "deleted")
        self.warnings(err, "training.db: was deleted", "steps.jsonl: was deleted",
                      "training.db: lacks", "steps.jsonl: lacks")
        self.assertIn("steps: 1-", err)
        self.assertEqual(self.steps_in_database("deleted", f"WHERE step={STEPS}"), 1)

    def test_overwritten_with_garbage(self):
        process = self.begin("garbage")
        support.write(self.path("garbage", DATABASE), b"\xa5" * 50000)
        err = self.check_that_training_went_on(process, "garbage")
        self.warnings(err, "is set aside as", "training.db: lacks")
        self.assertEqual(support.read(self.path("garbage", DATABASE + ".damaged-1")),
                         b"\xa5" * 50000)
        self.assertEqual(self.journal_steps("garbage"), list(range(1, STEPS + 1)))
        self.assertEqual(self.steps_in_database("garbage", f"WHERE step={STEPS}"), 1)

    def test_garbage_before_a_resume(self):
        flags = self.flags("before")
        self.run_ok(*flags, "--stop-at", 20)
        support.write(self.path("before", DATABASE), b"\xa5" * 50000)
        process = self.start("hydra-run", *flags, "--resume", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.warnings(self.check_that_training_went_on(process, "before"), "is set aside as")

    def test_no_room_for_metrics(self):
        """Files may grow to the size of the largest file of a checkpoint, and no further."""
        room = max(map(len, self.whole.values())) + 4096
        steps = 20000
        process = self.start(
            "hydra-run", *self.flags("full", steps), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
        self.addCleanup(self.end, process)
        deadline = time.monotonic() + 200
        text = b""
        os.set_blocking(process.stderr.fileno(), False)
        # Of the database; the journal has one of its own when it reaches the limit.
        while b"training.db: there is no space" not in text:
            self.assertIsNone(process.poll(), text.decode())
            self.assertLess(time.monotonic(), deadline, "the limit was never reached")
            text += process.stderr.read() or b""
            time.sleep(0.05)
        at_trouble = max(self.journal_steps_so_far("full"))
        while max(self.journal_steps_so_far("full")) < at_trouble + 20 and time.monotonic() < deadline:
            if b"steps.jsonl: it cannot be written" in text:
                break
            text += process.stderr.read() or b""
            time.sleep(0.05)
        os.set_blocking(process.stderr.fileno(), True)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=support.TIMEOUT_S)
        err = (text + err).decode()
        self.assertEqual(process.returncode, 143, err)
        self.assertEqual(err.count("training.db: there is no space"), 1, err)
        self.assertIn("training.db: lacks", err)
        # The checkpoint is whole and training goes on from it, with room again.
        step = max(int(name[5:]) for name in os.listdir(self.path("full", "checkpoints"))
                   if name.startswith("step-"))
        resumed = self.run_ok("train", self.artifact, "--data", self.data, "--out",
                              self.path("full"), "--resume", "--stop-at", step + 5)
        self.assertIn(f"resuming at step {step}", resumed.err)
        self.warnings(resumed.err)

    def journal_steps_so_far(self, out):
        """As journal_steps while the file is being written: its last line may be a part."""
        lines = support.read(self.path(out, JOURNAL)).decode().split("\n")[:-1]
        return [record["step"] for record in map(json.loads, lines) if record["event"] == "step"]

    def test_an_equal_run_keeps_the_rows_of_the_one_before(self):
        flags = self.flags("again", 20)
        self.run_ok(*flags)
        # As after a run that never came to a checkpoint.
        os.rename(self.path("again", "checkpoints"), self.path("again-checkpoints"))
        self.run_ok(*flags)
        self.assertEqual(self.steps_in_database("again"), 40)
        self.assertEqual(self.journal_steps("again"), list(range(1, 21)) * 2)

    def stop(self, out, *signals, **options):
        process = self.begin(out, 100000, **options)
        for number in signals:
            process.send_signal(number)
        _, err = process.communicate(timeout=support.TIMEOUT_S)
        return process.returncode, err.decode()

    def check_checkpoint(self, out):
        return self.run_ok("inspect", self.path(out), "--json").json()

    def test_sighup_ends_like_sigterm(self):
        # A shell and the kernel both send it when a terminal goes away.
        status, err = self.stop("hup", signal.SIGHUP, signal.SIGHUP)
        self.assertEqual(status, 143, err)
        self.assertIn("checkpoint", err)
        self.check_checkpoint("hup")

    def test_sighup_that_is_ignored_stays_ignored(self):
        process = self.begin("nohup", preexec_fn=lambda: signal.signal(signal.SIGHUP,
                                                                      signal.SIG_IGN))
        process.send_signal(signal.SIGHUP)
        self.check_that_training_went_on(process, "nohup")

    def test_a_closed_pipe_of_messages_ends_with_a_checkpoint(self):
        process = self.begin("pipe", 100000)
        process.stderr.close()
        self.assertEqual(process.wait(timeout=support.TIMEOUT_S), 143)
        process.stderr = None
        self.check_checkpoint("pipe")

    def test_a_closed_pipe_of_results_is_a_failure_after_a_checkpoint(self):
        process = self.begin("results")
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=support.TIMEOUT_S)
        self.assertEqual(process.returncode, 1, err.decode())
        self.assertIn("standard output", err.decode())
        self.assertEqual(self.whole, support.files_of(self.path("results", "checkpoints", LAST)))

    def test_an_interrupted_run_has_no_result_of_a_step_that_was_not_evaluated(self):
        result = self.run_ok(*self.flags("u11"), "--stop-at", 60, "--json").json()
        self.assertIsNone(result["held_out_loss"])
        self.assertEqual(result["last_evaluation"]["step"], 50)
        text = self.run_ok(*self.flags("u11-text"), "--stop-at", 60).out
        self.assertIn("at step 50, not measured at step 60", text)


if __name__ == "__main__":
    support.main()
