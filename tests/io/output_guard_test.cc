// What may be written where something stands.
#include "runtime/io/output_guard.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const DirectoryKind kBook{"a book", [](absl::string_view name) { return name == "page"; }};
const FileKind kNote{"a note", [](const std::string& path) { return fs::file_size(path) == 4; }};

void ExpectRefused(const absl::Status& status, const std::string& found) {
  EXPECT_EQ(KindOf(status), ErrorKind::kUsage) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(found));
}

TEST(OutputGuardTest, Directories) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("d");
  EXPECT_TRUE(CheckOutput(path, kBook, false).ok());
  fs::create_directory(path);
  EXPECT_TRUE(CheckOutput(path, kBook, false).ok());  // empty
  WriteFileForTest(path + "/page", "x");
  ExpectRefused(CheckOutput(path, kBook, false), "--force");
  EXPECT_TRUE(CheckOutput(path + "/", kBook, true).ok());
  fs::create_directory(path + "/sub");
  ExpectRefused(CheckOutput(path, kBook, true), "'sub'");
  WriteFileForTest(directory.File("f"), "x");
  ExpectRefused(CheckOutput(directory.File("f"), kBook, true), "a file");
  fs::create_directory_symlink("d", directory.File("l"));
  ExpectRefused(CheckOutput(directory.File("l"), kBook, true), "a symbolic link");
  ExpectRefused(CheckOutput(directory.File("."), kBook, true), "one to be in");
}

TEST(OutputGuardTest, Files) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("f");
  EXPECT_TRUE(CheckOutput(path, kNote, false).ok());
  WriteFileForTest(path, "note");
  ExpectRefused(CheckOutput(path, kNote, false), "--force");
  EXPECT_TRUE(CheckOutput(path, kNote, true).ok());
  WriteFileForTest(path, "something else");
  ExpectRefused(CheckOutput(path, kNote, true), "a file of another kind");
  ExpectRefused(CheckOutput(directory.path(), kNote, true), "a directory");
  ASSERT_EQ(::mkfifo(directory.File("p").c_str(), 0600), 0);
  ExpectRefused(CheckOutput(directory.File("p"), kNote, true), "pipe");
  fs::create_symlink("nowhere", directory.File("l"));
  ExpectRefused(CheckOutput(directory.File("l"), kNote, true), "a symbolic link");
}

}  // namespace
}  // namespace hydra
