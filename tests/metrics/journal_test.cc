// The journal: one object per line, nothing ever changed; and sets of steps.
#include "runtime/metrics/journal.h"

#include <limits>

#include "runtime/metrics/step_ranges.h"
#include "tests/metrics/metrics_fixture.h"

namespace hydra::metrics {
namespace {

using testing::HasSubstr;

using JournalTest = MetricsTest;

TEST_F(JournalTest, WritesOneObjectPerLine) {
  Journal journal(Path("steps.jsonl"), Info(0));
  StepRow row = Step(1, 2);
  row.grad_norm = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(journal.Write({row, EvaluationRow{.step = 1, .data = "validation", .loss = 3}}).ok());
  const std::vector<std::string> lines = Lines("steps.jsonl");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("\"event\":\"start\",\"step\":0"));
  EXPECT_THAT(lines[1], HasSubstr("\"event\":\"step\",\"step\":1"));
  EXPECT_THAT(lines[1], HasSubstr("\"loss\":{\"total\":3.0,\"ce\":2.0"));
  EXPECT_THAT(lines[1], HasSubstr("\"grad_norm\":null"));
  EXPECT_THAT(lines[1], HasSubstr("\"routing\":{\"mor.1\":[16,9]}"));
  EXPECT_THAT(lines[1], HasSubstr("\"record\":{\"clip_limit\":50.0,\"histogram\":[0.25,0.75]}"));
  EXPECT_THAT(lines[2], HasSubstr("\"event\":\"evaluation\""));
}

// A run that diverged, and was begun again: what it did must still be there.
TEST_F(JournalTest, KeepsWhatEarlierAttemptsWrote) {
  ASSERT_TRUE(Journal(Path("steps.jsonl"), Info(0)).Write({Step(1, 1), Step(2, 1e9)}).ok());
  std::ofstream(Path("steps.jsonl"), std::ios::app) << "{\"event\":\"step\",\"st";  // a crash
  ASSERT_TRUE(Journal(Path("steps.jsonl"), Info(1)).Write({Step(2, 9)}).ok());
  const std::vector<std::string> lines = Lines("steps.jsonl");
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_THAT(lines[2], HasSubstr("\"ce\":1000000000.0"));
  EXPECT_THAT(lines[4], HasSubstr("\"event\":\"start\",\"step\":1"));
  EXPECT_THAT(lines[5], HasSubstr("\"ce\":9.0"));
}

TEST_F(JournalTest, ADeletedJournalIsBegunAnew) {
  Journal journal(Path("steps.jsonl"), Info(0));
  ASSERT_TRUE(journal.Write({Step(1, 1)}).ok());
  EXPECT_FALSE(journal.TakeLoss());
  std::filesystem::remove(Path("steps.jsonl"));
  ASSERT_TRUE(journal.Write({Step(2, 1)}).ok());
  EXPECT_THAT(journal.TakeLoss().value_or(""), HasSubstr("deleted"));
  EXPECT_EQ(Lines("steps.jsonl").size(), 2u);
  std::filesystem::resize_file(Path("steps.jsonl"), 5);
  ASSERT_TRUE(journal.Write({Step(3, 1)}).ok());
  EXPECT_THAT(journal.TakeLoss().value_or(""), HasSubstr("cut"));
  EXPECT_THAT(Lines("steps.jsonl").back(), HasSubstr("\"step\":3"));
}

TEST(StepRangesTest, JoinsWhatTouches) {
  StepRanges ranges;
  EXPECT_TRUE(ranges.empty());
  for (const int64_t step : {5, 3, 9, 4, 20}) ranges.Add(step);
  EXPECT_EQ(ranges.Text(), "3-5, 9, 20");
  ranges.Add(6, 8);
  ranges.Add(10, 9);
  EXPECT_EQ(ranges.Text(), "3-9, 20");
  EXPECT_EQ(ranges.count(), 8);
  StepRanges other;
  other.Add(1, 100);
  ranges.Add(other);
  EXPECT_EQ(ranges.Text(), "1-100");
  for (int64_t step = 200; step < 240; step += 2) ranges.Add(step);
  EXPECT_EQ(ranges.Text(), "1-100, 200, 202, 204, 206, 208, 210, ... 238 (21 ranges)");
}

}  // namespace
}  // namespace hydra::metrics
