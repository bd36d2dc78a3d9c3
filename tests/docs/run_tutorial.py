"""Runs the commands of a page, in order, in one shell: run_tutorial.py SOURCE_DIR BINARY_DIR PAGE LAST_FILE.

The shell works in a scratch copy of the tree's readable parts, so that nothing is written to the source tree.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile


def main() -> int:
    source, binary = map(os.path.abspath, sys.argv[1:3])
    page, last_file = sys.argv[3:5]
    for program in ("bin/hydra-opt", "bin/hydra-run"):
        if not os.path.exists(os.path.join(binary, program)):
            print(f"SKIP: {program} is not part of this build")
            return 77
    text = open(os.path.join(source, page), encoding="utf-8").read()
    if "bible -f" in text and not shutil.which("bible"):
        print("SKIP: the bible program (Debian's bible-kjv) is not installed")
        return 77
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if len(blocks) < 5:
        print(f"expected at least five blocks of commands in {page}, found {len(blocks)}")
        return 1
    with tempfile.TemporaryDirectory() as work:
        for name in ("models", "tests"):
            os.symlink(os.path.join(source, name), os.path.join(work, name))
        os.symlink(binary, os.path.join(work, "build"))
        # A reader runs the lines one by one: any that fails ends the test. `| head` may close a pipe early.
        script = "set -eu\n" + "\n".join(blocks)
        result = subprocess.run(["bash", "-x", "-c", script], cwd=work)
        if result.returncode == 0 and not os.path.exists(os.path.join(work, last_file)):
            print(f"the last step did not write {last_file}")
            return 1
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
