#!/usr/bin/python3
"""Checks that machine facts have one home.

    check_levels.py ROOT

The instruction-set levels are listed in runtime/base/cpu_level.cc and the GPU architectures in
runtime/base/gpu_architecture.h. No other source file may name one, not even in a comment: it reads the
list instead. Only runtime/base/cpu_detection.cc asks the processor what it is. docs/tools/hydra-opt.md
names every level. Exit 1 if something fails.
"""
import os
import re
import sys

LAYERS = ("dialects", "passes", "frontend", "compiler", "runtime", "tools")
SOURCES = (".h", ".cc", ".cpp", ".td", ".fbs", ".inc", ".cu", ".cuh")
LEVELS = "runtime/base/cpu_level.cc"
ARCHITECTURES = "runtime/base/gpu_architecture.h"
DETECTION = "runtime/base/cpu_detection.cc"
# Facts of the compiler stand beside each other by name.
HOMES = (LEVELS, ARCHITECTURES, "dialects/target/CpuFacts.cpp")
DOCUMENT = "docs/tools/hydra-opt.md"
QUESTIONS = re.compile(r"getHostCPU|<cpuid\.h>|__get_cpuid|__cpuid\b|xgetbv")


def names_in(root, path, array):
    """The first string of every row of the constant `array` in the file."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    rows = re.search(array + r"\[\] = \{\n(.*?)\n\};", text, re.DOTALL)
    return re.findall(r'^    \{"([^"]+)"', rows.group(1), re.MULTILINE) if rows else []


def check(root):
    levels = names_in(root, LEVELS, "kLevels")
    architectures = names_in(root, ARCHITECTURES, "kGpuArchitectures")
    complaints = [f"{path}:1: expected a list of names, found none; does check_levels.py still read it?"
                  for path, names in ((LEVELS, levels), (ARCHITECTURES, architectures)) if not names]
    if complaints:
        return complaints
    longest_first = sorted(levels + architectures, key=len, reverse=True)
    named = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w-])")
    for layer in LAYERS:
        for folder, _, files in sorted(os.walk(os.path.join(root, layer))):
            for name in sorted(files):
                path = os.path.relpath(os.path.join(folder, name), root)
                if not name.endswith(SOURCES) or path in HOMES:
                    continue
                with open(os.path.join(root, path), encoding="utf-8") as lines:
                    for number, line in enumerate(lines, 1):
                        found = named.search(line)
                        if found:
                            complaints.append(f"{path}:{number}: names {found.group(1)}; read it from "
                                              f"{LEVELS} or {ARCHITECTURES}")
                        if QUESTIONS.search(line) and path != DETECTION:
                            complaints.append(f"{path}:{number}: asks the processor; {DETECTION} does")
    with open(os.path.join(root, DOCUMENT), encoding="utf-8") as file:
        text = file.read()
    complaints += [f"{DOCUMENT}:1: expected the level {name}, found no `{name}`"
                   for name in levels if f"`{name}`" not in text]
    return complaints


def main():
    complaints = check(sys.argv[1])
    print("\n".join(complaints) or "levels and architectures are named in one place")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
