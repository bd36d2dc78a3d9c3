// Child processes and the cache of compiled models, with a compiler of a few shell lines.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/io/temporary.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/process.h"
#include "tests/data/temporary_directory.h"

namespace hydra::toolchain {
namespace {

using testing::HasSubstr;

TEST(Process, ReturnsOutputAndStatus) {
  absl::StatusOr<ProcessResult> result =
      RunProcess({"/bin/sh", "-c", "printf 'a %s' \"$0\"; exit 7", "b c"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "a b c");
  EXPECT_EQ(result->exit_status, 7);
  EXPECT_EQ(RunProcess({"/bin/sh", "-c", "kill -9 $$"})->exit_status, 128 + 9);
  EXPECT_EQ(KindOf(RunProcess({"/no/such/program"}).status()), ErrorKind::kFailure);
}

TEST(Process, LargeOutputDoesNotBlock) {
  absl::StatusOr<ProcessResult> result = RunProcess({"/bin/sh", "-c", "head -c 300000 /dev/zero"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output.size(), 300000u);
}

class CompileTest : public testing::Test {
 protected:
  void SetUp() override {
    SetCompiler("version 1");
    WriteFile(directory_ / "m.mlir", "// a model");
    const char* path = std::getenv("PATH");
    setenv("PATH", (directory_.path() + ":" + (path == nullptr ? "" : path)).c_str(), 1);
    setenv("XDG_CACHE_HOME", (directory_ / "cache").c_str(), 1);
  }
  // Its artifact lists its arguments; it counts how often it compiled.
  void SetCompiler(const std::string& version) {
    const std::string program = directory_ / "hydra-opt";
    WriteFile(program,
              "#!/bin/sh\n"
              "if [ \"$1\" = --version ]; then echo '" +
                  version +
                  "'; exit 0; fi\n"
                  "echo x >> '" +
                  (directory_ / "runs") +
                  "'\n"
                  "grep -q broken \"$1\" && { echo \"$1:1:1: broken\" >&2; exit 3; }\n"
                  "for last; do :; done\necho \"$@\" > \"$last\"\n");
    chmod(program.c_str(), 0755);
  }
  int Runs() const { return static_cast<int>(ReadFile(directory_ / "runs").size() / 2); }
  CompileRequest Request() const {
    return {.spec = directory_ / "m.mlir",
            .entries = {"train@8x64", "eval@8x64"},
            .settings = {{"cache", "128"}, {"precision", "f32"}, {"routing", "fixed"}}};
  }

  TemporaryDirectory directory_;
};

TEST_F(CompileTest, PassesTheFlags) {
  absl::StatusOr<Compiled> compiled = CompileModel(Request());
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_FALSE(compiled->cached);
  EXPECT_THAT(ReadFile(compiled->artifact),
              HasSubstr("m.mlir --entry=train@8x64 --entry=eval@8x64 --cache=128 "
                        "--precision=f32 --routing=fixed -o "));
}

TEST_F(CompileTest, CompilesAgainOnlyWhenSomethingChanged) {
  ASSERT_TRUE(CompileModel(Request()).ok());
  absl::StatusOr<Compiled> second = CompileModel(Request());
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(Runs(), 1);
  CompileRequest other = Request();
  other.settings["cache"] = "256";
  ASSERT_TRUE(CompileModel(other).ok());
  EXPECT_EQ(Runs(), 2);
  WriteFile(directory_ / "m.mlir", "// another model");
  ASSERT_TRUE(CompileModel(Request()).ok());
  EXPECT_EQ(Runs(), 3);
  SetCompiler("version 2");
  ASSERT_TRUE(CompileModel(Request()).ok());
  EXPECT_EQ(Runs(), 4);
}

TEST_F(CompileTest, ADamagedCacheIsMadeAgain) {
  const std::string artifact = CompileModel(Request())->artifact;
  WriteFile(artifact, ReadFile(artifact).substr(1));
  absl::StatusOr<Compiled> again = CompileModel(Request());
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->cached);
  EXPECT_EQ(again->artifact, artifact);
  EXPECT_TRUE(CompileModel(Request())->cached);
}

// Process ids come back, and are the same in two containers: nothing is named after them. What a
// killed program left is cleared away, what a live one is writing is not.
TEST_F(CompileTest, TemporariesAreNobodyElsesAndNeverStay) {
  const std::string artifact = CompileModel(Request())->artifact;
  const std::string first = ReadFile(artifact);
  std::filesystem::remove(artifact);
  const std::string left = artifact + ".tmp-0123456789abcdef";
  std::filesystem::create_directory(left);
  WriteFile(left + "/model.hydra", "torn");
  absl::StatusOr<Temporary> live = CreateTemporaryDirectory(artifact);
  ASSERT_TRUE(live.ok()) << live.status();
  ASSERT_TRUE(CompileModel(Request()).ok());
  EXPECT_NE(ReadFile(artifact), first);  // it lists its arguments, and so where it was made
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(live->path));
  std::filesystem::remove(live->path);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "cache/hydra"))
    names.push_back(entry.path().string());
  EXPECT_THAT(names, testing::UnorderedElementsAre(artifact, artifact + ".hash"));
}

TEST_F(CompileTest, TheCompilersFailureIsOurs) {
  WriteFile(directory_ / "m.mlir", "broken");
  EXPECT_EQ(ExitCodeFor(CompileModel(Request()).status()), 3);
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "cache/hydra"));
  CompileRequest other = Request();
  other.spec = directory_ / "none.mlir";
  EXPECT_EQ(KindOf(CompileModel(other).status()), ErrorKind::kInput);
  other.spec = directory_ / "m.onnx";
  EXPECT_EQ(KindOf(CompileModel(other).status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace hydra::toolchain
