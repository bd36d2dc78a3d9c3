#!/usr/bin/python3
"""Runs what stands in a page of the documentation as a reader would: run_page.py SOURCE_DIR BINARY_DIR PAGE

Blocks marked `sh` are run in order, in one shell, from a scratch directory that looks like the root of the repository after
`make build`; any line that fails ends the test. Blocks marked `python` run where they stand, by this Python; one that needs
a package that is not installed is left out, and the page counts as skipped. Exit status 77: skipped, with the reason."""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^( *)```(sh|python)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def missing_package(program):
    return next((name for name in re.findall(r"^import (\w+)", program, re.MULTILINE)
                 if importlib.util.find_spec(name) is None), None)


def script_of(text, work):
    """The page as one shell script, and what of it cannot run here; Python blocks become files of `work`."""
    parts, left_out = ["set -eu"], []
    for number, (indent, kind, body) in enumerate(BLOCK.findall(text)):
        body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        if kind == "sh":
            parts.append(body)
        elif missing := missing_package(body):
            left_out.append(f"block {number} needs {missing}, which is not installed")
        else:
            path = os.path.join(work, f"block-{number}.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(body)
            parts.append(f"{sys.executable} {path}")
    return parts, left_out


def main():
    source, binary = map(os.path.abspath, sys.argv[1:3])
    with open(os.path.join(source, sys.argv[3]), encoding="utf-8") as file:
        text = file.read()
    if not os.path.exists(os.path.join(binary, "bin/hydra-opt")):
        print("SKIP: hydra-opt is not part of this build")
        return 77
    if re.search(r"^bible ", text, re.MULTILINE) and not shutil.which("bible"):
        print("SKIP: the bible program (Debian's bible-kjv) is not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="hydra-docs-") as work:
        for name in ("models", "tests", "tools"):
            os.symlink(os.path.join(source, name), os.path.join(work, name))
        os.symlink(binary, os.path.join(work, "build"))
        parts, left_out = script_of(text, work)
        if len(parts) < 2:
            print(f"expected blocks of commands in {sys.argv[3]}, found none")
            return 1
        # A cache of its own: what a reader's first run compiles is compiled here too.
        environment = {**os.environ, "XDG_CACHE_HOME": os.path.join(work, "cache"), "LC_ALL": "C"}
        status = subprocess.run(["bash", "-x", "-c", "\n".join(parts)], cwd=work, env=environment).returncode
        if status == 0 and left_out:
            print("SKIP: all else ran, but " + "; ".join(left_out))
            return 77
        return status


if __name__ == "__main__":
    sys.exit(main())
