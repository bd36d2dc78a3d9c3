#!/usr/bin/python3
"""Tests of the structure checks themselves, on small trees made for the purpose."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Tree:
    """A temporary source tree."""

    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory()
        for path, text in files.items():
            path = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def __enter__(self):
        return self.folder.name

    def __exit__(self, *_):
        self.folder.cleanup()


def run(script, *arguments):
    done = subprocess.run([sys.executable, os.path.join(HERE, script), *arguments],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


GOOD = {
    "runtime/base/a.h": '// A.\n#include <vector>\n#include "absl/types/span.h"\n'
                        '#include "runtime/base/b.h"\n#include <sys/stat.h>\n',
    "runtime/hal/cpu/d.cc": '// D.\n#include "runtime/hal/device.h"\n#include "oneapi/dnnl/dnnl.h"\n',
    "runtime/hal/registry.cc": '// R.\n#include "runtime/hal/cpu/d.h"\n',
    "runtime/exec/e.cc": '// E.\n#include "runtime/hal/cpu/d.h"\n',
    "passes/plan/P.cpp": '// P.\n#include "dialects/hydra/H.h"\n#include "mlir/IR/Builders.h"\n',
    "dialects/hydra/H.td": '// H.\ninclude "mlir/IR/OpBase.td"\ninclude "dialects/hydra/B.td"\n',
    "tools/hydra-run/main.cc": '// M.\n#include "runtime/train/trainer.h"\n',
}


class IncludeTest(unittest.TestCase):
    def check(self, path, include, expected):
        text = f"// Opening.\n\n{include}\n"
        with Tree({**GOOD, path: text}) as root:
            code, output = run("check_includes.py", root)
        self.assertEqual(code, 1, output)
        self.assertEqual(output.count("\n"), 1, output)
        self.assertIn(f"{path}:3: ", output)
        self.assertIn(expected, output)

    def test_good_tree(self):
        with Tree(GOOD) as root:
            code, output = run("check_includes.py", root)
        self.assertEqual((code, output), (0, "every include is in the table\n"))

    def test_bad_includes(self):
        self.check("runtime/base/x.cc", '#include "runtime/io/f.h"',
                   "runtime/base may not include runtime/io")
        self.check("runtime/base/x.cc", "#include <nlohmann/json.hpp>", "may use only")
        self.check("runtime/io/x.cc", '#include "runtime/exec/f.h"', "may not include runtime/exec")
        self.check("runtime/io/x.cc", '#include "llvm/ADT/StringRef.h"', "MLIR or LLVM")
        self.check("runtime/hal/x.cc", '#include "runtime/hal/cpu/d.h"',
                   "runtime/hal may not include runtime/hal/cpu")
        self.check("runtime/hal/cuda/x.cc", '  #  include "runtime/hal/cpu/d.h"',
                   "runtime/hal/cuda may not include runtime/hal/cpu")
        self.check("passes/plan/X.cpp", '#include "compiler/pipeline/S.h"', "may not include compiler")
        self.check("dialects/hydra/X.td", 'include "passes/plan/P.td"', "may not include passes")
        self.check("tools/hydra-run/x.cc", '#include "compiler/pipeline/S.h"',
                   "may not include compiler")
        self.check("runtime/io/x.cc", '#include "tests/io/helper.h"', "may not include tests")

    def test_paths_start_at_the_root(self):
        self.check("runtime/io/x.cc", '#include "json_tree.h"', "path from the source root")
        self.check("runtime/io/x.cc", '#include "../base/status.h"', "path from the source root")

    def test_every_folder_needs_a_row(self):
        with Tree({**GOOD, "runtime/new/x.cc": "// X.\n"}) as root:
            code, output = run("check_includes.py", root)
        self.assertEqual(code, 1)
        self.assertIn("runtime/new/x.cc:1: its folder has no row", output)

    def test_empty_tree_is_no_success(self):
        with Tree({"README.md": "# R\n"}) as root:
            self.assertEqual(run("check_includes.py", root)[0], 1)


class DeviceMemoryTest(unittest.TestCase):
    DEVICE = ("// D.\nclass Buffer {\n public:\n  virtual ~Buffer() = default;\n"
              "  virtual uint64_t bytes() const = 0;\n};\n")

    def check(self, files, *expected):
        with Tree({"runtime/hal/device.h": self.DEVICE, "tools/hydra-run/main.cc": "// M.\n",
                   "runtime/hal/cpu/memory.cc": "// M.\nHostBuffer b; b.host_data();\n",
                   **files}) as root:
            code, output = run("check_device_memory.py", root)
        self.assertEqual(code, 1 if expected else 0, output)
        for text in expected:
            self.assertIn(text, output)

    def test_drivers_may(self):
        self.check({})

    def test_nobody_above_may(self):
        self.check({"runtime/exec/e.cc": "// E.\nreturn buffer.host_data();\n"},
                   "runtime/exec/e.cc:2: ", "host_data")
        self.check({"tools/hydra-run/t.cc": "// T.\nauto& b = static_cast<hal::cpu::HostBuffer&>(x);\n"},
                   "tools/hydra-run/t.cc:2: ")

    def test_the_interface_has_no_address(self):
        self.check({"runtime/hal/device.h": self.DEVICE.replace("bytes()", "*data()")},
                   "runtime/hal/device.h:1: Buffer hands out an address")
        self.check({"runtime/hal/device.h": "// D.\n"}, "expected class Buffer")


class FileTest(unittest.TestCase):
    def check(self, files, *expected):
        with Tree(files) as root:
            code, output = run("check_files.py", root)
        self.assertEqual(code, 1 if expected else 0, output)
        for text in expected:
            self.assertIn(text, output)

    def test_good(self):
        self.check({f"runtime/io/f{i}.cc": "// F.\n" * 200 for i in range(3)})

    def test_ceiling(self):
        files = {f"runtime/io/f{i}.cc": "// F.\n" for i in range(30)}
        self.check({**files, "dialects/D.td": "// D.\n" * 800})
        self.check({**files, "dialects/D.td": "// D.\n" * 801},
                   "dialects/D.td:801: expected at most 800 lines, found 801")
        # Tests may be longer.
        self.check({**files, "tests/io/t.cc": "// T.\n" * 2000})

    def test_errors_have_a_kind(self):
        text = '// E.\n\nreturn absl::InvalidArgumentError("x");\n'
        self.check({"runtime/io/e.cc": text}, "runtime/io/e.cc:3: expected an error of a kind",
                   "found 'absl::InvalidArgumentError'")
        self.check({"tests/io/e.cc": text, "runtime/io/f.cc": '// F.\nreturn InputError("x");\n'})

    def test_percentiles(self):
        files = {f"runtime/io/f{i}.cc": "// F.\n" * 201 for i in range(10)}
        self.check(files, "50 % of the files have up to 201 lines, expected at most 200")
        files = {f"runtime/io/f{i}.cc": "// F.\n" * (501 if i < 2 else 5) for i in range(20)}
        self.check(files, "95 % of the files have up to 501 lines, expected at most 500")
        files = {f"runtime/io/f{i}.cc": "// F.\n" * (501 if i < 1 else 5) for i in range(20)}
        self.check(files)

    def test_opening_comment(self):
        self.check({"runtime/io/a.h": "#ifndef A\n#endif\n"}, "runtime/io/a.h:1: expected an opening")
        self.check({"runtime/io/a.h": "\n\n// A.\n#ifndef A\n#endif\n"})
        self.check({"runtime/io/a.cc": "// A.\n", "tests/io/t.py": "#!/usr/bin/python3\nimport os\n"},
                   "tests/io/t.py:1: expected an opening")
        self.check({"runtime/io/a.cc": '#include "runtime/io/a.h"\n'}, "runtime/io/a.cc:1: expected")
        self.check({"runtime/io/a.cc": '#include "runtime/io/a.h"\n', "runtime/io/a.h": "// A.\n"})
        self.check({"runtime/io/a.cc": "// A.\n", "Makefile": "all:\n"},
                   "Makefile:1: expected an opening")

    def test_empty_tree_is_no_success(self):
        self.check({"notes.txt": ""}, "no source files found")


LEVEL_TREE = {
    "runtime/base/cpu_level.cc": '// L.\nconstexpr CpuLevel kLevels[] = {\n    {"small", "a"},\n'
                                 '    {"small-wide", "b"},\n};\n',
    "runtime/base/gpu_architecture.h": '// G.\nconstexpr A kGpuArchitectures[] = {\n    {"gpu_1", 1},\n};\n',
    "runtime/base/cpu_detection.cc": "// D.\n#include <cpuid.h>\n",
    "docs/tools/hydra-opt.md": "# O\n`small` `small-wide`\n",
}


class LevelTest(unittest.TestCase):
    def check(self, files, *expected):
        with Tree({**LEVEL_TREE, **files}) as root:
            code, output = run("check_levels.py", root)
        self.assertEqual(code, 1 if expected else 0, output)
        for text in expected:
            self.assertIn(text, output)

    def test_good(self):
        self.check({"runtime/io/a.cc": "// A smaller, smallest and small_wide matter.\n",
                    "tests/a.cc": '// Tests may name "small".\n'})

    def test_names(self):
        self.check({"runtime/io/a.cc": '// A.\nf("small-wide");\n'}, "runtime/io/a.cc:2: names small-wide")
        self.check({"compiler/a.h": "// e.g. small.\n"}, "compiler/a.h:1: names small;")
        self.check({"tools/a.cpp": "// A.\n\ng(\"gpu_1\");\n"}, "tools/a.cpp:3: names gpu_1")

    def test_detection(self):
        self.check({"compiler/a.cpp": "// A.\nllvm::sys::getHostCPUFeatures();\n"}, "compiler/a.cpp:2: asks")
        self.check({"runtime/a.cc": "// A.\n#include <cpuid.h>\n"}, "runtime/a.cc:2: asks")

    def test_document(self):
        self.check({"docs/tools/hydra-opt.md": "# O\n`small`\n"}, "expected the level small-wide")

    def test_changed_lists_are_noticed(self):
        self.check({"runtime/base/cpu_level.cc": "// L.\n"}, "expected a list of names")


class LinkTest(unittest.TestCase):
    def test_found_and_not_found(self):
        # This interpreter surely links libc and surely not libMLIR.
        code, output = run("check_links.py", os.path.realpath(sys.executable), "libc.so")
        self.assertEqual(code, 1, output)
        self.assertIn("found:\n  libc.so", output)
        code, output = run("check_links.py", os.path.realpath(sys.executable), "libMLIR", "libLLVM")
        self.assertEqual(code, 0, output)

    def test_missing_program_is_skipped_with_a_reason(self):
        code, output = run("check_links.py", "/nonexistent/hydra-run", "libMLIR")
        self.assertEqual((code, output), (77, "skipped: /nonexistent/hydra-run is not built\n"))

    def test_not_a_program(self):
        self.assertEqual(run("check_links.py", os.path.abspath(__file__), "libMLIR")[0], 1)


if __name__ == "__main__":
    unittest.main()
