#!/usr/bin/python3
"""Tests of scripts/clang_tidy.py: which sources it checks, and what it remembers.

    clang_tidy_test.py ROOT

The tool is a stand-in that finds the word BAD in a source or in the headers beside it.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.abspath(sys.argv.pop(1)), "scripts", "clang_tidy.py")
TOOL = """#!/bin/sh
if [ "$1" = --version ]; then echo "version $TOOL_VERSION"; exit 0; fi
for last; do :; done
echo "$last" >> "$TOOL_LOG"
sleep "${TOOL_SLEEP:-0}"
if grep -q BAD "$last" $(sed -n 's/^#include "\\(.*\\)"/\\1/p' "$last"); then
  echo "$last: warning: BAD"
  exit 1
fi
"""
FILES = {
    "a/one.cc": '#include "a/one.h"\nint one;\n',
    "a/two.cc": '#include "a/shared.h"\nint two;\n',
    "a/three.cc": '#include "a/shared.h"\n#include "a/one.h"\nint three;\n',
    "a/one.h": "// One.\n",
    "a/shared.h": "// Shared.\n",
    ".gitignore": "build\n",
}


class ClangTidyTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = os.path.join(holder.name, "tree")
        self.environment = {"PATH": os.environ["PATH"], "TOOL_VERSION": "1",
                            "TOOL_LOG": os.path.join(holder.name, "log"),
                            "XDG_CACHE_HOME": os.path.join(holder.name, "cache"),
                            "HOME": holder.name, "GIT_CONFIG_GLOBAL": "/dev/null",
                            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t",
                            "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
        self.tool = os.path.join(holder.name, "tool")
        with open(self.tool, "w", encoding="utf-8") as file:
            file.write(TOOL)
        os.chmod(self.tool, 0o755)
        for path, text in FILES.items():
            self.write(path, text)
        self.configure("a/one.cc", "a/two.cc", "a/three.cc")
        self.git("init", "-q", "-b", "main")
        self.commit()

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def configure(self, *paths, flags=""):
        self.write("build/compile_commands.json", json.dumps(
            [{"directory": os.path.join(self.root, "build"), "file": os.path.join(self.root, path),
              "command": f"c++ {flags} -I{self.root} -c {os.path.join(self.root, path)}"}
             for path in paths]))

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.root, env=self.environment, check=True,
                       capture_output=True)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "c")

    def run_tidy(self, *arguments, status=0):
        """The sources that the tool was given, sorted, and what was printed."""
        if os.path.exists(self.environment["TOOL_LOG"]):
            os.remove(self.environment["TOOL_LOG"])
        done = subprocess.run([sys.executable, SCRIPT, self.tool, "build", *arguments],
                              cwd=self.root, env=self.environment, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if not os.path.exists(self.environment["TOOL_LOG"]):
            return [], done.stdout
        with open(self.environment["TOOL_LOG"], encoding="utf-8") as file:
            return sorted(file.read().split()), done.stdout

    def test_main_checks_everything_and_remembers_it(self):
        self.assertEqual(self.run_tidy()[0], ["a/one.cc", "a/three.cc", "a/two.cc"])
        checked, said = self.run_tidy()
        self.assertEqual(checked, [])
        self.assertIn("3 more known to be clean", said)

    def test_what_a_result_depends_on(self):
        self.run_tidy()
        self.write("a/one.h", "// Changed.\n")
        self.assertEqual(self.run_tidy("--all")[0], ["a/one.cc", "a/three.cc"])
        self.configure("a/one.cc", "a/two.cc", "a/three.cc", flags="-O2")
        self.assertEqual(len(self.run_tidy("--all")[0]), 3)
        self.write(".clang-tidy", "Checks: -*\n")
        self.assertEqual(len(self.run_tidy("--all")[0]), 3)
        self.environment["TOOL_VERSION"] = "2"
        self.assertEqual(len(self.run_tidy("--all")[0]), 3)
        self.assertEqual(self.run_tidy("--all")[0], [])

    def test_findings_are_not_remembered(self):
        self.write("a/one.h", "// BAD\n")
        for _ in range(2):
            checked, said = self.run_tidy("--all", status=1)
            self.assertIn("a/one.cc: warning: BAD", said)
            self.assertIn("2 with findings", said)
            self.assertIn("a/one.cc", checked)

    def test_every_commit_of_a_branch_counts(self):
        self.git("checkout", "-q", "-b", "work")
        self.write("a/one.cc", '#include "a/one.h"\nint one = 1;\n')
        self.commit()
        self.write("a/two.cc", '#include "a/shared.h"\nint two = 2;\n')
        self.commit()
        self.write("a/four.cc", "int four;\n")  # not committed at all
        self.configure("a/one.cc", "a/two.cc", "a/three.cc", "a/four.cc")
        self.assertEqual(self.run_tidy()[0], ["a/four.cc", "a/one.cc", "a/two.cc"])

    def test_a_changed_header_is_checked_through_its_users(self):
        self.git("checkout", "-q", "-b", "work")
        self.write("a/shared.h", "// BAD\n")
        self.commit()
        checked, said = self.run_tidy(status=1)
        self.assertEqual(checked, ["a/three.cc", "a/two.cc"])
        self.assertIn("BAD", said)

    def test_the_budget_never_leaves_out_what_changed(self):
        self.git("checkout", "-q", "-b", "work")
        self.write("a/shared.h", "// BAD\n")
        self.write("a/one.cc", '#include "a/one.h"\nint one = 1;\n')
        self.environment["TOOL_SLEEP"] = "1.1"
        checked, said = self.run_tidy("--all", "--budget", "1", status=1)
        self.assertIn("a/one.cc", checked)
        self.assertIn("a/two.cc", checked)  # the header, through its smallest user
        self.assertIn("BAD", said)

    def test_what_the_budget_leaves_over_is_named(self):
        for number in range(4 * len(os.sched_getaffinity(0))):
            self.write(f"a/more{number}.cc", "int more;\n")
        more = [f"a/more{number}.cc" for number in range(4 * len(os.sched_getaffinity(0)))]
        self.configure("a/one.cc", "a/two.cc", "a/three.cc", *more)
        self.commit()
        self.environment["TOOL_SLEEP"] = "1.1"
        checked, said = self.run_tidy("--budget", "1")
        left = [path for path in more if path not in checked]
        self.assertTrue(left)
        for path in left:
            self.assertIn(path, said.split("not known to be clean:")[1])
        self.environment["TOOL_SLEEP"] = "0"
        self.assertEqual(self.run_tidy()[0],
                         sorted(set(more + ["a/one.cc", "a/two.cc", "a/three.cc"]) - set(checked)))

    def test_a_source_that_no_target_compiles_is_a_finding(self):
        self.configure("a/one.cc", "a/two.cc")
        self.assertIn("a/three.cc: no target", self.run_tidy(status=1)[1])
        self.configure("a/one.cc", "a/two.cc", "a/three.cc")
        self.write("elsewhere/five.cc", "int five;\n")  # a folder that this build leaves out
        self.assertIn("elsewhere is not part of this build", self.run_tidy()[1])
        self.run_tidy("elsewhere/five.cc", status=1)

    def test_worktrees_share_results(self):
        self.run_tidy()
        other = self.root + "-other"
        self.git("clone", "-q", self.root, other)
        self.root = other
        self.configure("a/one.cc", "a/two.cc", "a/three.cc")
        self.assertEqual(self.run_tidy("--all")[0], [])


if __name__ == "__main__":
    unittest.main()
