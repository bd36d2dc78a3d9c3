// Which records a host decision may see.
#include "runtime/train/records.h"

#include <cmath>

#include "gtest/gtest.h"
#include "runtime/base/status.h"

namespace hydra::train {
namespace {

TEST(StepRecords, DecisionsSeeExactlyTheLaggedStep) {
  StepRecords records = *StepRecords::Create(3);
  for (int64_t step = 0; step < 10; ++step) {
    const StepRecord* visible = records.VisibleAt(step);
    if (step < 3) {
      EXPECT_EQ(visible, nullptr);
    } else {
      ASSERT_NE(visible, nullptr);
      EXPECT_EQ(visible->step, step - 3);
    }
    records.Push({.step = step, .loss = 1, .ce = 1, .grad_norm = 1});
  }
}

TEST(LossAverages, StartWithTheFirstValue) {
  LossAverages averages;
  averages.Push({.step = 0, .loss = 4, .ce = 2, .grad_norm = 1});
  EXPECT_DOUBLE_EQ(averages.loss(), 4);
  averages.Push({.step = 1, .loss = 2, .ce = 2, .grad_norm = 1});
  EXPECT_DOUBLE_EQ(averages.loss(), 0.95 * 4 + 0.05 * 2);
  EXPECT_DOUBLE_EQ(averages.ce(), 2);
}

TEST(StepRecords, NonFiniteIsANumericalFailure) {
  EXPECT_TRUE(CheckFinite({.step = 0, .loss = 1, .ce = 1, .grad_norm = 1}).ok());
  EXPECT_EQ(ExitCodeFor(CheckFinite({.step = 3, .loss = 1, .ce = 1, .grad_norm = INFINITY})), 5);
  EXPECT_EQ(ExitCodeFor(CheckFinite({.step = 3, .loss = NAN, .ce = 1, .grad_norm = 1})), 5);
}

absl::Status Restore(StepRecords& records, const char* text) {
  return records.Restore(JsonDocument::Parse(text, "text")->root(), 1);
}

TEST(StepRecords, RestoreChecksTheOrder) {
  StepRecords records = *StepRecords::Create(2);
  for (const int64_t step : {4, 5, 6}) records.Push({step, 0.1, 1e-300, 3});
  const JsonValue saved = records.Save();
  StepRecords again = *StepRecords::Create(2);
  ASSERT_TRUE(Restore(again, saved.Dump().c_str()).ok());
  EXPECT_EQ(again.records(), records.records());
  // Of a longer lag's records the last ones stay; of a shorter one's there are fewer.
  StepRecords shorter = *StepRecords::Create(1), longer = *StepRecords::Create(4);
  ASSERT_TRUE(Restore(shorter, saved.Dump().c_str()).ok());
  ASSERT_EQ(shorter.records().size(), 1u);
  EXPECT_EQ(shorter.records()[0].step, 6);
  ASSERT_TRUE(Restore(longer, saved.Dump().c_str()).ok());
  EXPECT_EQ(longer.records(), records.records());
  EXPECT_EQ(longer.lag(), 4);
  EXPECT_EQ(KindOf(Restore(records, R"({"last": [{"step": 4, "loss": 1, "ce": 1, "grad_norm": 1},
                                                 {"step": 6, "loss": 1, "ce": 1, "grad_norm": 1}]})")),
            ErrorKind::kInput);
  EXPECT_EQ(KindOf(StepRecords::Create(0).status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace hydra::train
