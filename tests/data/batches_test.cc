// Random training windows and covering evaluation windows.
#include "runtime/data/batches.h"

#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "tests/data/temporary_directory.h"

namespace hydra::data {
namespace {

TokenShards Counting(const TemporaryDirectory& directory, int count) {
  std::vector<int32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), 0);
  const std::string path = directory / "counting.tokens";
  EXPECT_TRUE(WriteTokenFile(path, tokens, 100000).ok());
  return TokenShards::Of(*TokenFile::Open(path));
}

TEST(TrainingBatches, TargetsAreTheNextTokens) {
  TemporaryDirectory directory;
  const TokenShards file = Counting(directory, 1000);
  absl::StatusOr<TrainingBatches> batches = TrainingBatches::Create(file, 3, 8, 1);
  ASSERT_TRUE(batches.ok()) << batches.status();
  std::vector<int32_t> tokens(24), targets(24);
  ASSERT_TRUE(batches->Fill(5, 1, absl::MakeSpan(tokens), absl::MakeSpan(targets)).ok());
  for (int i = 0; i < 24; ++i) EXPECT_EQ(targets[i], tokens[i] + 1);
  for (int row = 0; row < 3; ++row) {
    EXPECT_EQ(tokens[row * 8], static_cast<int32_t>(batches->WindowStart(5, 1, row)));
    EXPECT_EQ(tokens[row * 8 + 7], tokens[row * 8] + 7);
  }
}

TEST(TrainingBatches, FromOneSourceEach) {
  TemporaryDirectory directory;
  const TokenShards file = Counting(directory, 1000);
  const std::vector<SourceRange> sources = {{"a", 0, 600}, {"b", 600, 620}, {"c", 620, 1000}};
  const TrainingOptions options = {
      .order = DataOrder::kSources, .micro_batches = 2, .sources = sources};
  const TrainingBatches batches = *TrainingBatches::Create(file, 3, 8, 1, options);
  std::vector<int> drawn(sources.size());
  for (int step = 0; step < 500; ++step) {
    for (int micro = 0; micro < 2; ++micro) {
      const std::optional<size_t> source = batches.SourceOf(step, micro);
      ASSERT_TRUE(source);
      ++drawn[*source];
      for (int row = 0; row < 3; ++row) {
        const uint64_t start = batches.WindowStart(step, micro, row);
        EXPECT_GE(start, sources[*source].begin);
        EXPECT_LT(start + 8, sources[*source].end);
      }
    }
  }
  // By their windows: 592, 12 and 372.
  EXPECT_NEAR(drawn[0], 607, 60);
  EXPECT_NEAR(drawn[1], 12, 12);
  EXPECT_GT(drawn[1], 0);
  // In any order, where all rows happen to be of one.
  const TrainingBatches random = *TrainingBatches::Create(file, 3, 8, 1, {.sources = sources});
  int single = 0;
  for (int step = 0; step < 500; ++step) single += random.SourceOf(step, 0).has_value();
  EXPECT_GT(single, 50);
  EXPECT_LT(single, 400);
  EXPECT_EQ(KindOf(TrainingBatches::Create(file, 3, 20, 1, options).status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(TrainingBatches::Create(file, 3, 8, 1, {.order = DataOrder::kSources}).status()),
            ErrorKind::kInput);
}

TEST(TrainingBatches, DependOnEveryKeyAndNothingElse) {
  TemporaryDirectory directory;
  const TokenShards file = Counting(directory, 50000);
  const TrainingBatches a = *TrainingBatches::Create(file, 4, 8, 1);
  const TrainingBatches b = *TrainingBatches::Create(file, 4, 8, 2);
  std::set<uint64_t> starts;
  for (int step = 0; step < 4; ++step) {
    for (int micro = 0; micro < 4; ++micro) {
      for (int row = 0; row < 4; ++row) {
        EXPECT_EQ(a.WindowStart(step, micro, row), a.WindowStart(step, micro, row));
        starts.insert(a.WindowStart(step, micro, row));
        starts.insert(b.WindowStart(step, micro, row));
      }
    }
  }
  EXPECT_GT(starts.size(), 120u);
  EXPECT_NE(a.WindowStart(int64_t{1} << 32, 0, 0), a.WindowStart(0, 0, 0));
}

TEST(TrainingBatches, EveryWindowIsReachable) {
  TemporaryDirectory directory;
  const TokenShards file = Counting(directory, 12);
  const TrainingBatches batches = *TrainingBatches::Create(file, 1, 8, 3);
  std::set<uint64_t> starts;
  for (int step = 0; step < 200; ++step) starts.insert(batches.WindowStart(step, 0, 0));
  EXPECT_THAT(starts, testing::ElementsAre(0, 1, 2, 3));
}

TEST(TrainingBatches, RefusesShortFiles) {
  TemporaryDirectory directory;
  const TokenShards file = Counting(directory, 8);
  EXPECT_EQ(KindOf(TrainingBatches::Create(file, 1, 8, 0).status()), ErrorKind::kInput);
  EXPECT_TRUE(TrainingBatches::Create(file, 1, 7, 0).ok());
  EXPECT_EQ(KindOf(TrainingBatches::Create(file, 0, 7, 0).status()), ErrorKind::kUsage);
}

TEST(EvaluationBatches, PredictEveryTokenOnce) {
  TemporaryDirectory directory;
  for (const int count : {2, 8, 9, 10, 17, 40, 41}) {
    const TokenShards file = Counting(directory, count);
    const EvaluationBatches batches = *EvaluationBatches::Create(file, 2, 4);
    std::vector<int32_t> seen;
    int64_t counted = 0;
    for (int64_t i = 0; i < batches.count(); ++i) {
      std::vector<int32_t> tokens(8), targets(8);
      const int64_t valid = *batches.Fill(i, absl::MakeSpan(tokens), absl::MakeSpan(targets));
      EXPECT_GT(valid, 0);
      counted += valid;
      for (int j = 0; j < 8; ++j) {
        if (targets[j] == kIgnoredTarget) continue;
        EXPECT_EQ(targets[j], tokens[j] + 1);
        seen.push_back(targets[j]);
      }
    }
    std::vector<int32_t> expected(count - 1);
    std::iota(expected.begin(), expected.end(), 1);
    EXPECT_EQ(seen, expected) << count;
    EXPECT_EQ(counted, count - 1);
  }
}

TEST(EvaluationBatches, RefusesASingleToken) {
  TemporaryDirectory directory;
  const TokenShards file = Counting(directory, 1);
  EXPECT_EQ(KindOf(EvaluationBatches::Create(file, 2, 4).status()), ErrorKind::kInput);
}

}  // namespace
}  // namespace hydra::data
