#!/usr/bin/python3
"""Checks that a program links none of the given libraries, directly or through others.

    check_links.py PROGRAM NAME...

Exit 0 if none is linked, 1 if one is, 77 (a skip for ctest) with the reason if PROGRAM is not built.
"""
import os
import subprocess
import sys


def main():
    program, names = sys.argv[1], sys.argv[2:]
    if not os.path.exists(program):
        print(f"skipped: {program} is not built")
        return 77
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        print(f"{program}: ldd failed: {listed.stderr.strip() or listed.stdout.strip()}")
        return 1
    linked = [line.strip() for line in listed.stdout.splitlines()
              if any(name in line for name in names)]
    if linked:
        print(f"{program}: expected no {' or '.join(names)}, found:")
        print("\n".join("  " + line for line in linked))
        return 1
    print(f"{program} links no {' or '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
