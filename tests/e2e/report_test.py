"""report: one page that holds everything it shows, about one run or several; explain --format dot."""
import html.parser
import os
import re
import shutil
import subprocess

import support


class Page(html.parser.HTMLParser):
    """Checks that tags close in order, and collects what stands in the page."""
    VOID = {"meta", "br", "hr"}
    # Elements of SVG that this page writes closed in themselves.
    CLOSED = {"line", "path", "circle", "rect"}

    def __init__(self, text):
        super().__init__()
        self.open, self.count, self.attributes, self.words = [], {}, [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


class ReportTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact, cls.data = cls.make_artifact(), cls.make_data()
        for name, rate in (("slow", 1e-3), ("fast", 1e-2)):
            cls.run_ok("train", cls.artifact, "--data", cls.data, "--out", cls.path(name),
                       "--steps", 60, "--lr", rate, "--set", "eval_interval=20", "--set",
                       "warmup_steps=5")

    def page(self, *arguments):
        written = self.run_ok("report", *arguments, "--json").json()
        text = support.read(written["report"]).decode()
        page = Page(text)
        # Self-contained: nothing is loaded, nothing runs.
        self.assertFalse(set(page.count) & {"script", "link", "img", "iframe", "object"})
        for tag, name, value in page.attributes:
            self.assertNotIn(name, ("src", "href", "onclick", "onload"), tag)
            self.assertNotRegex(value or "", r"https?:|nan|inf\b", (tag, name))
        self.assertNotRegex(text, r"@import|url\((?!#)")
        self.assertEqual(page.count["svg"], written["charts"])
        return page, written

    def test_one_run(self):
        page, written = self.page(self.path("fast"))
        self.assertEqual(written["report"], self.path("fast", "report.html"))
        words = " ".join(page.words)
        for text in ("loss", "held out", "learning rate", "gradient norm", "speed", "limit",
                     "Memory of the plan", "What runs together", "arena of accumulate@2x32",
                     "Settings", "Facts", written["runs"][0]):
            self.assertIn(text, words)
        self.assertRegex(words, r"held-out loss\s+\d\.\d+ at step 60")
        # Given settings stand before those at their defaults.
        self.assertLess(words.index("warmup_steps"), words.index("those at their defaults"))
        self.assertGreater(words.index("weight_decay"), words.index("those at their defaults"))
        planned = next(entry["arena_bytes"] for entry in
                       self.run_ok("inspect", self.artifact, "--json").json()["entries"]
                       if entry["name"] == "accumulate")
        size, unit = re.search(r"most: ([\d.]+) (kB|MB)", words).groups()
        peak = float(size) * {"kB": 1e3, "MB": 1e6}[unit]
        self.assertLessEqual(peak, planned + 1e4)
        self.assertGreater(peak, planned * 0.5)
        # A whole block is drawn, attention and MLP, and kernels list their ops where a ledger names
        # them.
        for weight in ("qkv_proj", "o_proj", "mlp.gate_up", "mlp.down"):
            self.assertRegex(words, r"layers\.\d\.\S*" + weight)
        if support.has_compiler():
            self.assertRegex(words, r"rms_norm  \S+\.mlir:\d+")

    def test_several_runs(self):
        page, written = self.page(self.path("slow"), self.path("fast"), "-o",
                                  self.path("both.html"))
        self.assertEqual(written["charts"], 5)
        words = " ".join(page.words)
        self.assertIn("What differs", words)
        self.assertRegex(words, r"\blr\b.*0\.001.*0\.01")
        self.assertNotIn("weight_decay", words)

    def test_a_run_that_trains(self):
        """Before its first checkpoint, and while another process writes."""
        process = self.start("hydra-run", "train", self.artifact, "--data", self.data, "--out",
                             self.path("live"), "--steps", 100000, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(self.path("live", "steps.jsonl")) or b'"step":5,' not in \
                    support.read(self.path("live", "steps.jsonl")):
                self.assertIsNone(process.poll())
            self.assertIn("not yet", " ".join(self.page(self.path("live"))[0].words))
        finally:
            process.kill()
            process.wait()

    def test_a_browser_opens_it(self):
        """Without a word on the console, and with something to see."""
        browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                       "google-chrome"))), None)
        if not browser:
            self.skipTest("no Chromium is installed")
        self.page(self.path("fast"))
        picture = self.path("page.png")
        result = subprocess.run(
            [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             "--user-data-dir=" + self.path("profile"), "--window-size=1200,3000",
             "--screenshot=" + picture, "file://" + self.path("fast", "report.html")],
            capture_output=True, text=True, timeout=support.TIMEOUT_S, check=True)
        self.assertNotRegex(result.stderr, r"CONSOLE|ERR_|Failed to load|net_error")
        contents = support.read(picture)
        self.assertEqual(contents[:8], b"\x89PNG\r\n\x1a\n")
        # A page without a chart is smaller by far.
        self.assertGreater(len(contents), 50000)

    def test_refusals(self):
        self.fails(3, "report", self.data, says="training.db")
        self.fails(2, "report", self.path("fast"), "-o", self.path("x.png"), says=".html")
        self.fails(2, "report", says="runs")

    def test_graph_for_graphviz(self):
        dot = self.run_ok("explain", self.artifact, "--format", "dot").out \
            if support.has_compiler() else ""
        if not dot:
            self.skipTest("the recorded artifact has no ledger")
        self.assertIn("rms_norm", dot)
        self.assertRegex(dot, r"n\d+ -> n\d+")
        if shutil.which("dot"):
            subprocess.run(["dot", "-Tsvg"], input=dot, text=True, capture_output=True, check=True)


if __name__ == "__main__":
    support.main()
