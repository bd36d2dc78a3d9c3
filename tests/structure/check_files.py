#!/usr/bin/python3
"""Checks sizes and opening comments of the tracked (or all) source files.

    check_files.py ROOT

Outside tests: median at most 200 lines, 95th percentile at most 500, none above 800, .td included.
Outside tests an error is made by a constructor of runtime/base/status.h, which gives it its kind.
Everywhere: a file begins with a comment that says what it is; a .cc or .cpp beside a header of the
same name is described there, and a CMakeLists.txt by what it builds. Exit 1 if something fails.
"""
import os
import re
import subprocess
import sys

MEDIAN, PERCENTILE_95, CEILING = 200, 500, 800
# Opening comment by file name ending. Markdown opens with its title instead.
COMMENTS = {
    ".h": ("//", "/*"), ".cc": ("//", "/*"), ".cpp": ("//", "/*"), ".td": ("//", "/*"),
    ".fbs": ("//",), ".cu": ("//", "/*"), ".mlir": ("//",), ".py": ("#", '"""'), ".sh": ("#",),
    ".cmake": ("#",), ".yml": ("#",), "Makefile": ("#",), ".md": ("#",),
}
UNCLASSIFIED = re.compile(r"absl::\w+Error\(")
SIZED = (".h", ".cc", ".cpp", ".td", ".fbs", ".cu", ".cmake", ".sh", ".py")


def source_files(root):
    """Paths that git tracks or would track; without git, every file outside build folders."""
    try:
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            check=True, capture_output=True).stdout.decode().split("\0")
        paths = [path for path in listed if path]
    except (OSError, subprocess.CalledProcessError):
        paths = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != ".git" and not name.startswith("build")]
            paths += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(path for path in set(paths) if os.path.isfile(os.path.join(root, path)))


def first_line(text):
    """The first line with content, a #! line and a lit RUN line excepted."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#!"):
            return line.strip()
    return ""


def check_comment(root, path, text):
    stem, ending = os.path.splitext(path)
    if ending in (".cc", ".cpp") and os.path.exists(os.path.join(root, stem + ".h")):
        return []
    for ending, starts in COMMENTS.items():
        if path.endswith(ending):
            if not first_line(text).startswith(starts):
                return [f"{path}:1: expected an opening comment that says what the file is"]
            return []
    return []


def check_errors(path, text):
    """absl's constructors know no kind: their errors would end a program with the wrong exit code."""
    if path.startswith("tests/") or not path.endswith((".h", ".cc", ".cpp", ".cu")):
        return []
    return [f"{path}:{number}: expected an error of a kind (UsageError, InputError, ... of "
            f"runtime/base/status.h), found '{match.group()[:-1]}'"
            for number, line in enumerate(text.splitlines(), 1)
            for match in UNCLASSIFIED.finditer(line)]


def at_percentile(ordered, percent):
    """The smallest value with at least `percent` of all values at or below it."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def check_sizes(sizes):
    complaints = [f"{path}:{lines}: expected at most {CEILING} lines, found {lines}"
                  for lines, path in sizes if lines > CEILING]
    if not sizes:
        return complaints
    ordered = sorted(sizes)
    for percent, limit in ((50, MEDIAN), (95, PERCENTILE_95)):
        lines, _ = at_percentile(ordered, percent)
        if lines > limit:
            longest = ", ".join(f"{path} ({count})" for count, path in ordered[-5:])
            complaints.append(f"{percent} % of the files have up to {lines} lines, expected at most "
                              f"{limit}; the longest: {longest}")
    return complaints


def main():
    root = sys.argv[1]
    complaints, sizes = [], []
    paths = source_files(root)
    for path in paths:
        if not path.endswith(tuple(COMMENTS)):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        complaints += check_comment(root, path, text) + check_errors(path, text)
        if path.endswith(SIZED) and not path.startswith("tests/"):
            sizes.append((text.count("\n"), path))
    if not sizes:
        complaints.append(f"{root}: no source files found; is this the source root?")
    complaints += check_sizes(sizes)
    if complaints:
        print("\n".join(complaints))
        return 1
    ordered = sorted(sizes)
    print(f"{len(sizes)} files: median {at_percentile(ordered, 50)[0]} lines, 95th percentile "
          f"{at_percentile(ordered, 95)[0]}, longest {ordered[-1][0]} ({ordered[-1][1]})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
