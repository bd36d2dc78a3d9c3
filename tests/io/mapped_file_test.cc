// Mapped files: contents, emptiness, moving, refusals.
#include "runtime/io/mapped_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/io/posix_file.h"
#include "tests/io/temporary_directory.h"

namespace hydra {
namespace {

std::string Text(const MappedFile& file) {
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

TEST(MappedFileTest, MapsContentsAndMoves) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("f");
  WriteFileForTest(path, "contents");
  absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  const uint8_t* address = file->bytes().data();
  MappedFile moved = *std::move(file);
  EXPECT_EQ(moved.bytes().data(), address);
  EXPECT_EQ(Text(moved), "contents");
  MappedFile other;
  other = std::move(moved);
  EXPECT_EQ(Text(other), "contents");
}

TEST(MappedFileTest, EmptyFile) {
  const TemporaryDirectory directory;
  WriteFileForTest(directory.File("empty"), "");
  const absl::StatusOr<MappedFile> file = MappedFile::Open(directory.File("empty"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFileTest, RefusesWhatIsNoFile) {
  const TemporaryDirectory directory;
  const absl::Status missing = MappedFile::Open(directory.File("missing")).status();
  EXPECT_EQ(KindOf(missing), ErrorKind::kInput);
  EXPECT_NE(missing.message().find("missing: cannot open: No such file"), std::string::npos)
      << missing;
  EXPECT_EQ(KindOf(MappedFile::Open(directory.path()).status()), ErrorKind::kInput);
  // A FIFO without a writer must be refused, not waited for.
  ASSERT_EQ(::mkfifo(directory.File("fifo").c_str(), 0600), 0);
  EXPECT_EQ(KindOf(MappedFile::Open(directory.File("fifo")).status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(ReadWholeFile(directory.File("fifo"), 100).status()), ErrorKind::kInput);
}

TEST(PosixFileTest, ReadWholeFileHonoursItsLimit) {
  const TemporaryDirectory directory;
  WriteFileForTest(directory.File("f"), "12345");
  EXPECT_EQ(ReadWholeFile(directory.File("f"), 5).value(), "12345");
  EXPECT_EQ(KindOf(ReadWholeFile(directory.File("f"), 4).status()), ErrorKind::kInput);
}

TEST(PosixFileTest, ParentDirectory) {
  EXPECT_EQ(ParentDirectory("a/b"), "a");
  EXPECT_EQ(ParentDirectory("a/b/"), "a");
  EXPECT_EQ(ParentDirectory("b"), ".");
  EXPECT_EQ(ParentDirectory("/b"), "/");
  EXPECT_EQ(ParentDirectory("/a//b"), "/a");
  EXPECT_EQ(ParentDirectory("/"), "/");
}

TEST(PosixFileTest, FileName) {
  EXPECT_EQ(FileName("a/b"), "b");
  EXPECT_EQ(FileName("a/b//"), "b");
  EXPECT_EQ(FileName("b"), "b");
  EXPECT_EQ(FileName("/"), "");
}

TEST(MappedFileTest, AFileThatShrinksIsAnErrorNotACrash) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("f");
  WriteFileForTest(path, std::string(1 << 16, 'x'));
  const absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<uint8_t> bytes(1 << 16);
  EXPECT_TRUE(file->Read(0, absl::MakeSpan(bytes)).ok());
  std::filesystem::resize_file(path, 5000);
  const absl::Status status = file->Read(0, absl::MakeSpan(bytes));
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_NE(status.message().find("ends at byte 5000"), std::string::npos) << status;
}

}  // namespace
}  // namespace hydra
