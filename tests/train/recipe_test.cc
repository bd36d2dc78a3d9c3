// What the settings of a run come to: defaults by size, clipping by rules, plain zeros, warnings.
#include "runtime/train/recipe.h"

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/train/model_size.h"

namespace hydra::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<Recipe> TryMake(const std::vector<std::string>& assignments,
                               const EngineFacts& facts) {
  Settings settings;
  for (const std::string& assignment : assignments) {
    HYDRA_RETURN_IF_ERROR(settings.SetAssignment(assignment));
  }
  return Recipe::Create(settings, facts);
}

Recipe Make(const std::vector<std::string>& assignments, const std::string& model = "tiny",
            const std::string& rules = "pytorch", int64_t parameters = 1'400'000) {
  EngineFacts facts;
  facts.model = model;
  facts.rules = rules;
  facts.parameter_count = parameters;
  absl::StatusOr<Recipe> recipe = TryMake(assignments, facts);
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  return *std::move(recipe);
}

double Control(const Recipe& recipe, const std::string& name) {
  const std::map<std::string, double> controls(recipe.controls().begin(), recipe.controls().end());
  const auto found = controls.find(name);
  return found == controls.end() ? std::nan("") : found->second;
}

// model.md 13: P is an estimate fixed per size name, not the model's count.
TEST(Recipe, LearningRateFollowsTheSizeTable) {
  EXPECT_NEAR(Make({}, "hydra_100m", "pytorch", 94'562'326).schedule().max_lr(), 6.742e-5, 1e-8);
  EXPECT_NEAR(Make({}, "hydra-debug", "pytorch", 32'479'236).schedule().max_lr(), 2.582e-4, 1e-7);
  EXPECT_DOUBLE_EQ(Make({"size=500M"}).schedule().max_lr(), 5.5e-5);
  EXPECT_NEAR(Make({"size=1.5b"}).schedule().max_lr(), 2.582e-5, 1e-8);
  EXPECT_NEAR(Make({}).schedule().max_lr(), 1e-4 / std::sqrt(0.014), 1e-12);
  EXPECT_DOUBLE_EQ(Make({"lr=0.5"}, "hydra_100m").schedule().max_lr(), 0.5);
  const absl::Status unknown = TryMake({"size=101M"}, {}).status();
  EXPECT_EQ(ExitCodeFor(unknown), 2);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("did you mean '100M'"));
}

TEST(Recipe, GradClipFollowsTheSizeTable) {
  EXPECT_DOUBLE_EQ(Make({}, "hydra_debug").initial_grad_norm(), 1);
  EXPECT_DOUBLE_EQ(Make({"size=50M"}).initial_grad_norm(), 2);
  EXPECT_DOUBLE_EQ(Make({}).initial_grad_norm(), 2.5);
  EXPECT_DOUBLE_EQ(Make({"grad_clip=8"}, "hydra_debug").initial_grad_norm(), 4);
}

TEST(Recipe, ClippingFollowsTheRules) {
  const Recipe dynamic = Make({});
  EXPECT_EQ(Control(dynamic, "clip_min"), 50);
  EXPECT_EQ(Control(dynamic, "clip_max"), 3000);
  EXPECT_EQ(Control(dynamic, "clip_ema_decay"), 0.05);
  // model.md Q24: never below 50 in the original, whatever grad_clip says ...
  const Recipe fixed = Make({"clip_dynamic=false", "grad_clip=1"});
  EXPECT_EQ(Control(fixed, "clip_min"), 50);
  EXPECT_EQ(Control(fixed, "clip_max"), 50);
  EXPECT_EQ(Control(fixed, "clip_ema_decay"), 0);
  EXPECT_THAT(fixed.warnings(), ElementsAre(HasSubstr("clip at 50")));
  EXPECT_EQ(Control(Make({"clip_dynamic=false", "grad_clip=80"}), "clip_max"), 80);
  EXPECT_EQ(Control(Make({"clip_dynamic=false", "grad_clip=1", "clip_min=0"}), "clip_max"), 1);
  // ... and exactly grad_clip under corrected rules.
  const Recipe corrected =
      Make({"clip_dynamic=false", "grad_clip=1", "warmup_steps=0"}, "tiny", "corrected");
  EXPECT_EQ(Control(corrected, "clip_max"), 1);
  EXPECT_EQ(Control(corrected, "clip_min"), 1);
  EXPECT_THAT(corrected.warnings(), IsEmpty());
}

TEST(Recipe, AGradClipThatTheDynamicLimitHidesIsSaid) {
  EXPECT_THAT(Make({"grad_clip=1", "steps=5000"}).warnings(), ElementsAre(HasSubstr("clip_min")));
  EXPECT_THAT(Make({"grad_clip=60", "steps=5000"}).warnings(), IsEmpty());
}

TEST(Recipe, ZeroIsZeroAndAutoIsTheRule) {
  const Recipe plain = Make({"lr=0", "warmup_steps=0", "spike_norm=0", "mod_aux_weight=0"});
  EXPECT_EQ(plain.schedule().max_lr(), 0);
  EXPECT_EQ(plain.schedule().warmup_steps(), 0);
  EXPECT_EQ(Control(plain, "spike_norm"), 0);
  EXPECT_EQ(Control(plain, "mod_aux_weight"), 0);
  const Recipe automatic = Make({});
  EXPECT_EQ(automatic.schedule().warmup_steps(), 100);
  EXPECT_EQ(Control(automatic, "spike_norm"), 2000 * std::sqrt(1.4e6));
  EXPECT_TRUE(std::isnan(Control(automatic, "mod_aux_weight")));
}

TEST(Recipe, AShortRunIsToldThatItStaysInTheWarmUp) {
  const Recipe recipe = Make({"steps=40", "lr=4e-3", "lr_floor_in_warmup=false"});
  ASSERT_THAT(recipe.warnings(), ElementsAre(HasSubstr("ends at 0.0016")));
  EXPECT_THAT(recipe.warnings()[0], HasSubstr("--set warmup_steps=N"));
  EXPECT_THAT(Make({"steps=40", "lr=4e-3", "warmup_steps=4"}).warnings(), IsEmpty());
  EXPECT_THAT(Make({"steps=1000", "lr=4e-3"}).lines(),
              ElementsAre("learning rate 0.004, warm-up over 100 steps, from step 866 down to "
                          "0.0012",
                          "gradient norm clipped at 2 x its moving average, 50 to 3000; weight "
                          "decay 0.1"));
}

TEST(Recipe, RefusesSettingsThatContradict) {
  const absl::Status status = TryMake({"clip_min=9", "clip_max=8"}, {}).status();
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()), HasSubstr("clip_max"));
  EXPECT_EQ(ExitCodeFor(TryMake({"lr=1", "min_lr=2"}, {}).status()), 2);
}

}  // namespace
}  // namespace hydra::train
