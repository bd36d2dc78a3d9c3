#!/usr/bin/python3
"""docs/findings.md: every item of the findings has one row, and the tests that rows name exist."""
import os
import re
import sys
import unittest

ROOT = sys.argv.pop(1)
# How many items each letter has.
ITEMS = {"F": 3, "U": 21, "M": 12, "P": 10, "C": 15, "R": 25}
COLUMNS = ["item", "what was wrong", "state", "test or answer"]


def text_of(*suffixes):
    """The files under tests/ with these ends, as one text."""
    texts = []
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        for name in sorted(names):
            if name.endswith(suffixes):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    texts.append(file.read())
    return "\n".join(texts)


class FindingsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(ROOT, "docs", "findings.md"), encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.startswith("|")]
        table = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        cls.head, cls.rows = table[0], table[2:]
        cls.programs = text_of(".cc", ".cpp", ".h")
        cls.scripts = text_of(".py")
        cls.targets = text_of("CMakeLists.txt")

    def test_every_item_has_one_row(self):
        self.assertEqual(self.head, COLUMNS)
        # "U21 (journal)" and "C3 (found on the way)" are parts of an item.
        whole = [name for row in self.rows if "(" not in row[0] for name in row[0].split(", ")]
        self.assertEqual(len(whole), len(set(whole)), sorted(whole))
        parts = [row[0].split(" (")[0] for row in self.rows]
        known = set(whole) | set(parts)
        self.assertEqual({f"{letter}{number}" for letter, count in ITEMS.items()
                          for number in range(1, count + 1)} - known, set())

    def test_every_row_says_how_it_stands(self):
        for row in self.rows:
            with self.subTest(row=row[0]):
                self.assertEqual(len(row), len(COLUMNS), row)
                item, wrong, state, test = row
                self.assertTrue(wrong)
                self.assertRegex(state, r"mended|open: |gone: ")
                if not state.startswith("open: "):
                    self.assertTrue(test, f"{item} is mended, and no test or answer says how one knows")

    def exists(self, name):
        """Whether a test, a suite or a file of this name is there; None if the name is none of these."""
        if re.fullmatch(r"e2e\.\w+", name):
            return os.path.exists(os.path.join(ROOT, "tests", "e2e", name[4:] + "_test.py"))
        if re.fullmatch(r"docs\.\w+", name):
            return os.path.exists(os.path.join(ROOT, "tests", "docs", name[5:] + "_test.py"))
        if re.fullmatch(r"structure\.[\w-]+", name):
            return f"NAME {name}" in self.targets
        if re.fullmatch(r"\w+_(test|lit)", name):
            return re.search(rf"\b{name}\b", self.targets) is not None
        if match := re.fullmatch(r"(?:\w+\.py: )?(test_\w+)", name):
            return f"def {match[1]}(" in self.scripts
        if match := re.fullmatch(r"([A-Z]\w+)\.(\w*)\*?", name):
            return re.search(rf"TEST(_F|_P)?\({match[1]},\s*{match[2]}", self.programs) is not None
        if re.fullmatch(r"(tests|runtime|setup|cmake)/[\w./-]+", name):
            return os.path.exists(os.path.join(ROOT, name))
        return None

    def test_the_tests_that_are_named_exist(self):
        checked = 0
        for row in self.rows:
            names = re.findall(r"`([^`]+)`", row[-1])
            names += re.findall(r"\b[A-Z]\w+\.[A-Z]\w+", re.sub(r"`[^`]+`", "", row[-1]))
            for name in names:
                with self.subTest(row=row[0], name=name):
                    exists = self.exists(name)
                    checked += exists is not None
                    self.assertIsNot(exists, False)
        self.assertGreater(checked, 100)


if __name__ == "__main__":
    unittest.main()
