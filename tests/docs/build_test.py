#!/usr/bin/python3
"""The documentation builds: generated pages agree with the code, links lead somewhere, pages are whole and load nothing.

    build_test.py SOURCE_DIR LLVM_TBLGEN MLIR_INCLUDE_DIR HYDRA_RUN"""
import glob
import html.parser
import os
import re
import subprocess
import sys
import tempfile

VOID = {"meta", "br"}


class Tags(html.parser.HTMLParser):
    """Tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "img", "iframe", "object"), tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())


def write(path, *command):
    with open(path, "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, "-B", *command], check=True, stdout=file)
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    source, tblgen, include, program = sys.argv[1:5]
    scripts = os.path.join(source, "scripts", "docs")
    with tempfile.TemporaryDirectory() as work:
        reference = os.path.join(work, "reference")
        os.mkdir(reference)
        settings = write(os.path.join(reference, "model-settings.md"), f"{scripts}/model_settings.py", source, tblgen,
                         include)
        # A key and an attribute of each kind, with its default.
        for row in ("| `mod_capacity` | number | 0.0 to 1.0 | `0.5` |", "| `compression` | integer | `4` |",
                    "| `heads` | integer | **required** |", "| `capacity_factor` | number | none |"):
            assert row in settings, row
        with open(os.path.join(source, "dialects", "hydra", "HydraModelOps.td"), encoding="utf-8") as file:
            ops = re.findall(r'Hydra_ModelOp<"(\w+)"', file.read())
        assert len(ops) > 8 and all(f"### hydra.{op}\n" in settings for op in ops), ops
        commands = write(os.path.join(reference, "commands.md"), f"{scripts}/commands.py", program)
        for text in ("## hydra-run report", "| `--resume`", "warmup_steps"):
            assert text in commands, text
        out = os.path.join(work, "html")
        subprocess.run([sys.executable, "-B", f"{scripts}/html_pages.py", source, reference, out], check=True)
        pages = glob.glob(out + "/**/*.html", recursive=True)
        assert len(pages) > 20 and os.path.join(out, "index.html") in pages, pages
        for page in pages:
            with open(page, encoding="utf-8") as file:
                Tags(file.read())


if __name__ == "__main__":
    main()
