#!/usr/bin/python3
"""Checks every include of the tree against include_table.txt.

    check_includes.py ROOT [TABLE]

Prints FILE:LINE for each include that the table does not allow, for each one that is not written
from the source root, and for each folder of sources that has no row. Exit 1 if there is any.
"""
import os
import re
import sys

LAYERS = ("dialects", "passes", "frontend", "compiler", "runtime", "tools")
SOURCES = (".h", ".cc", ".cpp", ".td", ".fbs", ".inc", ".cu", ".cuh")
INCLUDE = re.compile(r'^\s*#?\s*include\s*(["<])([^">]+)[">]')
MLIR = ("mlir/", "mlir-c/", "llvm/", "llvm-c/", "clang/")


class Table:
    """The rows of include_table.txt."""

    def __init__(self, path):
        self.rows = {}
        self.closed = {}
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                line = line.split("#")[0].strip()
                if not line:
                    continue
                folder, _, allowed = line.partition(":")
                if folder.startswith("closed "):
                    self.closed[folder[len("closed "):].strip()] = allowed.split()
                else:
                    self.rows[folder.strip()] = allowed.split()

    def row_of(self, path):
        """The longest row that contains the path, or None."""
        rows = [row for row in self.rows if is_below(path, row)]
        return max(rows, key=len) if rows else None

    def allows(self, row, included):
        """May a file of `row` include the project file `included`?"""
        target = self.row_of(included)
        if target == row:
            return True
        for allowed in self.rows[row]:
            if allowed.startswith("="):
                if target == allowed[1:]:
                    return True
            elif is_below(included, allowed):
                return True
        return False


def is_below(path, folder):
    return path == folder or path.startswith(folder + "/")


def is_standard(name):
    """C++ and POSIX headers: no folder except sys/, net/ and the like, and no .hpp."""
    return re.fullmatch(r"(sys/|net/|netinet/|arpa/|linux/|bits/)?[a-z_0-9]+(\.h)?", name)


def problem(table, row, quote, name):
    """Why a file of `row` may not include `name`, or None."""
    if name.split("/")[0] in LAYERS + ("tests", "models", "docs") and "/" in name:
        if table.allows(row, name):
            return None
        return f"{row} may not include {table.row_of(name) or name.split('/')[0]}"
    if name.startswith(MLIR):
        return None if "mlir" in table.rows[row] else f"{row} may not include MLIR or LLVM"
    if row in table.closed:
        if any(name.startswith(prefix) for prefix in table.closed[row]) or is_standard(name):
            return None
        return f"{row} may use only the standard library and {' '.join(table.closed[row])}"
    if quote == '"' and "/" not in name:
        return "write the path from the source root"
    if name.startswith("."):
        return "write the path from the source root, not a relative one"
    return None


def check(root, table):
    """All complaints about the tree, as lines."""
    complaints = []
    files = 0
    for layer in LAYERS:
        for folder, _, names in sorted(os.walk(os.path.join(root, layer))):
            for name in sorted(names):
                if not name.endswith(SOURCES):
                    continue
                files += 1
                path = os.path.relpath(os.path.join(folder, name), root)
                row = table.row_of(path)
                if row is None:
                    complaints.append(f"{path}:1: its folder has no row in the include table")
                    continue
                with open(os.path.join(root, path), encoding="utf-8") as lines:
                    for number, line in enumerate(lines, 1):
                        match = INCLUDE.match(line)
                        reason = match and problem(table, row, *match.groups())
                        if reason:
                            complaints.append(f"{path}:{number}: includes {match.group(2)}: {reason}")
    if files == 0:
        complaints.append(f"{root}: no source files found; is this the source root?")
    return complaints


def main():
    root = sys.argv[1]
    here = os.path.dirname(os.path.abspath(__file__))
    table = Table(sys.argv[2] if len(sys.argv) > 2 else os.path.join(here, "include_table.txt"))
    complaints = check(root, table)
    print("\n".join(complaints) or "every include is in the table")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
