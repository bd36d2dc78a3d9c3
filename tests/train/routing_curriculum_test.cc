// The curriculum of a run: its settings, the early start by the loss of L steps ago, its state.
#include "runtime/train/routing_curriculum.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/io/json_file.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {
namespace {

using testing::HasSubstr;

class RoutingCurriculumTest : public testing::Test {
 protected:
  RoutingCurriculumTest() : engine_(2, 8, 1) {
    engine_.mutable_facts().phases = {
        .adaptive = true, .depth_selection = true, .mod_warmup = 100, .experts = true};
  }

  absl::StatusOr<RoutingCurriculum> Create(const std::vector<std::string>& assignments) {
    Settings settings;
    for (const std::string& assignment : assignments)
      HYDRA_RETURN_IF_ERROR(settings.SetAssignment(assignment));
    return RoutingCurriculum::Create(settings, engine_);
  }

  UnigramEngine engine_;
};

TEST_F(RoutingCurriculumTest, SettingsSayWhenPartsSwitchOn) {
  const auto curriculum = Create({"steps=1000", "mor_enable_step=20", "mor_rampup_steps=10",
                                  "mod_warmup_steps=25", "moe_warmup_steps=50"});
  ASSERT_TRUE(curriculum.ok()) << curriculum.status();
  const std::pair<int64_t, const char*> expected[] = {
      {19, "fixed"}, {20, "blend"}, {24, "blend"}, {25, "blend_mod"}, {29, "adaptive_mod"}};
  for (const auto& [step, variant] : expected)
    EXPECT_EQ(curriculum->PhaseOf(step).variant, variant) << step;
  EXPECT_DOUBLE_EQ(curriculum->PhaseOf(25).expert_ramp, 0.5);
  EXPECT_THAT(curriculum->Describe().at(0),
              testing::AllOf(HasSubstr("recursion from step 21, ramp over 10 steps"),
                             HasSubstr("depth from step 26"), HasSubstr("over 50 steps")));
}

TEST_F(RoutingCurriculumTest, DefaultsAreTheTrainersAndTheModels) {
  const auto curriculum = Create({"steps=90000"});
  ASSERT_TRUE(curriculum.ok()) << curriculum.status();
  EXPECT_EQ(curriculum->PhaseOf(99).variant, "fixed");
  EXPECT_EQ(curriculum->PhaseOf(100).variant, "fixed_mod");
  EXPECT_EQ(curriculum->PhaseOf(8999).variant, "fixed_mod");
  EXPECT_EQ(curriculum->PhaseOf(9000).variant, "blend_mod");
  EXPECT_EQ(curriculum->PhaseOf(14000).variant, "adaptive_mod");
}

TEST_F(RoutingCurriculumTest, SettingsWithoutEffectAreRefused) {
  engine_.mutable_facts().phases = {};
  for (const char* assignment : {"mor_enable_step=5", "mod_warmup_steps=5", "moe_warmup_steps=5"}) {
    const absl::Status status = Create({assignment}).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
    EXPECT_THAT(std::string(status.message()), HasSubstr("has no effect"));
  }
  const auto plain = Create({});
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(plain->Describe().empty());
}

// Recursion starts at the first step whose visible average is below the threshold, and a resumed
// run takes the same decision.
TEST_F(RoutingCurriculumTest, ALowLossStartsRecursionEarlyAndASavedStateContinues) {
  const std::vector<std::string> settings = {"steps=100000", "mor_enable_min_steps=3",
                                             "mor_enable_loss=4"};
  const auto run = [&](std::optional<int64_t> stop) {
    absl::StatusOr<RoutingCurriculum> curriculum = Create(settings);
    for (int64_t step = 0; step < 60; ++step) {
      if (stop == step) {
        const JsonValue saved = curriculum->Save();
        absl::StatusOr<JsonDocument> document = JsonDocument::Parse(saved.Dump(), "state");
        curriculum = Create(settings);
        EXPECT_TRUE(curriculum->Restore(document->root(), 1).ok());
      }
      const StepRecord visible{.step = step - 2, .ce = step < 12 ? 6.0 : 1.0};
      EXPECT_TRUE(curriculum->Prepare(step, step < 2 ? nullptr : &visible, engine_).ok());
    }
    return curriculum;
  };
  const auto whole = run(std::nullopt);
  // 6 x 0.95^n + ... falls below 4 after ten steps of loss 1.
  ASSERT_TRUE(whole->started_early().has_value());
  const int64_t start = *whole->started_early();
  EXPECT_EQ(start, 21);
  EXPECT_EQ(whole->PhaseOf(start - 1).mor_blend, 0);
  EXPECT_GT(whole->PhaseOf(start).mor_blend, 0);
  EXPECT_EQ(whole->PhaseOf(start + 1000).mor_blend, 1);  // the short ramp
  for (const int64_t stop : {1, 12, 20, 21, 22, 40}) {
    const auto resumed = run(stop);
    EXPECT_EQ(resumed->started_early(), whole->started_early()) << stop;
    EXPECT_EQ(resumed->PhaseOf(100), whole->PhaseOf(100)) << stop;
    EXPECT_EQ(resumed->Save().Dump(), whole->Save().Dump()) << stop;
  }
}

TEST_F(RoutingCurriculumTest, AVariantThatIsGivenStays) {
  const auto curriculum = Create({"variant=fixed"});
  ASSERT_TRUE(curriculum.ok());
  EXPECT_TRUE(curriculum->Describe().empty());
}

}  // namespace
}  // namespace hydra::train
