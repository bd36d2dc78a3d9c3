// Texts to shards: any cut into shards gives the same tokens and batches, JSON documents, sources,
// pipes, and epochs that see every window once.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/data/batches.h"
#include "runtime/data/dataset.h"
#include "runtime/data/shard_writer.h"
#include "runtime/data/tokenizer.h"
#include "runtime/data/tokenizer/bpe_trainer.h"
#include "runtime/data/tokenizer/tokenizer_json.h"
#include "runtime/io/json_file.h"
#include "tests/data/temporary_directory.h"
#include "tests/data/tokenizer_cases.h"

namespace hydra::data {
namespace {

using ::testing::HasSubstr;

std::vector<int32_t> All(const TokenShards& shards) {
  std::vector<int32_t> ids(shards.size());
  EXPECT_TRUE(shards.Read(0, absl::MakeSpan(ids)).ok());
  return ids;
}

std::string SomeText() {
  std::string text;
  for (int i = 0; i < 400; ++i) absl::StrAppend(&text, "line ", i, " of the text\n");
  return text;
}

TEST(Shards, TheCutChangesNoTokenAndNoBatch) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", SomeText());
  WriteFile(directory / "b.txt", "second source " + SomeText());
  TextOptions options;
  options.files = {directory / "a.txt", directory / "b.txt"};
  options.out = directory / "one";
  options.validation_fraction = 0.1;
  ASSERT_TRUE(PrepareText(options).ok());
  const Dataset one = *Dataset::Open(options.out);
  EXPECT_EQ(one.train().files().size(), 1u);
  for (const uint64_t size : {1000u, 7u * 211u, 4096u}) {
    options.out = directory / absl::StrCat("cut", size);
    options.shard_tokens = size;
    const auto summary = PrepareText(options);
    ASSERT_TRUE(summary.ok()) << summary.status();
    const Dataset cut = *Dataset::Open(options.out);
    EXPECT_GT(cut.train().files().size(), 2u);
    EXPECT_EQ(All(cut.train()), All(one.train()));
    EXPECT_EQ(All(*cut.validation()), All(*one.validation()));
    for (const DataOrder order : {DataOrder::kRandom, DataOrder::kEpochs}) {
      const auto whole = TrainingBatches::Create(one.train(), 2, 32, 5, {.order = order});
      const auto parts = TrainingBatches::Create(cut.train(), 2, 32, 5, {.order = order});
      std::vector<int32_t> a(64), b(64), targets(64);
      for (int step = 0; step < 50; ++step) {
        parts->Prefetch(step);
        ASSERT_TRUE(whole->Fill(step, 0, absl::MakeSpan(a), absl::MakeSpan(targets)).ok());
        ASSERT_TRUE(parts->Fill(step, 0, absl::MakeSpan(b), absl::MakeSpan(targets)).ok());
        ASSERT_EQ(a, b);
      }
    }
  }
}

TEST(Shards, SayWhereTheirTokensComeFrom) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", std::string(70, 'a'));
  WriteFile(directory / "b.txt", std::string(50, 'b'));
  TextOptions options;
  options.files = {directory / "a.txt", directory / "b.txt"};
  options.out = directory / "out";
  options.validation_fraction = 0.25;  // 30 of 120
  options.shard_tokens = 40;
  ASSERT_TRUE(PrepareText(options).ok());
  const std::string description = ReadFile(options.out + "/data.json");
  const auto document = JsonDocument::Parse(description, "data.json");
  ASSERT_TRUE(document.ok());
  const auto sources = [&](const char* part) {
    std::vector<std::vector<uint64_t>> found;
    const auto shards = document->root().Get(part)->Array();
    for (const JsonView& shard : *shards) {
      std::vector<uint64_t>& row = found.emplace_back();
      const auto list = shard.Get("sources")->Array();
      for (const JsonView& source : *list) {
        row.push_back(*source.Get("source")->Uint());
        row.push_back(*source.Get("tokens")->Uint());
      }
    }
    return found;
  };
  using Rows = std::vector<std::vector<uint64_t>>;
  EXPECT_EQ(sources("train"), (Rows{{0, 40}, {0, 30, 1, 10}, {1, 10}}));
  EXPECT_EQ(sources("validation"), (Rows{{1, 30}}));
  EXPECT_THAT(description, HasSubstr("\"a.txt\""));
  EXPECT_TRUE(IsShardName("train-00001.tokens"));
  EXPECT_TRUE(IsShardName("validation.tokens"));
  EXPECT_FALSE(IsShardName("train-x.tokens"));
  EXPECT_FALSE(IsShardName("notes.tokens"));
}

// The first version had one file per part and described it without a list.
TEST(Shards, DirectoriesOfTheFirstVersionAreRead) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", SomeText());
  const TextOptions options{.files = {directory / "a.txt"}, .out = directory / "out"};
  ASSERT_TRUE(PrepareText(options).ok());
  const Dataset now = *Dataset::Open(options.out);
  const auto part = [](const TokenShards& shards) {
    return absl::StrCat("{\"tokens\": ", shards.size(), ", \"hash\": \"",
                        shards.files()[0].hash().ToHex(), "\"}");
  };
  WriteFile(
      options.out + "/data.json",
      absl::StrCat("{\"format\": \"hydra-data-1\", \"tokenizer\": \"byte\", \"vocab_size\": 256, ",
                   "\"train\": ", part(now.train()), ", \"validation\": ", part(*now.validation()),
                   ", \"sources\": []}"));
  const auto old = Dataset::Open(options.out);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(old->fingerprint(), now.fingerprint());
}

TEST(Jsonl, DocumentsEndWithTheTokenizersEnd) {
  TemporaryDirectory directory;
  WriteFile(directory / "d.jsonl",
            "{\"text\": \"one\\u00e9\", \"id\": 1}\n\n{\"id\": 2, \"text\": \"\"}\r\n{\"text\": "
            "\"two\"}");
  TextOptions options{.format = TextFormat::kJsonl,
                      .files = {directory / "d.jsonl"},
                      .out = directory / "out",
                      .validation_fraction = 0};
  const auto summary = PrepareText(options);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->documents, 3u);
  const std::vector<int32_t> ids = All(Dataset::Open(options.out)->train());
  EXPECT_EQ(std::string(ids.begin(), ids.end()), "one\xC3\xA9\n\ntwo\n");
  options.out = directory / "gpt2";
  options.tokenizer = TokenizerCasePath("gpt2-tokenizer.json");
  ASSERT_TRUE(PrepareText(options).ok());
  const auto dataset = Dataset::Open(options.out);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(All(dataset->train()), (std::vector<int32_t>{505, 2634, 50256, 50256, 11545, 50256}));
  EXPECT_EQ(dataset->tokenizer(), "tokenizer.json");
  EXPECT_EQ(dataset->tokenizer_contents(), ReadFile(options.tokenizer));
  // Its tokenizer is the directory's own.
  WriteFile(options.out + "/tokenizer.json", "{}");
  EXPECT_EQ(KindOf(Dataset::Open(options.out).status()), ErrorKind::kInput);
}

TEST(Jsonl, NamesTheLine) {
  TemporaryDirectory directory;
  const struct {
    const char* text;
    const char* message;
  } cases[] = {{"{\"text\": \"a\"}\nno\n", "d.jsonl:2:2: "},
               {"{\"text\": 3}\n", "expected a string"},
               {"{\"body\": \"a\"}\n", "text"},
               {"[1]\n", "an object"},
               {"{\"text\": \"\xFF\"}", "d.jsonl:1:11: "},
               {"{\"text\": \"a\"", "d.jsonl:1:"}};
  for (const auto& [text, message] : cases) {
    WriteFile(directory / "d.jsonl", text);
    const absl::Status status = PrepareText({.format = TextFormat::kJsonl,
                                             .files = {directory / "d.jsonl"},
                                             .out = directory / "out"})
                                    .status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInput);
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("d.jsonl"));
    EXPECT_FALSE(std::filesystem::exists(directory / "out"));
  }
}

TEST(TextSources, PipesAreRead) {
  TemporaryDirectory directory;
  WriteFile(directory / "a.txt", SomeText());
  ASSERT_TRUE(PrepareText({.files = {directory / "a.txt"}, .out = directory / "file"}).ok());
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  std::thread writer([&] { WriteFile(directory / "pipe", SomeText()); });
  const auto summary = PrepareText({.files = {directory / "pipe"}, .out = directory / "piped"});
  writer.join();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->fingerprint, Dataset::Open(directory / "file")->fingerprint());
  EXPECT_EQ(KindOf(PrepareText({.files = {directory.path()}, .out = directory / "x"}).status()),
            ErrorKind::kInput);
}

TEST(Epochs, EveryWindowOnceAndAnotherOrderEachTime) {
  TemporaryDirectory directory;
  std::vector<int32_t> tokens(1001);
  std::iota(tokens.begin(), tokens.end(), 0);
  ASSERT_TRUE(WriteTokenFile(directory / "a.tokens", tokens, 2000).ok());
  const TokenShards shards = TokenShards::Of(*TokenFile::Open(directory / "a.tokens"));
  // 100 windows; 2 micro-batches of 5: 10 steps are an epoch.
  const TrainingOptions options{.order = DataOrder::kEpochs, .micro_batches = 2};
  TrainingBatches batches = *TrainingBatches::Create(shards, 5, 10, 3, options);
  std::vector<std::vector<uint64_t>> epochs;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<uint64_t>& starts = epochs.emplace_back();
    for (int step = 0; step < 10; ++step) {
      for (int micro = 0; micro < 2; ++micro) {
        for (int row = 0; row < 5; ++row) {
          starts.push_back(batches.WindowStart(epoch * 10 + step, micro, row));
        }
      }
    }
    const std::set<uint64_t> distinct(starts.begin(), starts.end());
    EXPECT_EQ(distinct.size(), 100u);
    for (const uint64_t start : distinct) EXPECT_EQ(start % 10, 0u);
    EXPECT_FALSE(std::is_sorted(starts.begin(), starts.end()));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  // A run that goes on with other micro-batches sees the rest of the epoch.
  TrainingBatches resumed =
      *TrainingBatches::Create(shards, 5, 10, 3, {.order = DataOrder::kEpochs, .micro_batches = 4});
  resumed.StartAt(6, 60);
  EXPECT_EQ(resumed.WindowStart(6, 0, 0), epochs[0][60]);
  EXPECT_EQ(resumed.WindowStart(7, 3, 4), epochs[0][99]);
  EXPECT_EQ(resumed.WindowStart(8, 0, 0), epochs[1][0]);
}

TEST(BpeTrainer, MergesTheMostFrequentPairs) {
  WordCounter counter;
  ASSERT_TRUE(counter.Append("aab aab aab abab ab").ok());
  ASSERT_TRUE(counter.Finish().ok());
  EXPECT_EQ(counter.counts().at(" aab"), 2u);
  const BpeTable table = TrainBpe(counter.counts(), 300);
  // ab occurs 6 times; then " a" and "aab" 3 times, the pair of smaller ids first.
  using Merge = std::pair<std::string, std::string>;
  ASSERT_GE(table.merges.size(), 2u);
  EXPECT_EQ(table.merges[0], Merge("a", "b"));
  EXPECT_EQ(table.merges[1], Merge("a", "ab"));
  EXPECT_EQ(table.tokens.size(), 256 + table.merges.size());
  EXPECT_EQ(table.tokens[0].first, "!");
  const std::string file = TokenizerJsonText(table, {});
  const auto tokenizer = ParseTokenizer(kTokenizerJson, file, "trained");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto ids = (*tokenizer)->Encode("aab ab");
  EXPECT_EQ(*(*tokenizer)->Decode(*ids), "aab ab");
  EXPECT_LT(ids->size(), 6u);
  // However the counts are ordered.
  EXPECT_EQ(TokenizerJsonText(TrainBpe(counter.counts(), 300), {}), file);
  EXPECT_EQ(TrainBpe(counter.counts(), 257).tokens.size(), 257u);
  EXPECT_EQ(TrainBpe({}, 300).tokens.size(), 256u);
}

}  // namespace
}  // namespace hydra::data
