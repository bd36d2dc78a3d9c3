"""Any number of threads gives the same bits."""
import json
import support

THREADS = (1, 2, 4)


class ThreadsTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()

    def check_training(self, model, prefix, *more):
        checkpoints = []
        for threads in THREADS:
            out = self.path(f"{prefix}-{threads}")
            self.run_ok("train", model, "--data", self.data, "--out", out, "--lr", 0.01,
                        "--threads", threads, *more)
            checkpoints.append(support.files_of(f"{out}/checkpoints/latest"))
        for threads, files in zip(THREADS[1:], checkpoints[1:]):
            self.assertEqual(sorted(checkpoints[0]), sorted(files))
            for name, contents in checkpoints[0].items():
                self.assertEqual(contents, files[name], f"{name}: 1 and {threads} threads differ")

    def test_checkpoints_of_the_tiny_model(self):
        self.check_training(self.artifact, "tiny", "--steps", 30, "--accum", 2)

    def test_checkpoints_of_hydra_nano(self):
        # Large enough that every kernel and matrix product is cut into several work items.
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        self.check_training(self.source("models", "hydra-nano.mlir"), "nano", "--steps", 3,
                            "--routing", "fixed", "--batch", 2, "--seq", 128)

    def test_evaluation_and_text(self):
        self.run_ok("train", self.artifact, "--data", self.data, "--out", self.path("run"),
                    "--steps", 5, "--lr", 0.01)
        losses, texts = [], []
        for threads in THREADS:
            result = json.loads(self.run_ok("eval", self.path("run"), "--data", self.data, "--json",
                                            "--threads", threads).out)
            del result["device"]  # says how many threads
            losses.append(result)
            texts.append(self.run_ok("generate", self.path("run"), "--prompt", "the quick",
                                     "--tokens", 30, "--threads", threads).out_bytes)
        self.assertEqual(losses, losses[:1] * len(THREADS))
        self.assertEqual(texts, texts[:1] * len(THREADS))


if __name__ == "__main__":
    support.main()
