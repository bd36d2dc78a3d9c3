"""Settings of routing that cannot work are refused where they stand in the spec."""
import support

# What is replaced in tests/routing/Inputs/routed.mlir, by what; the exit status; what is said.
SETTINGS = {
    "capacity 0": ("capacity 0.5", "capacity 0.0", 3, "expected 0 < capacity <= 1, found 0"),
    "capacity above 1": ("capacity 0.5", "capacity 1.5", 3, "expected 0 < capacity <= 1, found 1.5"),
    "no depth to choose": ("passes 3 :", "passes 3 {min_depth = 3} :", 3, "expected 0 <= min_depth < 3, found 3"),
    "no experts": ("experts 2", "experts 0", 3, "expected at least one expert, found 0"),
    "more choices than experts": ("{forced_routing", "{top_k = 3, forced_routing", 3,
                                  "expected 1 <= top_k <= 2, found 3"),
    "more experts than tokens": ("experts 2", "experts 17", 1,
                                 "expected at most as many experts as a training batch has tokens, "
                                 "16, found 17"),
}


class RoutingErrorsTest(support.EndToEndTest):

    def test_settings(self):
        spec = support.read(self.source("tests", "routing", "Inputs", "routed.mlir")).decode()
        for what, (old, new, status, says) in SETTINGS.items():
            with self.subTest(what):
                self.assertIn(old, spec)
                line = 1 + spec[:spec.index(old)].count("\n")
                path = self.path("bad.mlir")
                support.write(path, spec.replace(old, new, 1).encode())
                self.fails(status, path, "--entry=train@2x8", "--variant=fixed",
                           "--stop-after=routing", program="hydra-opt",
                           says=[f"bad.mlir:{line}:", says])

    def test_the_good_spec_is_good(self):
        result = self.call("hydra-opt", self.source("tests", "routing", "Inputs", "routed.mlir"),
                           "--entry=train@2x8", "--variant=fixed", "--stop-after=routing")
        self.assertEqual((result.status, result.err), (0, ""), result)


if __name__ == "__main__":
    support.main(needs_compiler=True)
