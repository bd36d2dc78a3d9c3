"""make install: a C program finds libhydra with find_package, and the installed programs, manual and
completion work."""
import os
import shutil
import subprocess

import support

PROGRAM = r"""
#include <hydra/hydra.h>
#include <stdio.h>

int main(int argc, char** argv) {
  hydra_model* model = NULL;
  if (argc != 2 || hydra_model_open(argv[1], 1, &model) != HYDRA_OK) {
    fprintf(stderr, "%s\n", hydra_last_error());
    return 1;
  }
  printf("%s %s\n", hydra_version(), hydra_model_entry(model, 0));
  hydra_model_close(model);
  return 0;
}
"""
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(hydra 0.1 REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE hydra::hydra)
"""


class InstallTest(support.EndToEndTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = cls.path("usr")
        cls.tool("cmake", "--install", os.path.dirname(support.Place.bin), "--prefix", cls.prefix)

    @classmethod
    def tool(cls, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=support.TIMEOUT_S, **options)
        if done.returncode != 0:
            raise AssertionError(f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_a_c_program_finds_the_library(self):
        library = os.path.join(os.path.dirname(support.Place.bin), "lib", "libhydra.so")
        if "__asan_init" in self.tool("nm", "-D", library):
            self.skipTest("a library with sanitizers needs their run-time in the program")
        source = self.path("user")
        os.mkdir(source)
        support.write(os.path.join(source, "user.c"), PROGRAM.encode())
        support.write(os.path.join(source, "CMakeLists.txt"), PROJECT.encode())
        self.tool("cmake", "-S", source, "-B", self.path("built"),
                  f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.tool("cmake", "--build", self.path("built"))
        version, entry = self.tool(self.path("built", "user"), self.make_artifact()).split()
        self.assertEqual(f"hydra-run {version}", self.run_ok("--version").out.strip())
        self.assertRegex(entry, r"^\w+@\d+x\d+")

    def test_the_installed_program_runs(self):
        run = os.path.join(self.prefix, "bin", "hydra-run")
        self.assertEqual(self.tool(run, "--version"), self.run_ok("--version").out)
        self.assertTrue(os.path.exists(os.path.join(self.prefix, "share", "hydra", "models",
                                                    "hydra-nano.mlir")))

    def test_the_manual_has_every_flag(self):
        page = support.read(os.path.join(self.prefix, "share", "man", "man1",
                                         "hydra-run.1")).decode()
        self.assertEqual(page, self.run_ok("help", "--man").out)
        plain = page.replace("\\-", "-")
        for row in self.run_ok("--list-flags").json()["commands"]:
            self.assertIn(f".SS {row['command']}\n" if row["command"] else ".SH OPTIONS", plain)
            for flag in row["flags"]:
                self.assertIn(flag["name"], plain, row["command"])
        self.check_roff(page)

    def test_the_compiler_has_a_manual(self):
        if not support.has_compiler():
            self.skipTest("this build has no hydra-opt")
        page = support.read(os.path.join(self.prefix, "share", "man", "man1", "hydra-opt.1")).decode()
        self.assertEqual(page, self.call("hydra-opt", "--man").out)
        plain = page.replace("\\-", "-").replace("\\(aq", "'")
        # Titles are in capitals there.
        for line in self.call("hydra-opt", "--help").out.splitlines():
            for word in [] if line.endswith(":") else line.removeprefix("hydra-opt: ").split():
                self.assertIn(word, plain)
        self.check_roff(page)

    def check_roff(self, page):
        if shutil.which("groff"):
            said = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, text=True,
                                  capture_output=True, check=True).stderr
            self.assertEqual(said, "")

    def complete(self, *words):
        """What bash offers for the last of the words."""
        completion = os.path.join(self.prefix, "share", "bash-completion", "completions",
                                  "hydra-run")
        script = (f"source '{completion}'; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
                  f"COMP_CWORD={len(words) - 1}; _hydra_run; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return self.tool("bash", "-c", script, cwd=self.directory).split()

    def test_completion(self):
        self.assertEqual(self.complete("hydra-run", "tr"), ["train"])
        self.assertEqual(self.complete("hydra-run", "checkpoint", "ex"), ["export"])
        self.assertEqual(self.complete("hydra-run", "train", "--resume-f"), ["--resume-from"])
        self.assertEqual(self.complete("hydra-run", "verify", "--target", "cp"), ["cpu"])
        support.write(self.path("tinned.hydra"), b"")
        self.assertEqual(self.complete("hydra-run", "eval", "tinne"), ["tinned.hydra"])

    def test_every_shell_has_every_word(self):
        """Whatever shells there are here: each script names every command, flag and value."""
        scripts = {"bash": ("bash-completion", "completions", "hydra-run"), "zsh": ("zsh", "site-functions", "_hydra-run"),
                   "fish": ("fish", "vendor_completions.d", "hydra-run.fish")}
        commands = self.run_ok("--list-flags").json()["commands"]
        for shell, place in scripts.items():
            script = support.read(os.path.join(self.prefix, "share", *place)).decode()
            self.assertEqual(script, self.run_ok("help", "--completion", shell).out)
            for row in commands:
                self.assertIn(f'"{row["command"]}"', script, shell)
                for flag in row["flags"]:
                    name = flag["name"].split(",")[-1]
                    if not flag["positional"]:
                        self.assertIn(f" -l {name[2:]} " if shell == "fish" else name, script, shell)
            self.assertIn("cpu cuda sim interpreter", script, shell)
        self.fails(2, "help", "--completion", "csh", says="fish")

    def test_zsh_completes(self):
        if not shutil.which("zsh"):
            self.skipTest("there is no zsh here")
        # Its completion system needs a terminal; what it would be told does not.
        script = (f"function _describe {{ print -l -- ${{(P)2%%:*}} }}; function compadd {{ print -l -- $@ }}; function _files {{ print FILES }}; "
                  f"function at {{ words=(hydra-run \"$@\"); CURRENT=$#words; PREFIX=$words[-1]; "
                  f"source {self.prefix}/share/zsh/site-functions/_hydra-run; print -- --END--; }}; "
                  "at ''; at checkpoint ''; at train --re; at verify --target ''; at train ''")
        root, checkpoint, train, target, files = (
            part.split() for part in self.tool("zsh", "-fc", script).split("--END--\n")[:5])
        self.assertIn("train", root)
        self.assertNotIn("FILES", root)
        self.assertEqual([word for word in checkpoint if not word.startswith("-") and word != "FILES"],
                         ["export", "import", "bundle"])
        self.assertIn("--resume-from", train)
        self.assertIn("cpu", target)
        self.assertIn("FILES", files)

    def test_fish_completes(self):
        if not shutil.which("fish"):
            self.skipTest("there is no fish here")
        script = os.path.join(self.prefix, "share", "fish", "vendor_completions.d", "hydra-run.fish")
        def complete(line):
            out = self.tool("fish", "--no-config", "-c", f"source {script}; complete -C'{line}'", cwd=self.directory)
            return [row.split("\t")[0] for row in out.splitlines()]
        self.assertEqual(complete("hydra-run tr"), ["train"])
        self.assertEqual(complete("hydra-run checkpoint ex"), ["export"])
        self.assertEqual(complete("hydra-run train --resume-f"), ["--resume-from"])
        self.assertEqual(complete("hydra-run verify --target c"), ["cpu"])


if __name__ == "__main__":
    support.main()
