// Atomic files and directories: all or nothing, leftovers cleared, live ones left alone.
#include "runtime/io/atomic_file.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/io/temporary.h"
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

TEST(AtomicFileTest, HashesOnItsWay) {
  const TemporaryDirectory directory;
  AtomicFile file = *AtomicFile::Create(directory.File("f"));
  ASSERT_TRUE(file.Append("ab").ok());
  ASSERT_TRUE(file.Append("cde").ok());
  ASSERT_TRUE(file.Commit().ok());
  const absl::StatusOr<FileDigest> digest = file.Digest();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->bytes, 5u);
  EXPECT_EQ(digest->hash, HashString("abcde"));
  EXPECT_EQ(*digest, *DigestOfFile(directory.File("f")));
  AtomicFile jumping = *AtomicFile::Create(directory.File("g"));
  const uint8_t byte = 'x';
  ASSERT_TRUE(jumping.WriteAt(3, {&byte, 1}).ok());
  EXPECT_EQ(KindOf(jumping.Digest().status()), ErrorKind::kFailure);
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
  HYDRA_ASSIGN_OR_RETURN(AtomicFile file, made.CreateFile("f"));
  HYDRA_RETURN_IF_ERROR(file.Append(contents));
  HYDRA_RETURN_IF_ERROR(file.Commit());
  return made.Publish();
}

TEST(AtomicDirectoryTest, PublishesAndReplaces) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("ckpt");
  ASSERT_TRUE(PublishWith(path, "1").ok());
  EXPECT_THAT(directory.List(), ElementsAre("ckpt"));
  EXPECT_EQ(ReadFileForTest(path + "/f"), "1");
  // "DIR/" is the same; what is replaced leaves nothing, and neighbours of such names stay.
  std::filesystem::create_directory(directory.File("ckpt.previous"));
  ASSERT_TRUE(PublishWith(path + "/", "2").ok());
  EXPECT_EQ(ReadFileForTest(path + "/f"), "2");
  EXPECT_THAT(directory.List(), ElementsAre("ckpt", "ckpt.previous"));
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
  EXPECT_FALSE(made->CreateFile("late").ok());
}

TEST(AtomicDirectoryTest, PutsBackWhatSteppedAside) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("ckpt");
  ASSERT_TRUE(PublishWith(path, "1").ok());
  // A crash between the two renames of a file system without exchange.
  std::filesystem::rename(path, path + ".tmp-0123456789abcdef.replaced");
  ASSERT_TRUE(RecoverReplaced(path).ok());
  EXPECT_EQ(ReadFileForTest(path + "/f"), "1");
  // A crash after them.
  std::filesystem::create_directory(path + ".tmp-0123456789abcdef.replaced");
  ASSERT_TRUE(PublishWith(path, "2").ok());
  EXPECT_EQ(ReadFileForTest(path + "/f"), "2");
  EXPECT_THAT(directory.List(), ElementsAre("ckpt"));
}

TEST(TemporaryTest, NamesAreRecognised) {
  EXPECT_EQ(TemporaryBase(TemporaryPath("run")), "run");
  EXPECT_EQ(TemporaryBase("run.tmp-0123456789abcdef"), "run");
  for (const char* name :
       {"run.tmp-0123456789abcde", "run.tmp-0123456789abcdeg", "run.tmp-123-0", "run.tmp-", "run",
        "", ".tmp-0123456789abcdef", "run.tmp-0123456789abcdef.replaced"}) {
    EXPECT_EQ(TemporaryBase(name), "") << name;
  }
  EXPECT_NE(TemporaryPath("run"), TemporaryPath("run"));
}

TEST(TemporaryTest, OnlyThoseWithoutAWriterAreStale) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.File("ckpt.tmp-0123456789abcdef"));
  WriteFileForTest(directory.File("ckpt.tmp-0123456789abcdef/f"), "torn");
  WriteFileForTest(directory.File("f.tmp-0123456789abcdef"), "torn");
  WriteFileForTest(directory.File("ckpt.tmp-mine"), "a user's file");
  std::filesystem::create_symlink("f.tmp-0123456789abcdef",
                                  directory.File("l.tmp-0123456789abcdef"));
  const Temporary live = *CreateTemporaryDirectory(directory.File("ckpt"));
  const AtomicFile writing = *AtomicFile::Create(directory.File("f"));
  EXPECT_THAT(directory.List().size(), 5u);  // creating f cleared up after an earlier writer of f
  ASSERT_TRUE(RemoveStaleTemporaries(directory.path(), "other").ok());
  EXPECT_EQ(directory.List().size(), 5u);
  ASSERT_TRUE(RemoveStaleTemporaries(directory.path()).ok());
  const std::vector<std::string> left = directory.List();
  EXPECT_EQ(left.size(), 4u);
  EXPECT_THAT(left, testing::Contains("ckpt.tmp-mine"));
  EXPECT_THAT(left, testing::Contains("l.tmp-0123456789abcdef"));
  EXPECT_THAT(left, testing::Contains(FileName(live.path)));
}

TEST(PosixFileTest, MakesAllMissingDirectories) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(MakeDirectories(directory.File("a/b/c/")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory.File("a/b/c")));
  EXPECT_TRUE(MakeDirectories(directory.File("a/b/c")).ok());
  WriteFileForTest(directory.File("f"), "x");
  EXPECT_FALSE(MakeDirectories(directory.File("f")).ok());
  EXPECT_FALSE(MakeDirectories(directory.File("f/g")).ok());
}

}  // namespace
}  // namespace hydra
