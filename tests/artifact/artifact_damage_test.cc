// Damage: truncation anywhere, any flipped bit, appended bytes. Each must be refused, and none may
// crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <thread>

#include "runtime/artifact/artifact.h"
#include "runtime/artifact/format.h"
#include "runtime/base/status.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra::artifact {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> SampleFile() {
  const ArtifactInfo info = testing::EverythingInfo({"x86-64-v3"});
  return testing::BuildArtifact(info, testing::SampleSections(info));
}

// No artifact that is not the original may be accepted: every byte is under a hash or fixed.
void ExpectRefused(const std::vector<uint8_t>& bytes, const std::string& what) {
  const auto opened = Artifact::FromMemory(bytes, "damaged");
  ASSERT_FALSE(opened.ok()) << what;
  ASSERT_EQ(KindOf(opened.status()), ErrorKind::kInput) << what;
  ASSERT_THAT(std::string(opened.status().message()), HasSubstr("byte ")) << what;
}

TEST(ArtifactDamageTest, EveryTruncationIsRefused) {
  const std::vector<uint8_t> file = SampleFile();
  for (size_t size = 0; size < file.size(); ++size) {
    ExpectRefused(std::vector<uint8_t>(file.begin(), file.begin() + static_cast<ptrdiff_t>(size)),
                  "truncated to " + std::to_string(size));
  }
}

TEST(ArtifactDamageTest, EveryFlippedBitIsRefused) {
  std::vector<uint8_t> file = SampleFile();
  for (size_t i = 0; i < file.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      // Runs of padding: one bit per byte is enough.
      if (file[i] == 0 && bit != static_cast<int>(i % 8)) continue;
      file[i] ^= static_cast<uint8_t>(1 << bit);
      ExpectRefused(file, "byte " + std::to_string(i) + " bit " + std::to_string(bit));
      file[i] ^= static_cast<uint8_t>(1 << bit);
    }
  }
}

// The same through files, at the borders of the parts.
TEST(ArtifactDamageTest, TruncatedFilesAreRefused) {
  const std::vector<uint8_t> file = SampleFile();
  for (size_t size : {size_t{0}, size_t{1}, size_t{31}, size_t{32}, size_t{4095}, size_t{4096},
                      file.size() - 1}) {
    const std::vector<uint8_t> part(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    const auto opened = Artifact::Open(testing::WriteTestFile("truncated.hydra", part));
    EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput) << size;
  }
}

// What was opened stays what it was, and reading a page that is gone would end the program.
TEST(ArtifactDamageTest, AFileThatShrinksAfterOpeningChangesNothing) {
  const std::vector<uint8_t> file = SampleFile();
  const std::string path = testing::WriteTestFile("shrinks.hydra", file);
  const auto opened = Artifact::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  std::filesystem::resize_file(path, 40);
  const SectionInfo& last = (*opened)->info().sections.back();
  const absl::Span<const uint8_t> bytes = (*opened)->Bytes(last);
  EXPECT_TRUE(
      std::equal(bytes.begin(), bytes.end(), file.begin() + static_cast<ptrdiff_t>(last.offset)));
}

// Another program writes the file while it is opened: whole or refused, never a crash.
TEST(ArtifactDamageTest, AFileThatShrinksWhileItIsOpenedIsRefused) {
  const std::vector<uint8_t> file = SampleFile();
  const std::string path = testing::WriteTestFile("shrinking.hydra", file);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (!done) {
      std::filesystem::resize_file(path, 40);
      testing::WriteTestFile("shrinking.hydra", file);
    }
  });
  int refused = 0;
  // At least until the writer has had its turn.
  for (int i = 0; i < 300 || refused == 0; ++i) {
    const auto opened = Artifact::Open(path);
    if (opened.ok()) continue;
    ++refused;
    EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput) << opened.status();
  }
  done = true;
  writer.join();
}

TEST(ArtifactDamageTest, AppendedBytesAreRefused) {
  std::vector<uint8_t> file = SampleFile();
  file.push_back(0);
  ExpectRefused(file, "one byte appended");
}

TEST(ArtifactDamageTest, MessagesSayWhereAndWhat) {
  std::vector<uint8_t> file = SampleFile();
  file[8] = 9;
  const auto version = Artifact::Open(testing::WriteTestFile("version.hydra", file));
  EXPECT_THAT(std::string(version.status().message()),
              HasSubstr("byte 8: expected header version 1, found 9"));
  file = SampleFile();
  file.back() ^= 1;
  const auto section = Artifact::Open(testing::WriteTestFile("section.hydra", file));
  EXPECT_THAT(std::string(section.status().message()), HasSubstr("section spec 'model.mlir'"));
  const auto text = Artifact::Open(
      testing::WriteTestFile("text.hydra", std::vector<uint8_t>(100, static_cast<uint8_t>('x'))));
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("expected the mark 'HYDRAART'"));
}

// The flatbuffer itself is damaged and rehashed: structure checks alone must keep the reader safe.
TEST(ArtifactDamageTest, RehashedDamageNeverCrashes) {
  const std::vector<uint8_t> good = SampleFile();
  uint64_t length = 0;
  std::memcpy(&length, good.data() + 16, sizeof(length));
  std::vector<uint8_t> description(good.begin() + 32,
                                   good.begin() + 32 + static_cast<ptrdiff_t>(length));
  int accepted = 0;
  for (size_t i = 0; i < description.size(); ++i) {
    std::vector<uint8_t> file = good;
    file[32 + i] ^= static_cast<uint8_t>(1 << (i * 5 % 8));
    const uint64_t hash = testing::DescriptionHash(std::vector<uint8_t>(
        file.begin() + 32, file.begin() + 32 + static_cast<ptrdiff_t>(length)));
    std::memcpy(file.data() + 24, &hash, sizeof(hash));
    const auto opened = Artifact::FromMemory(file, "rehashed");
    if (opened.ok()) {
      ++accepted;  // a changed name or number that breaks no rule
    } else {
      EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput) << opened.status();
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, static_cast<int>(description.size()));
}

}  // namespace
}  // namespace hydra::artifact
