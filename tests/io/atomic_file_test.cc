// Atomic files and directories: all or nothing, and the previous one kept.
#include "runtime/io/atomic_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(AtomicFileTest, AppearsOnCommitOnly) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("f");
  WriteFileForTest(path, "old");
  absl::StatusOr<AtomicFile> file = AtomicFile::Create(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("ne").ok());
  ASSERT_TRUE(file->Append("w").ok());
  EXPECT_EQ(ReadFileForTest(path), "old");
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(ReadFileForTest(path), "new");
  EXPECT_THAT(directory.List(), ElementsAre("f"));
  EXPECT_FALSE(file->Append("more").ok());
  EXPECT_FALSE(file->Commit().ok());
}

TEST(AtomicFileTest, LeavesNothingWithoutCommit) {
  const TemporaryDirectory directory;
  {
    absl::StatusOr<AtomicFile> file = AtomicFile::Create(directory.File("f"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Append("x").ok());
    EXPECT_EQ(directory.List().size(), 1u);
    const AtomicFile moved = *std::move(file);
    EXPECT_EQ(moved.path(), directory.File("f"));
  }
  EXPECT_THAT(directory.List(), IsEmpty());
}

TEST(AtomicFileTest, TwoWritersDoNotMeet) {
  const TemporaryDirectory directory;
  absl::StatusOr<AtomicFile> a = AtomicFile::Create(directory.File("f"));
  absl::StatusOr<AtomicFile> b = AtomicFile::Create(directory.File("f"));
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_TRUE(a->Append("aaaa").ok());
  ASSERT_TRUE(b->Append("b").ok());
  ASSERT_TRUE(a->Commit().ok());
  ASSERT_TRUE(b->Commit().ok());
  EXPECT_EQ(ReadFileForTest(directory.File("f")), "b");
}

TEST(AtomicFileTest, WriteAtLeavesZeros) {
  const TemporaryDirectory directory;
  absl::StatusOr<AtomicFile> file = AtomicFile::Create(directory.File("f"));
  ASSERT_TRUE(file.ok());
  const uint8_t byte = 'x';
  ASSERT_TRUE(file->WriteAt(3, {&byte, 1}).ok());
  ASSERT_TRUE(file->Append("ab").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(ReadFileForTest(directory.File("f")), std::string("ab\0x", 4));
}

TEST(AtomicFileTest, ReportsWhereItCannotWrite) {
  const TemporaryDirectory directory;
  const absl::Status status = WriteFileAtomically(directory.File("no/such/f"), "x");
  EXPECT_EQ(KindOf(status), ErrorKind::kFailure);
  EXPECT_NE(status.message().find("no/such/f.tmp-"), std::string::npos) << status;
  // A directory of that name is not replaced by a file.
  std::filesystem::create_directory(directory.File("taken"));
  EXPECT_FALSE(WriteFileAtomically(directory.File("taken"), "x").ok());
  EXPECT_THAT(directory.List(), ElementsAre("taken"));
}

absl::Status PublishWith(const std::string& path, absl::string_view contents) {
  HYDRA_ASSIGN_OR_RETURN(AtomicDirectory made, AtomicDirectory::Create(path));
  std::filesystem::create_directory(made.temporary_path() + "/sub");
  WriteFileForTest(made.temporary_path() + "/sub/f", contents);
  return made.Publish();
}

TEST(AtomicDirectoryTest, PublishesAndKeepsThePrevious) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("ckpt");
  ASSERT_TRUE(PublishWith(path, "1").ok());
  EXPECT_THAT(directory.List(), ElementsAre("ckpt"));
  ASSERT_TRUE(PublishWith(path + "/", "2").ok());
  EXPECT_THAT(directory.List(), ElementsAre("ckpt", "ckpt.previous"));
  EXPECT_EQ(ReadFileForTest(path + "/sub/f"), "2");
  EXPECT_EQ(ReadFileForTest(PreviousPath(path) + "/sub/f"), "1");
  ASSERT_TRUE(PublishWith(path, "3").ok());
  EXPECT_THAT(directory.List(), ElementsAre("ckpt", "ckpt.previous"));
  EXPECT_EQ(ReadFileForTest(path + "/sub/f"), "3");
  EXPECT_EQ(ReadFileForTest(PreviousPath(path) + "/sub/f"), "2");
}

TEST(AtomicDirectoryTest, LeavesNothingUnpublished) {
  const TemporaryDirectory directory;
  {
    absl::StatusOr<AtomicDirectory> made = AtomicDirectory::Create(directory.File("ckpt"));
    ASSERT_TRUE(made.ok());
    WriteFileForTest(made->temporary_path() + "/f", "x");
  }
  EXPECT_THAT(directory.List(), IsEmpty());
  absl::StatusOr<AtomicDirectory> made = AtomicDirectory::Create(directory.File("ckpt"));
  ASSERT_TRUE(made.ok() && made->Publish().ok());
  EXPECT_FALSE(made->Publish().ok());
}

TEST(AtomicDirectoryTest, RemovesOnlyTemporariesOfDeadProcesses) {
  const TemporaryDirectory directory;
  // A process that surely existed and surely ended.
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  std::filesystem::create_directory(directory.File(absl::StrCat("ckpt.tmp-", child, "-0")));
  WriteFileForTest(directory.File(absl::StrCat("ckpt.tmp-", child, "-0/f")), "torn");
  std::filesystem::create_directory(directory.File("ckpt.tmp-mine"));
  absl::StatusOr<AtomicDirectory> live = AtomicDirectory::Create(directory.File("ckpt"));
  ASSERT_TRUE(live.ok());
  ASSERT_TRUE(RemoveStaleTemporaries(directory.File("ckpt")).ok());
  EXPECT_THAT(directory.List(),
              ElementsAre(absl::StrCat("ckpt.tmp-", ::getpid(), "-0"), "ckpt.tmp-mine"));
}

}  // namespace
}  // namespace hydra
