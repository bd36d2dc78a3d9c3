// What golden files say of their runs becomes phases: the curriculum values that each file states
// as `derived` are those computed for it.
#include "runtime/diagnostics/golden_run.h"

#include <map>

#include "gtest/gtest.h"
#include "tests/base/test_paths.h"

namespace hydra {
namespace {

const std::map<std::string, std::string>& Variants() {
  static const auto* variants = new std::map<std::string, std::string>{
      {"01_base_untied_eval", "fixed"},
      {"04_fixed_dense_train", "fixed"},
      {"05_fixed_modhard_train", "fixed_mod"},
      {"06_mor_adaptive_train", "adaptive"},
      {"07_mor_min1_modhard_train", "adaptive_mod"},
      {"08_hard_eval_oddheads", "adaptive_mod"},
      {"09_static_train", "adaptive"},
      {"10_static_eval_oob", "adaptive"},
      {"11_rampup_train", "blend_mod"},
      {"12_moe_top1_train", "adaptive_mod"},
      {"13_moe_top2_train", "adaptive_mod"},
      {"14_moe_forced_train", "adaptive_mod_forced"},
      {"15_adamw_5steps", "fixed"},
  };
  return *variants;
}

absl::StatusOr<Golden> OpenGolden(const std::string& name) {
  return Golden::Open(testing::SourceDir() + "/tests/golden/" + name + ".safetensors");
}

TEST(GoldenRun, PhasesAreThoseOfTheFiles) {
  for (const auto& [name, variant] : Variants()) {
    SCOPED_TRACE(name);
    const absl::StatusOr<Golden> golden = OpenGolden(name);
    ASSERT_TRUE(golden.ok()) << golden.status();
    const absl::StatusOr<GoldenRun> run = GoldenRun::Read(*golden);
    ASSERT_TRUE(run.ok()) << run.status();
    const train::Phase phase = run->PhaseOf(run->first_step());
    EXPECT_EQ(phase.variant, variant);
    if (name.find("base") != std::string::npos) continue;  // routes nothing
    const JsonView derived = *golden->config().Get("derived");
    const auto number = [&](const char* key) { return *derived.Get(key)->Double(); };
    const bool adaptive = *golden->config().Get("model")->Get("adaptive")->Bool();
    EXPECT_DOUBLE_EQ(phase.mor_blend, adaptive ? number("mor_scale") : 0);
    EXPECT_DOUBLE_EQ(phase.ponder_warmup, number("ponder_warmup"));
    EXPECT_DOUBLE_EQ(phase.advantage_ramp, number("advantage_scale"));
  }
}

TEST(GoldenRun, CompileFlagsNameModeAndVariants) {
  using Flags = std::vector<std::string>;
  const std::pair<const char*, Flags> expected[] = {
      {"01_base_untied_eval", {}},
      {"04_fixed_dense_train", {"--routing=fixed"}},
      {"09_static_train", {"--routing=static", "--variant=adaptive"}},
      {"14_moe_forced_train", {"--routing=dynamic", "--variant=adaptive_mod_forced"}},
      {"15_adamw_5steps",
       {"--routing=dynamic", "--variant=fixed", "--variant=blend", "--variant=blend_mod",
        "--variant=adaptive_mod"}}};
  for (const auto& [name, flags] : expected) {
    SCOPED_TRACE(name);
    const absl::StatusOr<Golden> golden = OpenGolden(name);
    ASSERT_TRUE(golden.ok()) << golden.status();
    const absl::StatusOr<GoldenRun> run = GoldenRun::Read(*golden);
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->CompileFlags(std::max<int64_t>(1, golden->trajectory_steps())), flags);
  }
}

TEST(GoldenRun, StateAndInputsOfTheFiles) {
  const absl::StatusOr<Golden> golden = OpenGolden("14_moe_forced_train");
  ASSERT_TRUE(golden.ok()) << golden.status();
  const absl::StatusOr<GoldenRun> run = GoldenRun::Read(*golden);
  ASSERT_TRUE(run.ok()) << run.status();
  const auto value = [](const std::vector<GoldenScalar>& scalars, absl::string_view name) {
    for (const GoldenScalar& scalar : scalars)
      if (scalar.name == name) return scalar.value;
    return -1000.0;
  };
  // A fresh baseline, and a teacher that counts until step 600.
  EXPECT_EQ(value(run->control_state(), "loss_variance"), 1);
  EXPECT_EQ(value(run->control_state(), "loss_steps"), 0);
  EXPECT_EQ(value(run->Inputs(599), "teacher_expert"), 0);
  EXPECT_EQ(value(run->Inputs(600), "teacher_expert"), -1);
  EXPECT_EQ(value(run->Inputs(599), "forced_expert"), -1);
  EXPECT_EQ(value(run->Controls(500), "moe_teacher_weight"), 0.2);
}

}  // namespace
}  // namespace hydra
