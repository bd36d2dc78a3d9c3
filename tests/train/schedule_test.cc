// Learning-rate schedule against the reference values of training.md 7.6.
#include "runtime/train/schedule.h"

#include <cmath>

#include "gtest/gtest.h"
#include "runtime/base/status.h"

namespace hydra::train {
namespace {

Schedule Make(ScheduleOptions options) {
  absl::StatusOr<Schedule> schedule = Schedule::Create(options);
  EXPECT_TRUE(schedule.ok()) << schedule.status();
  return *schedule;
}

// training.md 7.6: the 100M preset over 5000 steps.
TEST(Schedule, ReferenceValues) {
  const double max_lr = 1e-4 / std::sqrt(2.2);
  const Schedule schedule = Make({.steps = 5000, .max_lr = max_lr});
  EXPECT_EQ(schedule.warmup_steps(), 100);
  EXPECT_EQ(schedule.decay_start(), 4265);
  EXPECT_EQ(schedule.decay_steps(), 735);
  EXPECT_NEAR(schedule.LearningRate(0), 2.022600e-5, 1e-11);
  EXPECT_NEAR(schedule.LearningRate(30), 2.090020e-5, 1e-11);
  EXPECT_NEAR(schedule.LearningRate(99), 6.741999e-5, 1e-11);
  EXPECT_NEAR(schedule.LearningRate(4265), 6.741999e-5, 1e-11);
  EXPECT_NEAR(schedule.LearningRate(4632), 4.387342e-5, 1e-11);
  EXPECT_NEAR(schedule.LearningRate(4999), 2.022621e-5, 1e-11);
}

TEST(Schedule, WarmupWithoutFloor) {
  const double max_lr = 1e-4 / std::sqrt(2.2);
  const Schedule schedule = Make({.steps = 5000, .max_lr = max_lr, .floor_warmup = false});
  EXPECT_NEAR(schedule.LearningRate(0), 6.741999e-7, 1e-13);
}

TEST(Schedule, StepsBeyondTheRunKeepTheMinimum) {
  const Schedule schedule = Make({.steps = 1000, .max_lr = 1e-3, .min_lr = 1e-4});
  EXPECT_DOUBLE_EQ(schedule.LearningRate(1000), 1e-4);
  EXPECT_DOUBLE_EQ(schedule.LearningRate(5000), 1e-4);
}

TEST(Schedule, RunsShorterThanTheWarmup) {
  const Schedule schedule = Make({.steps = 10, .max_lr = 1e-3, .min_lr = 0});
  EXPECT_DOUBLE_EQ(schedule.LearningRate(9), 1e-4);
}

TEST(Schedule, RefusesNonsense) {
  EXPECT_EQ(KindOf(Schedule::Create({.steps = 0, .max_lr = 1}).status()), ErrorKind::kUsage);
  EXPECT_EQ(KindOf(Schedule::Create({.steps = 10, .max_lr = -1}).status()), ErrorKind::kUsage);
  EXPECT_EQ(KindOf(Schedule::Create({.steps = 10, .max_lr = std::nan("")}).status()),
            ErrorKind::kUsage);
  EXPECT_EQ(KindOf(Schedule::Create({.steps = 10, .max_lr = 1e-4, .min_lr = 1}).status()),
            ErrorKind::kUsage);
}

TEST(Schedule, ZeroMeansZero) {
  const Schedule schedule = Make({.steps = 10, .max_lr = 1e-3, .warmup_steps = 0});
  EXPECT_EQ(schedule.warmup_steps(), 0);
  EXPECT_DOUBLE_EQ(schedule.LearningRate(0), 1e-3);
  EXPECT_EQ(Make({.steps = 10, .max_lr = 0}).LearningRate(5), 0);
}

TEST(Schedule, SpikeNorms) {
  EXPECT_NEAR(DefaultSpikeNorm(94'600'000), 1.95e7, 0.01e7);
  EXPECT_DOUBLE_EQ(DefaultSpikeNorm(626'000'000), 1e9);
  EXPECT_DOUBLE_EQ(DefaultSpikeNorm(1'000), 1e6);
}

}  // namespace
}  // namespace hydra::train
