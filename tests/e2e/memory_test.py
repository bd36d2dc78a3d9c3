"""Planned bytes are the bytes that the runtime obtains."""
import os
import resource
import subprocess
import time

import support

# Regions of the artifact that exist once per worker.
PER_WORKER = "scratch"
THREADS = 2


class MemoryTest(support.EndToEndTest):

    def dry_run(self, artifact, *more):
        return self.run_ok("train", artifact, "--dry-run", "--json", "--threads", THREADS,
                           *more).json()

    def check(self, artifact):
        """Within 2 %: every region, and the sum; the plan is read from the file by `inspect`."""
        planned = self.run_ok("inspect", artifact, "--json").json()["memory"]
        report = self.dry_run(artifact)
        lines = {line["purpose"]: line for line in report["memory"]}
        for region in ("arena", "parameters", "gradients", "optimizer", "control_state", "cache",
                       "constants", "scratch"):
            bytes_planned = planned[region] * (THREADS if region == PER_WORKER else 1)
            obtained = lines[region]["obtained"]
            self.assertLessEqual(abs(obtained - bytes_planned), 0.02 * bytes_planned, region)
        for line in lines.values():
            self.assertLessEqual(abs(line["obtained"] - line["planned"]), 0.02 * line["planned"],
                                 line)
        total = sum(line["obtained"] for line in lines.values())
        self.assertEqual(total, report["obtained_bytes"])
        self.assertLessEqual(abs(total - report["planned_bytes"]), 0.02 * report["planned_bytes"])
        # What was touched is resident; the rest of the process is code, libraries and the file.
        self.assertGreaterEqual(report["peak_resident_bytes"], report["resident_bytes"])
        self.assertGreater(report["resident_bytes"], planned["parameters"])
        self.assertLess(report["peak_resident_bytes"], total + (256 << 20))
        print(f"{report['model']}: planned {report['planned_bytes']}, obtained {total}, "
              f"resident {report['resident_bytes']}", flush=True)
        return report

    def test_the_tiny_model(self):
        artifact = self.make_artifact()
        report = self.check(artifact)
        text = self.run_ok("train", artifact, "--dry-run").out
        self.assertIn("obtained", text)
        self.assertIn("resident", text)
        # Micro-batches share everything but inputs, outputs and what they stage; the space of an
        # entry that runs alone may hold those of a few.
        more = self.dry_run(artifact, "--accum", 4)
        lines = [{line["purpose"]: line["obtained"] for line in found["memory"]}
                 for found in (report, more)]
        different = {purpose for purpose in lines[0] if lines[0][purpose] != lines[1][purpose]}
        self.assertIn("staging rings", different)
        self.assertLessEqual(different, {"inputs", "outputs", "record", "staging rings"})

    def test_hydra_nano(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        artifact = self.path("nano.hydra")
        result = self.call("hydra-opt", self.source("models", "hydra-nano.mlir"), "-o", artifact,
                           "--routing=fixed", "--entry=train@8x256", "--entry=eval@8x256", "--entry=extend@1x64",
                           "--entry=extend@1x1", "--cache=1024")
        self.assertEqual(result.status, 0, result)
        report = self.check(artifact)
        # Here the plan is most of the process.
        self.assertGreater(report["resident_bytes"], 0.7 * report["obtained_bytes"])

    def test_too_little_memory_is_refused_before_the_first_step(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        artifact, limit = self.path("large.hydra"), 4 << 30
        result = self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"), "-o", artifact,
                           "--entry=train@200000x64")
        self.assertEqual(result.status, 0, result)
        arena = self.run_ok("inspect", artifact, "--json").json()["memory"]["arena"]
        self.assertGreater(arena, limit)
        process = self.start(
            "hydra-run", "train", artifact, "--dry-run", stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        out, err = process.communicate(timeout=support.TIMEOUT_S)
        self.assertEqual(process.returncode, 4, err.decode())
        self.assertEqual(out, b"")
        self.assertIn("arena", err.decode())
        self.assertIn(str(arena), err.decode())


    def limited_group(self, limit):
        """A control group of its own with that memory limit, as (folder, file for process ids)."""
        lines = support.read("/proc/self/cgroup").decode().splitlines()
        for _, controllers, path in (line.split(":", 2) for line in lines):
            if controllers == "":
                folders, file = ["/sys/fs/cgroup" + path], "memory.max"
            elif "memory" in controllers.split(","):
                folders, file = ["/sys/fs/cgroup/memory" + path], "memory.limit_in_bytes"
            else:
                continue
            for folder in folders:
                group = os.path.join(folder, f"hydra-e2e-{os.getpid()}")
                try:
                    os.mkdir(group)
                except OSError:
                    continue
                self.addCleanup(self.remove_group, group)
                try:
                    with open(os.path.join(group, file), "r+") as limits:
                        limits.write(str(limit))
                    return group
                except OSError:
                    continue
        self.skipTest("no control group with a memory limit can be made here (it takes root and a "
                      "writable /sys/fs/cgroup with the memory controller)")

    @staticmethod
    def remove_group(group):
        for _ in range(100):  # its processes may take a moment to be gone
            try:
                os.rmdir(group)
                return
            except OSError:
                time.sleep(0.05)

    def test_a_control_group_too_small_is_refused_and_not_met_by_being_killed(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        limit = 300 << 20
        group = self.limited_group(limit)
        artifact = self.path("group.hydra")
        result = self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"), "-o", artifact,
                           "--entry=train@40000x64", "--entry=extend@1x1", "--cache=48")
        self.assertEqual(result.status, 0, result)
        arena = self.run_ok("inspect", artifact, "--json").json()["memory"]["arena"]
        self.assertGreater(arena, limit)

        def enter():
            with open(os.path.join(group, "cgroup.procs"), "w") as processes:
                processes.write(str(os.getpid()))

        def run(*arguments):
            process = self.start("hydra-run", *arguments, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, preexec_fn=enter)
            _, err = process.communicate(timeout=support.TIMEOUT_S)
            return process.returncode, err.decode()

        status, err = run("train", artifact, "--dry-run")
        self.assertEqual(status, 4, err)
        self.assertRegex(err, r"needs \d+ bytes \(arena \d+")
        self.assertRegex(err, r"\d+ are available \(/sys/fs/cgroup\S* of " + str(limit))
        self.assertIn("--batch", err)
        # Generating touches a small part of the same artifact's memory.
        status, err = run("generate", artifact, "--prompt", "a", "--tokens", "2")
        self.assertEqual(status, 0, err)


if __name__ == "__main__":
    support.main()
