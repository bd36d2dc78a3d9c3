"""data: texts of any size in bounded memory, tokenizers that travel with data and checkpoints, positions that are kept."""
import json
import os
import subprocess
import threading

import support

# The promise is 200 MB for a text of 1 GB; what a text costs shows with a fraction of it.
LARGEST_RSS_KB = 200 * 1024
STREAM_MB = 48


class DataTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.make_artifact()
        with open(cls.path("text.txt"), "w", encoding="utf-8") as file:
            for number in range(3000):
                file.write(f"line {number} of a text, and its square is {number * number}: caf\u00e9\n")
        cls.run_ok("data", "tokenizer", cls.path("text.txt"), "-o", cls.path("bpe.json"),
                   "--vocab-size", 600, "--special", "<|endoftext|>")
        # As many tokens as the tiny model has rows.
        cls.run_ok("data", "tokenizer", cls.path("text.txt"), "-o", cls.path("small.json"), "--vocab-size", 256)

    def streamed(self, command, line, tokenizer):
        """Writes STREAM_MB of a line into standard input; the most memory that the program held, in KiB."""
        # A build with sanitizers keeps freed memory for a while.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"
        process = subprocess.Popen(
            [os.path.join(support.Place.bin, "hydra-run"), "data", command, "-", "--out", self.path("big"), "--force",
             "--tokenizer", tokenizer, "--json"], env=self.environment | {"ASAN_OPTIONS": options}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        piece = line * (1 + (1 << 20) // len(line))

        def feed():
            for _ in range(STREAM_MB):
                process.stdin.write(piece)
            process.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        out = process.stdout.read()
        feeder.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, process.stderr.read())
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(json.loads(out)["bytes"], len(piece) * STREAM_MB)
        return usage.ru_maxrss

    def test_memory_does_not_grow_with_the_text(self):
        line = "And God said, Let there be light: and there was light. caf\u00e9 \U0001F642 1234\n".encode()
        for command, text, tokenizer in (
                ("text", line, "byte"), ("text", line, self.path("bpe.json")), ("text", line[:-1], self.path("bpe.json")),
                ("jsonl", json.dumps({"text": line.decode()}).encode() + b"\n", self.path("bpe.json"))):
            with self.subTest(command=command, tokenizer=tokenizer):
                self.assertLess(self.streamed(command, text, tokenizer), LARGEST_RSS_KB)

    def test_standard_input_is_a_file_without_a_name(self):
        text = support.read(self.path("text.txt"))
        self.run_ok("data", "text", self.path("text.txt"), "--out", self.path("named"))
        done = subprocess.run([os.path.join(support.Place.bin, "hydra-run"), "data", "text", "-", "--out",
                               self.path("unnamed"), "--json"], input=text, capture_output=True, check=True,
                              env=self.environment)
        self.assertEqual(json.loads(done.stdout)["fingerprint"],
                         self.run_ok("inspect", self.path("named"), "--json").json()["fingerprint"])
        with open(self.path("unnamed", "data.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["sources"][0]["file"], "stdin")

    def trained(self, out, data, *more):
        return self.run_ok("train", self.artifact, "--data", data, "--out", self.path(out), "--steps", 8, "--batch", 2,
                           "--seq", 32, "--seed", 3, *more)

    def latest(self, out):
        return support.files_of(self.path(out, "checkpoints", "latest"))

    def test_a_checkpoint_has_its_tokenizer(self):
        data = self.path("small-data")
        self.run_ok("data", "text", self.path("text.txt"), "--out", data, "--tokenizer", self.path("small.json"))
        self.assertEqual(support.read(os.path.join(data, "tokenizer.json")), support.read(self.path("small.json")))
        self.trained("carried", data)
        files = self.latest("carried")
        self.assertEqual(files["tokenizer.json"], support.read(self.path("small.json")))
        self.assertIn(b"tokenizer.json", files["manifest.json"])
        run = self.path("carried")
        generate = ("generate", run, "--prompt", "caf\u00e9", "--tokens", 5, "--temperature", 0)
        def tokens(*more):
            return self.run_ok(*generate, "--json", *more).json()["results"][0]["tokens"]
        own = tokens()
        self.assertEqual(own, tokens("--tokenizer", self.path("small.json")))
        # Its ids are in another order than those of bytes.
        self.assertNotEqual(own, tokens("--tokenizer", "byte"))
        self.run_ok("eval", run, "--data", data, "--batches", 1)
        self.run_ok("data", "text", self.path("text.txt"), "--out", self.path("byte-data"))
        self.fails(3, "eval", run, "--data", self.path("byte-data"), says=["tokenizer.json", "--tokenizer"])
        os.remove(self.path("carried", "checkpoints", "latest", "tokenizer.json"))
        self.fails(3, "inspect", os.path.realpath(self.path("carried", "checkpoints", "latest")), says="tokenizer.json")

    def test_epochs_go_on_exactly_across_shards(self):
        data = self.path("shards")
        self.run_ok("data", "text", self.path("text.txt"), "--out", data, "--shard-tokens", 997)
        self.assertGreater(len([name for name in os.listdir(data) if name.startswith("train")]), 50)
        order = ("--set", "data_order=epochs")
        self.trained("whole", data, *order)
        whole = self.latest("whole")
        self.assertEqual(json.loads(whole["run.json"])["host_state"]["data"]["windows"], 16)
        for stop in (1, 5):
            out = f"stopped-{stop}"
            self.trained(out, data, *order, "--stop-at", stop)
            self.run_ok("train", "--out", self.path(out), "--resume")
            self.assertEqual(self.latest(out), whole)
        # The same text in one piece: the same windows.
        self.run_ok("data", "text", self.path("text.txt"), "--out", self.path("piece"))
        self.trained("piece-run", self.path("piece"), *order)
        self.assertEqual(self.latest("piece-run")["weights.safetensors"], whole["weights.safetensors"])
        # Micro-batches may change: the windows that were seen count.
        self.trained("wider", data, *order, "--stop-at", 5)
        self.run_ok("train", "--out", self.path("wider"), "--resume", "--accum", 2)
        self.assertEqual(json.loads(self.latest("wider")["run.json"])["host_state"]["data"]["windows"], 10 + 3 * 4)


if __name__ == "__main__":
    support.main()
