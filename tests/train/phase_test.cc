// Phases: variant and control values of a step (model.md 11, docs/contracts.md).
#include "runtime/train/phase.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace hydra::train {
namespace {

const PhaseModel kRouted{.adaptive = true, .depth_selection = true, .mor_warmup = 1000};

std::string VariantAt(const PhaseModel& model, const PhaseCurriculum& curriculum, int64_t step) {
  return std::string(PhaseAt(model, curriculum, step, 0).variant);
}

// The phases that golden 15 crosses: recursion from step 99 over 3 steps, depth routing from 100.
TEST(Phase, VariantsFollowTheCurriculum) {
  const PhaseCurriculum curriculum{.recursion = RecursionCurriculum{99, 3},
                                   .depth = {.mlp_warmup = 100}};
  const std::pair<int64_t, std::pair<const char*, double>> expected[] = {
      {98, {"fixed", 0}},
      {99, {"blend", 0.3}},
      {100, {"blend_mod", 0.7}},
      {101, {"adaptive_mod", 1}},
      {500, {"adaptive_mod", 1}}};
  for (const auto& [step, phase] : expected) {
    const Phase found = PhaseAt(kRouted, curriculum, step, 0);
    EXPECT_EQ(found.variant, phase.first) << "step " << step;
    EXPECT_DOUBLE_EQ(found.mor_blend, phase.second) << "step " << step;
  }
}

TEST(Phase, WhatTheModelCannotDoIsInNoVariant) {
  const PhaseCurriculum on{.recursion = RecursionCurriculum{0, 0}, .depth = {.mlp_warmup = 0}};
  EXPECT_EQ(VariantAt({}, on, 10), "fixed");
  EXPECT_EQ(VariantAt({.adaptive = true}, on, 10), "adaptive");
  EXPECT_EQ(VariantAt({.depth_selection = true}, on, 10), "fixed_mod");
  // Without experts nothing is forced.
  EXPECT_EQ(VariantAt({.forced_routing_steps = 100}, on, 10), "fixed");
  EXPECT_DOUBLE_EQ(PhaseAt({.depth_selection = true}, on, 10, 0).mor_blend, 0);
}

TEST(Phase, ExpertsAreForcedRampedAndTaught) {
  PhaseModel model{.experts = true,
                   .expert_warmup = 1000,
                   .forced_routing_steps = 600,
                   .teacher_until_step = 600};
  const Phase before = PhaseAt(model, {}, 599, 0), after = PhaseAt(model, {}, 600, 0);
  EXPECT_EQ(before.variant, "fixed_forced");
  EXPECT_EQ(after.variant, "fixed");
  EXPECT_TRUE(before.teacher);
  EXPECT_FALSE(after.teacher);
  EXPECT_DOUBLE_EQ(after.expert_ramp, 0.6);
  EXPECT_DOUBLE_EQ(PhaseAt(model, {}, 5000, 0).expert_ramp, 1);
  model.teacher_until_step = 0;  // for ever
  EXPECT_TRUE(PhaseAt(model, {}, 5000, 0).teacher);
  model.experts_start_silent = false;
  EXPECT_DOUBLE_EQ(PhaseAt(model, {}, 0, 0).expert_ramp, 1);
}

// Q1: the routers' own step, not the run's, decides.
TEST(Phase, PonderWarmsUpWithTheRoutersStep) {
  EXPECT_DOUBLE_EQ(PhaseAt(kRouted, {}, 500, 0).ponder_warmup, 0);
  EXPECT_DOUBLE_EQ(PhaseAt(kRouted, {}, 500, 500).ponder_warmup, 0.5);
  EXPECT_DOUBLE_EQ(PhaseAt(kRouted, {}, 500, 2000).ponder_warmup, 1);
}

TEST(Phase, ControlsCarryTheValues) {
  const PhaseCurriculum curriculum{.recursion = RecursionCurriculum{460, 100}};
  const Phase phase = PhaseAt(kRouted, curriculum, 500, 250);
  std::map<std::string, double> controls;
  for (const auto& [name, value] : phase.Controls(2)) controls[name] = value;
  const std::map<std::string, double> expected = {
      {"mor_blend", 0.4}, {"mor_ponder_warmup", 0.25}, {"advantage_weight", 0.8}, {"moe_ramp", 1}};
  EXPECT_EQ(controls, expected);
}

// A loss-driven switch: never before the warm-up, at the latest at its forced step.
TEST(Phase, DepthRoutingUnlocksByLoss) {
  const PhaseCurriculum curriculum{
      .depth = {.mlp_warmup = 100, .loss_threshold = 4.0, .force_enable_step = 300}};
  const auto variant = [&](int64_t step, std::optional<double> lowest) {
    return PhaseAt({.depth_selection = true}, curriculum, step, 0, lowest).variant;
  };
  EXPECT_EQ(variant(99, 3.0), "fixed");
  EXPECT_EQ(variant(100, 3.0), "fixed_mod");
  EXPECT_EQ(variant(100, 4.5), "fixed");
  EXPECT_EQ(variant(100, std::nullopt), "fixed");
  EXPECT_EQ(variant(300, 4.5), "fixed_mod");
}

}  // namespace
}  // namespace hydra::train
