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

TEST(StepRecords, AveragesStartWithTheFirstValue) {
  StepRecords records = *StepRecords::Create(1);
  records.Push({.step = 0, .loss = 4, .ce = 2, .grad_norm = 1});
  EXPECT_DOUBLE_EQ(records.loss_ema(), 4);
  records.Push({.step = 1, .loss = 2, .ce = 2, .grad_norm = 1});
  EXPECT_DOUBLE_EQ(records.loss_ema(), 0.95 * 4 + 0.05 * 2);
  EXPECT_DOUBLE_EQ(records.ce_ema(), 2);
}

TEST(StepRecords, NonFiniteIsANumericalFailure) {
  EXPECT_TRUE(CheckFinite({.step = 0, .loss = 1, .ce = 1, .grad_norm = 1}).ok());
  EXPECT_EQ(ExitCodeFor(CheckFinite({.step = 3, .loss = 1, .ce = 1, .grad_norm = INFINITY})), 5);
  EXPECT_EQ(ExitCodeFor(CheckFinite({.step = 3, .loss = NAN, .ce = 1, .grad_norm = 1})), 5);
}

TEST(StepRecords, RestoreChecksTheOrder) {
  EXPECT_TRUE(StepRecords::Restore(2, {{4, 1, 1, 1}, {5, 1, 1, 1}}, 1, 1).ok());
  EXPECT_EQ(KindOf(StepRecords::Restore(2, {{4, 1, 1, 1}, {6, 1, 1, 1}}, 1, 1).status()),
            ErrorKind::kInput);
  EXPECT_EQ(KindOf(StepRecords::Create(0).status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace hydra::train
