// Curriculum functions against the vectors of model.md 11 and training.md 12.
#include "runtime/train/curriculum.h"

#include "gtest/gtest.h"

namespace hydra::train {
namespace {

// training.md 12.2: E = 1000, ramp = 500.
TEST(Curriculum, BlendVector) {
  const RecursionCurriculum c{.enable_step = 1000, .rampup_steps = 500};
  const std::pair<int64_t, double> expected[] = {{999, 0.0},  {1000, 0.1}, {1024, 0.1},
                                                 {1074, 0.2}, {1125, 0.3}, {1174, 0.4},
                                                 {1250, 0.5}, {1474, 1.0}, {9999, 1.0}};
  for (const auto& [step, blend] : expected) {
    EXPECT_DOUBLE_EQ(RecursionBlend(c, step), blend) << "step " << step;
  }
}

TEST(Curriculum, BlendEdges) {
  EXPECT_DOUBLE_EQ(RecursionBlend(std::nullopt, 0), 1.0);
  EXPECT_DOUBLE_EQ(RecursionBlend(RecursionCurriculum{.enable_step = 5, .rampup_steps = 0}, 5),
                   1.0);
}

// The derived values of golden 05, 07, 09 and 11, and of an unconfigured curriculum at step 500.
TEST(Curriculum, AdvantageRamp) {
  EXPECT_DOUBLE_EQ(AdvantageRamp(RecursionCurriculum{1000, 100}, 500), 0.0);
  EXPECT_DOUBLE_EQ(AdvantageRamp(RecursionCurriculum{0, 100}, 500), 1.0);
  EXPECT_DOUBLE_EQ(AdvantageRamp(RecursionCurriculum{0, 0}, 500), 1.0);
  EXPECT_DOUBLE_EQ(AdvantageRamp(RecursionCurriculum{460, 100}, 500), 0.4);
  EXPECT_DOUBLE_EQ(RecursionBlend(RecursionCurriculum{460, 100}, 500), 0.4);
  EXPECT_DOUBLE_EQ(AdvantageRamp(std::nullopt, 500), 0.5);
}

// training.md 12.2, the table of (N, E, ramp).
TEST(Curriculum, TrainersChoice) {
  struct Row {
    int64_t steps, enable, rampup;
  };
  for (const Row& row : {Row{1000, 3000, 100}, Row{5000, 3000, 500}, Row{10000, 3000, 1000},
                         Row{90000, 9000, 5000}, Row{100000, 10000, 5000}}) {
    const RecursionCurriculum c = ChooseRecursionCurriculum({.max_steps = row.steps});
    EXPECT_EQ(c.enable_step, row.enable) << row.steps;
    EXPECT_EQ(c.rampup_steps, row.rampup) << row.steps;
  }
  const RecursionCurriculum on =
      ChooseRecursionCurriculum({.max_steps = 5000, .already_enabled = true});
  EXPECT_EQ(on, (RecursionCurriculum{.enable_step = 0, .rampup_steps = 100}));
}

TEST(Curriculum, EarlyRecursion) {
  const RecursionChoice choice{.max_steps = 100000};
  const RecursionCurriculum current = ChooseRecursionCurriculum(choice);
  EXPECT_FALSE(EarlyRecursion(current, choice, 2999, 4.0, 5.0));
  EXPECT_FALSE(EarlyRecursion(current, choice, 3000, 5.0, 5.0));
  EXPECT_FALSE(EarlyRecursion(current, choice, 10000, 4.0, 5.0));
  EXPECT_FALSE(EarlyRecursion(current, choice, 3000, 0.0, 5.0));
  EXPECT_EQ(EarlyRecursion(current, choice, 3000, 4.99, 5.0),
            (RecursionCurriculum{.enable_step = 3000, .rampup_steps = 1000}));
}

TEST(Curriculum, DepthRouting) {
  EXPECT_FALSE(DepthRoutingEnabled({.mlp_warmup = 100}, 99, std::nullopt));
  EXPECT_TRUE(DepthRoutingEnabled({.mlp_warmup = 100}, 100, std::nullopt));
  const DepthCurriculum gated{.mlp_warmup = 100, .loss_threshold = 4.5, .force_enable_step = 1000};
  EXPECT_FALSE(DepthRoutingEnabled(gated, 500, std::nullopt));
  EXPECT_FALSE(DepthRoutingEnabled(gated, 500, 4.6));
  EXPECT_TRUE(DepthRoutingEnabled(gated, 500, 4.4));
  EXPECT_TRUE(DepthRoutingEnabled(gated, 1000, std::nullopt));
}

TEST(Curriculum, PonderWarmup) { EXPECT_EQ(PonderWarmup(5001), 1500); }

}  // namespace
}  // namespace hydra::train
