// Tokenizers and data directories: split, fingerprint, damage.
#include "runtime/data/dataset.h"

#include <filesystem>
#include <iterator>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/data/tokenizer.h"
#include "tests/data/temporary_directory.h"

namespace hydra::data {
namespace {

using testing::HasSubstr;

TEST(Tokenizer, BytesRoundTrip) {
  auto tokenizer = MakeTokenizer("byte");
  ASSERT_TRUE(tokenizer.ok());
  std::string text;
  for (int i = 0; i < 256; ++i) text.push_back(static_cast<char>(i));
  auto tokens = (*tokenizer)->Encode(text);
  ASSERT_TRUE(tokens.ok());
  EXPECT_EQ((*tokens)[200], 200);
  EXPECT_EQ(*(*tokenizer)->Decode(*tokens), text);
  EXPECT_EQ(KindOf((*tokenizer)->Decode({256}).status()), ErrorKind::kFailure);
  EXPECT_THAT(std::string(MakeTokenizer("bytes").status().message()), HasSubstr("byte"));
}

TEST(Dataset, SplitsByPosition) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", std::string(60, 'a'));
  WriteFile(directory / "b.txt", std::string(40, 'b'));
  absl::StatusOr<TextSummary> summary =
      PrepareText({.files = {directory / "a.txt", directory / "b.txt"},
                   .out = directory / "out",
                   .validation_fraction = 0.25});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->train_tokens, 75u);
  EXPECT_EQ(summary->validation_tokens, 25u);
  absl::StatusOr<Dataset> dataset = Dataset::Open(directory / "out");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->tokenizer(), "byte");
  EXPECT_EQ(dataset->vocab_size(), 256);
  EXPECT_EQ(dataset->fingerprint(), summary->fingerprint);
  std::vector<int32_t> tokens(16);
  ASSERT_TRUE(dataset->train().Read(59, absl::MakeSpan(tokens)).ok());
  EXPECT_EQ(tokens[0], 'a');
  EXPECT_EQ(tokens[1], 'b');
  ASSERT_NE(dataset->validation(), nullptr);
  EXPECT_EQ(dataset->validation()->size(), 25u);
}

TEST(Dataset, EveryTokenHasItsSource) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", std::string(60, 'a'));
  WriteFile(directory / "b.txt", std::string(40, 'b'));
  ASSERT_TRUE(PrepareText({.files = {directory / "a.txt", directory / "b.txt"},
                           .out = directory / "out",
                           .validation_fraction = 0.25,
                           .shard_tokens = 7})
                  .ok());
  const absl::StatusOr<Dataset> dataset = Dataset::Open(directory / "out");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->sources().size(), 2u);
  EXPECT_THAT(dataset->sources()[1], HasSubstr("b.txt"));
  for (const auto& [tokens, map] :
       {std::pair(&dataset->train(), &dataset->train_sources()),
        std::pair(dataset->validation(), &dataset->validation_sources())}) {
    ASSERT_EQ(map->size(), tokens->size());
    std::vector<int32_t> ids(tokens->size());
    ASSERT_TRUE(tokens->Read(0, absl::MakeSpan(ids)).ok());
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(map->At(i), ids[i] == 'a' ? 0u : 1u) << i;
  }
}

TEST(Dataset, SameTextSameBytes) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", "some text to learn from");
  ASSERT_TRUE(PrepareText({.files = {directory / "a.txt"}, .out = directory / "x"}).ok());
  ASSERT_TRUE(PrepareText({.files = {directory / "a.txt"}, .out = directory / "y"}).ok());
  for (const char* name : {"data.json", "train.tokens"}) {
    EXPECT_EQ(ReadFile(directory / "x" + "/" + name), ReadFile(directory / "y" + "/" + name));
  }
}

TEST(Dataset, NothingIsReplacedBySurprise) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", std::string(100, 'a'));
  WriteFile(directory / "b.txt", std::string(100, 'b'));
  const std::string out = directory / "new/out";
  ASSERT_TRUE(PrepareText({.files = {directory / "a.txt"}, .out = out}).ok());
  const std::string train = ReadFile(out + "/train.tokens");
  const TextOptions again{.files = {directory / "b.txt"}, .out = out, .validation_fraction = 0};
  EXPECT_EQ(KindOf(PrepareText(again).status()), ErrorKind::kUsage);
  EXPECT_EQ(ReadFile(out + "/train.tokens"), train);
  TextOptions forced = again;
  forced.force = true;
  ASSERT_TRUE(PrepareText(forced).ok());
  // All of it is the new one: there is no held-out part any more.
  EXPECT_EQ(Dataset::Open(out)->validation(), nullptr);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out), {}), 2);
  WriteFile(out + "/notes.txt", "foreign");
  const absl::Status status = PrepareText(forced).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("notes.txt"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory / "new"), {}), 1);
}

TEST(Dataset, RefusesBadOptions) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", "text");
  WriteFile(directory / "empty.txt", "");
  const std::string out = directory / "out";
  EXPECT_EQ(
      KindOf(PrepareText({.files = {directory / "a.txt"}, .out = out, .validation_fraction = 1})
                 .status()),
      ErrorKind::kUsage);
  EXPECT_EQ(KindOf(PrepareText({.files = {directory / "none.txt"}, .out = out}).status()),
            ErrorKind::kInput);
  EXPECT_EQ(KindOf(PrepareText({.files = {directory / "empty.txt"}, .out = out}).status()),
            ErrorKind::kInput);
}

TEST(Dataset, RefusesDamagedDirectories) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", std::string(100, 'a'));
  const std::string out = directory / "out";
  EXPECT_EQ(KindOf(Dataset::Open(out).status()), ErrorKind::kInput);
  ASSERT_TRUE(PrepareText({.files = {directory / "a.txt"}, .out = out}).ok());
  const std::string good = ReadFile(out + "/data.json");

  WriteFile(out + "/data.json", good.substr(0, good.size() / 2));
  EXPECT_EQ(ExitCodeFor(Dataset::Open(out).status()), 3);
  WriteFile(out + "/data.json", "{\"format\": \"hydra-data-9\"}");
  EXPECT_THAT(std::string(Dataset::Open(out).status().message()), HasSubstr("hydra-data-2"));
  WriteFile(out + "/data.json", good);
  ASSERT_TRUE(Dataset::Open(out).ok());

  // A token file that is intact but belongs to another text.
  ASSERT_TRUE(WriteTokenFile(out + "/train.tokens", {1, 2, 3}, 256).ok());
  EXPECT_THAT(std::string(Dataset::Open(out).status().message()), HasSubstr("another file"));
}

}  // namespace
}  // namespace hydra::data
