"""Profiles: every command is in the trace with its place in the spec, and prediction meets measurement."""
import json
import os

import support


class ProfileTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.make_artifact()
        cls.trace = cls.path("trace.json")
        cls.run_ok("bench", cls.artifact, "--entry", "train@2x32", "--steps", 5,
                   f"--profile={cls.trace}")

    def test_every_command_has_an_event_with_its_place_in_the_spec(self):
        with open(self.trace, encoding="utf-8") as file:
            events = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
        inspected = self.run_ok("inspect", self.artifact, "--json").json()["entries"]
        commands = {(entry["name"], entry["batch"]): entry for entry in inspected
                    if entry["name"] in ("accumulate", "apply")}
        wanted = commands["accumulate", 2]["commands"] + commands["apply", 0]["commands"]
        self.assertEqual(len(events), wanted)
        kernels = [event["args"] for event in events if event["cat"] == "kernel"]
        self.assertTrue(all("location" in args and "bytes" in args for args in kernels))
        places = [args for args in kernels if "tiny.mlir:" in args["location"]]
        self.assertGreater(len(places), len(kernels) // 2)
        # One behind the other.
        for one, two in zip(events, events[1:]):
            self.assertLessEqual(one["ts"] + one["dur"], two["ts"] * (1 + 1e-9) + 1e-6)

    def test_facts_that_were_fitted_predict_what_they_were_fitted_to(self):
        facts = self.path("facts.json")
        explain = ["explain", self.artifact, "--profile", self.trace]
        fitted = self.run_ok(*explain, "--fit", facts, "--json").json()
        plain = self.run_ok(*explain, "--json").json()
        again = self.run_ok(*explain, "--facts", facts, "--json").json()
        self.assertEqual(fitted, again)
        self.assertLess(fitted["median_error"], plain["median_error"])
        self.assertLess(fitted["median_error"], 0.5)
        for kernel in fitted["kernels"]:
            self.assertGreater(kernel["measured_seconds"], 0)
            self.assertGreater(kernel["predicted_seconds"], 0)
        self.assertIn("Median error over kernels", self.run_ok(*explain).out)

    def test_times_of_another_artifact_are_refused(self):
        other = self.path("other.hydra")
        self.assertEqual(self.call("hydra-opt", self.source("tests", "e2e", "tiny.mlir"),
                                   "--entry=eval@2x32", "-o", other).status, 0)
        self.fails(3, "explain", other, "--profile", self.trace, says="found one of artifact")
        for flags in (["--diff", other], ["--format", "html"]):
            self.fails(2, "explain", self.artifact, "--profile", self.trace, *flags, says="drop")
        self.fails(2, "explain", self.artifact, "--fit", self.path("never"), says="--profile")

    def test_perf_finds_the_names_of_kernels(self):
        process = self.start("hydra-run", "bench", self.artifact, "--entry", "eval@2x32",
                             "--perf-map", stdout=support.subprocess.DEVNULL)
        self.assertEqual(process.wait(timeout=support.TIMEOUT_S), 0)
        path = f"/tmp/perf-{process.pid}.map"
        self.addCleanup(os.remove, path)
        with open(path, encoding="utf-8") as file:
            lines = [line.split() for line in file]
        names = {kernel["name"] for kernel in
                 json.loads(self.run_ok("explain", self.artifact, "--json").out)["kernels"]}
        self.assertLessEqual(names, {name for _, _, name in lines})
        # Address, size, name, without gaps that overlap.
        ranges = sorted((int(start, 16), int(size, 16)) for start, size, _ in lines)
        for (start, size), (following, _) in zip(ranges, ranges[1:]):
            self.assertEqual(start + size, following)


if __name__ == "__main__":
    support.main(needs_compiler=True)
