// Token files: round trip, every flipped bit and truncation refused.
#include "runtime/data/token_file.h"

#include <filesystem>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "tests/data/temporary_directory.h"

namespace hydra::data {
namespace {

std::vector<int32_t> ReadAll(const TokenFile& file) {
  std::vector<int32_t> tokens(file.size());
  EXPECT_TRUE(file.Read(0, absl::MakeSpan(tokens)).ok());
  return tokens;
}

TEST(TokenFile, RoundTripInEveryWidth) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.tokens";
  for (const auto& [vocab, width] :
       std::vector<std::pair<int64_t, uint32_t>>{{256, 1}, {257, 2}, {65536, 2}, {65537, 4}}) {
    const std::vector<int32_t> tokens = {0, static_cast<int32_t>(vocab - 1), 7, 0, 255};
    ASSERT_TRUE(WriteTokenFile(path, tokens, vocab).ok());
    absl::StatusOr<TokenFile> file = TokenFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->token_width(), width);
    EXPECT_EQ(file->vocab_size(), vocab);
    EXPECT_EQ(ReadAll(*file), tokens);
    EXPECT_EQ(ReadFile(path).size(), kTokenFileHeaderBytes + tokens.size() * width);
  }
}

TEST(TokenFile, EmptyFileIsValid) {
  TemporaryDirectory directory;
  ASSERT_TRUE(WriteTokenFile(directory / "a.tokens", {}, 256).ok());
  absl::StatusOr<TokenFile> file = TokenFile::Open(directory / "a.tokens");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), 0u);
}

TEST(TokenFile, RefusesIdsOutsideTheVocabulary) {
  TemporaryDirectory directory;
  const absl::Status status = WriteTokenFile(directory / "a.tokens", {1, 2, 10}, 10);
  EXPECT_EQ(KindOf(status), ErrorKind::kFailure);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("token 2 has id 10"));
  EXPECT_FALSE(WriteTokenFile(directory / "a.tokens", {-1}, 10).ok());
}

// Open, and the look at every id that Open leaves out.
absl::Status OpenAndVerify(const std::string& path) {
  HYDRA_ASSIGN_OR_RETURN(const TokenFile file, TokenFile::Open(path));
  return file.Verify();
}

TEST(TokenFile, EveryFlippedBitIsFound) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.tokens";
  ASSERT_TRUE(WriteTokenFile(path, {1, 2, 3, 4, 5}, 300).ok());
  const std::string good = ReadFile(path);
  EXPECT_TRUE(OpenAndVerify(path).ok());
  for (size_t byte = 0; byte < good.size(); ++byte) {
    // Bytes 48 to 55 are reserved, and the header's hash covers them too.
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[byte] = static_cast<char>(bad[byte] ^ (1 << bit));
      WriteFile(path, bad);
      EXPECT_EQ(KindOf(OpenAndVerify(path)), ErrorKind::kInput)
          << "byte " << byte << " bit " << bit;
    }
  }
}

TEST(TokenFile, OpeningReadsTheHeaderOnly) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.tokens";
  ASSERT_TRUE(WriteTokenFile(path, std::vector<int32_t>(1000, 7), 300).ok());
  std::string bad = ReadFile(path);
  bad[kTokenFileHeaderBytes + 2 * 500 + 1] = 2;  // token 500 becomes 519
  WriteFile(path, bad);
  const absl::StatusOr<TokenFile> file = TokenFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  // An id that the model has no row for is found by whoever reads it.
  std::vector<int32_t> ids(500);
  EXPECT_TRUE(file->Read(0, absl::MakeSpan(ids)).ok());
  const absl::Status status = file->Read(1, absl::MakeSpan(ids));
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("token 500 at byte 1064 has id 519"));
}

TEST(TokenFile, AFileThatShrinksIsAnErrorNotACrash) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.tokens";
  ASSERT_TRUE(WriteTokenFile(path, std::vector<int32_t>(100000, 7), 256).ok());
  const absl::StatusOr<TokenFile> file = TokenFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  std::filesystem::resize_file(path, 9000);
  std::vector<int32_t> ids(100);
  EXPECT_TRUE(file->Read(0, absl::MakeSpan(ids)).ok());
  const absl::Status status = file->Read(50000, absl::MakeSpan(ids));
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("shortened"));
}

TEST(TokenFile, EveryTruncationIsRefused) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.tokens";
  ASSERT_TRUE(WriteTokenFile(path, {1, 2, 3, 4, 5}, 300).ok());
  const std::string good = ReadFile(path);
  for (size_t size = 0; size < good.size(); ++size) {
    WriteFile(path, good.substr(0, size));
    EXPECT_EQ(KindOf(TokenFile::Open(path).status()), ErrorKind::kInput) << size;
  }
  WriteFile(path, good + "x");
  EXPECT_EQ(KindOf(TokenFile::Open(path).status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(TokenFile::Open(directory / "none").status()), ErrorKind::kInput);
}

}  // namespace
}  // namespace hydra::data
