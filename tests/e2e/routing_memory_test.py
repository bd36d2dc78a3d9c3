"""Routing costs little memory: the planned arena of hydra-100m beside that of fixed depth."""
import re

import support

# Of the arena at fixed depth.
MOST = 1.10


class RoutingMemoryTest(support.EndToEndTest):

    def arena(self, *flags):
        model = self.source("models", "hydra-100m.mlir")
        result = self.call("hydra-opt", model, "--entry=train@1x512", "--stop-after=plan", *flags)
        self.assertEqual(result.status, 0, result)
        return int(re.search(r"plan.region_size <arena> (\d+)", result.out)[1])

    def test_a_tenth_more_at_most(self):
        fixed = self.arena("--routing=fixed")
        for mode in ("static", "dynamic"):
            for variant in ("fixed", "blend", "adaptive"):
                with self.subTest(f"{mode} {variant}"):
                    arena = self.arena(f"--routing={mode}", f"--variant={variant}")
                    self.assertLessEqual(arena, MOST * fixed)


if __name__ == "__main__":
    support.main(needs_compiler=True)
