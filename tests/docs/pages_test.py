#!/usr/bin/python3
"""What the pages promise: pages_test.py SOURCE_DIR

Every command of the guide and of the programs' pages stands in a block that a test runs, or is a pattern (with names in capitals or
brackets); every page with such blocks is run; `make` targets exist; messages of troubleshooting.md are in the sources."""
import glob
import os
import re
import sys
import unittest

ROOT = sys.argv.pop(1)
COMMAND = re.compile(r"^\s*(\$ )?(hydra-\w[\w-]*|build/bin/\S+) (?P<rest>.*)")
# Parts of patterns: MODEL, [...], a|b.
PATTERN = re.compile(r"\b[A-Z]{2,}\b|\[|\.\.\.")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def pages():
    """The guide and the programs' pages; docs/results tell how figures were taken, by whoever took them."""
    found = glob.glob("docs/*.md", root_dir=ROOT) + glob.glob("docs/tools/*.md", root_dir=ROOT)
    return sorted(set(found) - {"docs/golden-artifact.md"}) + ["README.md"]


def without_blocks(text):
    return re.sub(r"^( *)```(sh|python)\n.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)


def source_texts():
    """All C++ of the programs, with the pieces of a split literal joined."""
    texts = []
    for folder in ("runtime", "tools", "compiler", "frontend"):
        for path in glob.glob(f"{folder}/**/*.c*", root_dir=ROOT, recursive=True):
            if path.endswith((".cc", ".cpp")):
                texts.append(re.sub(r'"\s*,?\s*"', "", read(path)))
    return "\n".join(texts)


class PagesTest(unittest.TestCase):

    def test_commands_are_run_or_patterns(self):
        for page in pages():
            for line in without_blocks(read(page)).splitlines():
                if match := COMMAND.match(line):
                    if line.startswith(("    ", "$ ", "   ")) and not PATTERN.search(match["rest"]):
                        # The recorded session of bisect shows what it prints.
                        self.assertTrue(match[1], f"{page}: expected a block marked sh for: {line.strip()}")

    def test_pages_with_commands_are_run(self):
        listed = read("tests/docs/CMakeLists.txt")
        for page in pages():
            if re.search(r"^ *```(sh|python)$", read(page), re.MULTILINE):
                name = os.path.splitext(os.path.basename(page))[0]
                self.assertRegex(listed, rf"\b{re.escape(name)}\b", f"{page} has commands and no test")

    def test_make_targets_exist(self):
        targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
        for page in pages():
            for words in re.findall(r"(?:^    |`)make ((?:[a-z-]+ ?)+)", read(page), re.MULTILINE):
                self.assertLessEqual(set(words.split()), targets, page)

    def test_messages_are_those_of_the_programs(self):
        sources = source_texts()
        messages = re.findall(r"^### `(.+)`$", read("docs/troubleshooting.md"), re.MULTILINE)
        self.assertGreater(len(messages), 15)
        for message in messages:
            for part in re.split(r"\.\.\.|[()]", message):
                part = part.strip(" ,;")
                if len(part) > 4:
                    self.assertIn(part, sources, message)


if __name__ == "__main__":
    unittest.main()
