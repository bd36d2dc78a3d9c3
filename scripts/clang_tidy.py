#!/usr/bin/python3
"""clang-tidy over the sources, with a cache of clean results.

    clang_tidy.py TOOL BUILD_DIR [--all] [--base COMMIT] [--budget SECONDS] [FILE...]

Checks FILEs, or every source that changed since the merge base with main, or that includes a file
that did (on main itself, and with --all: every source). A source that was clean before is not
checked again while nothing has changed that its result depends on: its own text and that of every
header of the tree it includes, generated ones too, its compile command, the configuration and the
tool. Clean results are kept in $XDG_CACHE_HOME/hydra-lint, shared by all checkouts.

--budget bounds the time for sources that did not change. The changed ones, and one user of every
changed header, are always checked. What the budget leaves over is counted and named, and remains for
the next run.

A source is read without the precompiled headers of the build, so that one which leans on an include
that only they have is a finding: g++ has no precompiled headers here.

Exit 1 for a finding, for a source beside compiled ones that no target compiles, and for a FILE that
cannot be checked.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time

INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)
SOURCES = (".cc", ".cpp")
PRECOMPILED = re.compile(r"-Xclang -fno-pch-timestamp |-Xclang -include-pch -Xclang \S+ ")
KEPT_DAYS = 30


def git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.split("\0" if "-z" in arguments else "\n") if done.returncode == 0 else []


def merge_base():
    """The commit that changes are counted from."""
    for main in ("origin/main", "main"):
        base = git("merge-base", main, "HEAD")
        if base:
            return base[0]
    return "HEAD"


class Sources:
    """The sources of the tree, what they include, and how they are compiled."""

    def __init__(self, root, build):
        self.root, self.build = root, build
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        self.files = sorted(path for path in set(listed) if path.endswith(SOURCES)
                            and os.path.exists(os.path.join(root, path)))
        self.commands = {}
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
            entries = json.load(file)
        for entry in entries:
            entry["command"] = PRECOMPILED.sub("", entry["command"])
            path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
            self.commands.setdefault(path, []).append(entry["command"])
        self.database = os.path.join(build, "lint")
        os.makedirs(self.database, exist_ok=True)
        with open(os.path.join(self.database, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump(entries, file)
        self.direct = {}
        configurations = [path for path in listed if os.path.basename(path) == ".clang-tidy"]
        self.configuration = [self.read(path) for path in sorted(set(configurations))]

    def read(self, path):
        try:
            with open(os.path.join(self.root, path), "rb") as file:
                return file.read()
        except OSError:
            return b""

    def included(self, path):
        """Digest of a file, and the files of the tree (or generated for it) that it includes."""
        if path not in self.direct:
            text = self.read(path)
            found = []
            for name in INCLUDE.findall(text):
                name = name.decode(errors="replace")
                for folder in (self.root, self.build, os.path.dirname(os.path.join(self.root, path))):
                    if os.path.isfile(os.path.join(folder, name)):
                        found.append(os.path.relpath(os.path.join(folder, name), self.root))
                        break
            self.direct[path] = hashlib.sha256(text).hexdigest(), found
        return self.direct[path]

    def closure(self, path):
        """The file and everything of the tree that it includes, in order."""
        seen, waiting = {path}, [path]
        while waiting:
            for name in self.included(waiting.pop())[1]:
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
        return sorted(seen)

    def key(self, path, tool):
        """What the result for a source depends on, as one digest."""
        digest = hashlib.sha256()
        build = os.path.relpath(self.build, self.root)
        parts = [tool, *self.configuration]
        parts += [command.replace(self.root, "") for command in self.commands[path]]
        for name in self.closure(path):
            # Generated headers under one name, whatever the folder is called that they are in.
            parts += [name.removeprefix(build), self.included(name)[0]]
        for part in parts:
            part = part if isinstance(part, bytes) else part.encode()
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()


class Cache:
    """Names of clean results, as empty files."""

    def __init__(self):
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.folder = os.path.join(base, "hydra-lint")
        os.makedirs(self.folder, exist_ok=True)
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            try:
                if time.time() - os.path.getmtime(path) > KEPT_DAYS * 86400:
                    os.remove(path)
            except OSError:
                pass  # another run removed it

    def has(self, key):
        try:
            os.utime(os.path.join(self.folder, key))
            return True
        except OSError:
            return False

    def add(self, key):
        with open(os.path.join(self.folder, key), "wb"):
            pass


def check(tool, database, path):
    """clang-tidy on one file: an empty text if it is clean, else what it said."""
    done = subprocess.run([tool, "--quiet", "-p", database, path], capture_output=True, text=True,
                          check=False)
    if done.returncode == 0:
        return ""
    # Errors of the compiler itself come on standard error; counts of suppressed warnings are noise.
    errors = [line for line in done.stderr.splitlines()
              if not re.search("warnings? (and .*)?generated|treated as error", line)]
    return done.stdout + "\n".join(errors) + f"\n{path}: status {done.returncode}"


def selected(sources, arguments):
    """(sources to check whatever it takes, sources to check within the budget)."""
    if arguments.files:
        return arguments.files, []
    base = arguments.base or merge_base()
    everything = arguments.all or git("rev-parse", base) == git("rev-parse", "HEAD")
    changed = set(git("diff", "-z", "--name-only", base) +
                  git("ls-files", "-z", "--others", "--exclude-standard"))
    touched = [path for path in sources.files if not changed.isdisjoint(sources.closure(path))]
    must = {path for path in touched if path in changed}
    for header in changed:
        users = [path for path in touched if header in sources.closure(path)]
        if users and must.isdisjoint(users):
            must.add(min(users, key=lambda path: (not path.startswith(os.path.splitext(header)[0]),
                                                  len(sources.closure(path)), path)))
    rest = [path for path in sources.files if path not in set(touched)] if everything else []
    return sorted(must), [path for path in touched if path not in must] + rest


def uncompiled(sources, paths, named):
    """Complaints about sources without a compile command, and notes on folders that are not built."""
    folders = {os.path.dirname(path) for path in sources.commands}
    complaints, absent = [], set()
    for path in paths:
        if path in sources.commands:
            continue
        if os.path.dirname(path) in folders or named:
            complaints.append(f"lint: {path}: no target of {sources.build} compiles it, so it cannot "
                              "be checked; name it in its CMakeLists.txt, or build again")
        else:
            absent.add(os.path.dirname(path))
    for folder in sorted(absent):
        print(f"lint: {folder} is not part of this build and was not checked")
    return complaints


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("build")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--base")
    parser.add_argument("--budget", type=int, default=0)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()

    root = os.getcwd()
    sources = Sources(root, os.path.abspath(arguments.build))
    must, may = selected(sources, arguments)
    complaints = uncompiled(sources, must + may, bool(arguments.files))
    version = subprocess.run([arguments.tool, "--version"], capture_output=True, text=True,
                             check=True).stdout
    cache, known, queue = Cache(), 0, []
    deadline = time.monotonic() + arguments.budget if arguments.budget else None
    for path, bounded in [(path, False) for path in must] + [(path, True) for path in may]:
        if path not in sources.commands:
            continue
        key = sources.key(path, version)
        if cache.has(key):
            known += 1
        else:
            queue.append((path, key, bounded))

    def work(item):
        path, key, bounded = item
        if bounded and deadline and time.monotonic() >= deadline:
            return None
        said = check(arguments.tool, sources.database, path)
        if not said:
            cache.add(key)
        return said

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(work, queue))
    left = [path for (path, _, _), said in zip(queue, results) if said is None]
    findings = [said for said in results if said]
    for text in findings + complaints:
        print(text)
    if left:
        print(f"lint: {len(left)} unchanged sources were not reached within {arguments.budget} s and "
              f"are not known to be clean: {' '.join(left)}")
    print(f"lint: clang-tidy on {len(queue) - len(left)} sources, {known} more known to be clean, "
          f"{len(findings)} with findings")
    return 1 if findings or complaints else 0


if __name__ == "__main__":
    sys.exit(main())
