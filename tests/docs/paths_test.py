#!/usr/bin/python3
"""Every path that docs/architecture.md and docs/contracts.md name in backticks exists.

    paths_test.py SOURCE_DIR

A path has a slash or an ending of a source file, may hold *, and a bare file name stands in the folder
of a path before it on the same line.
"""
import glob
import os
import re
import sys

PAGES = ("docs/architecture.md", "docs/contracts.md")
ENDINGS = (".cpp", ".cc", ".h", ".td", ".fbs", ".py", ".md", ".txt")
FOLDERS = ("compiler", "dialects", "docs", "frontend", "models", "passes", "runtime", "scripts", "setup",
           "tests", "tools", "bench", "cmake")


def missing(root, page):
    """(line number, name) of every path of the page that is not there."""
    with open(os.path.join(root, page), encoding="utf-8") as file:
        lines = file.read().splitlines()
    for number, line in enumerate(lines, 1):
        folders = []
        for name in re.findall(r"`([^`\s]+)`", line):
            whole = name.split("/")[0] in FOLDERS
            if name == name.lstrip(".") and (whole or name.endswith(ENDINGS)):
                places = [""] if whole else folders
                if not any(glob.glob(os.path.join(root, place, name)) for place in places):
                    yield number, name
                elif whole:
                    folders.append(name if os.path.isdir(os.path.join(root, name))
                                   else os.path.dirname(name))


def main():
    root = sys.argv[1]
    complaints = [f"{page}:{number}: expected a path of the tree, found `{name}`, which is not there"
                  for page in PAGES for number, name in missing(root, page)]
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
