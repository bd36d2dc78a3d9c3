// The settings table: types, hints, restoring, refusal on artifacts.
#include "runtime/train/settings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"

namespace hydra::train {
namespace {

using testing::HasSubstr;

TEST(Settings, EveryInitialValueParses) {
  for (const SettingSpec& spec : SettingTable()) {
    Settings settings;
    if (spec.scope == SettingScope::kRun) {
      EXPECT_TRUE(settings.Set(spec.key, spec.initial).ok()) << spec.key;
      EXPECT_EQ(settings.Text(spec.key), spec.initial) << spec.key << " is not canonical";
    }
    EXPECT_FALSE(spec.help.empty()) << spec.key;
  }
}

TEST(Settings, TypedAccess) {
  Settings settings;
  ASSERT_TRUE(settings.SetAssignment("steps=0020").ok());
  ASSERT_TRUE(settings.SetAssignment("lr=3e-3").ok());
  ASSERT_TRUE(settings.SetAssignment("clip_dynamic=no").ok());
  EXPECT_EQ(settings.Integer("steps"), 20);
  EXPECT_EQ(settings.Text("steps"), "20");
  EXPECT_DOUBLE_EQ(settings.Number("lr"), 3e-3);
  EXPECT_FALSE(settings.Boolean("clip_dynamic"));
  EXPECT_TRUE(settings.given("lr"));
  EXPECT_FALSE(settings.given("accum"));
}

TEST(Settings, UnknownKeyGetsAHint) {
  Settings settings;
  const absl::Status status = settings.SetAssignment("warmup_stesp=5");
  EXPECT_EQ(KindOf(status), ErrorKind::kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("warmup_steps"));
}

TEST(Settings, RefusesValuesOfAnotherType) {
  Settings settings;
  for (const char* bad : {"steps=1.5", "steps=", "lr=fast", "lr=nan", "lr=inf",
                          "clip_dynamic=maybe", "steps", "=5"}) {
    EXPECT_EQ(KindOf(settings.SetAssignment(bad)), ErrorKind::kUsage) << bad;
  }
}

TEST(Settings, RestoreFillsWhatWasNotGiven) {
  Settings first;
  ASSERT_TRUE(first.Set("seed", "7").ok());
  ASSERT_TRUE(first.Set("accum", "4").ok());
  Settings second;
  ASSERT_TRUE(second.Set("accum", "2").ok());
  absl::StatusOr<std::vector<std::string>> differences = second.Restore(first.RunValues());
  ASSERT_TRUE(differences.ok()) << differences.status();
  EXPECT_EQ(second.Integer("seed"), 7);
  EXPECT_EQ(second.Integer("accum"), 2);
  EXPECT_THAT(*differences, testing::ElementsAre(HasSubstr("accum")));
}

TEST(Settings, RestoreRefusesDamage) {
  Settings settings;
  EXPECT_EQ(KindOf(settings.Restore({{"no_such_thing", "1"}}).status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(settings.Restore({{"steps", "many"}}).status()), ErrorKind::kInput);
}

TEST(Settings, CompileSettingsAreRefusedOnAnArtifact) {
  Settings settings;
  EXPECT_TRUE(RefuseCompileSettings(settings, "m.hydra").ok());
  ASSERT_TRUE(settings.Set("cache", "1000").ok());
  ASSERT_TRUE(settings.Set("precision", "bf16").ok());
  const absl::Status status = RefuseCompileSettings(settings, "m.hydra");
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("hydra-opt MODEL --cache=1000 --precision=bf16 -o m.hydra"));
}

}  // namespace
}  // namespace hydra::train
