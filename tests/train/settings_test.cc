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
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()), HasSubstr("warmup_steps"));
}

TEST(Settings, AutomaticValuesAreNoNumbers) {
  Settings settings;
  EXPECT_TRUE(settings.automatic("lr"));
  EXPECT_EQ(settings.Number("lr"), 0);
  ASSERT_TRUE(settings.Set("lr", "0").ok());
  EXPECT_FALSE(settings.automatic("lr"));
  ASSERT_TRUE(settings.Set("warmup_steps", "auto").ok());
  EXPECT_TRUE(settings.given("warmup_steps"));
  EXPECT_EQ(settings.Set("steps", "auto").code(), settings.Set("steps", "x").code());
}

TEST(Settings, RangesAreRefusedWithWhatWasExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"steps=0", "an integer of at least 1, found '0'"},
      {"accum=65537", "an integer from 1 to 65536"},
      {"stable_fraction=1.5", "a number from 0 to 1"},
      {"batch=0", "an integer of at least 1, or auto"},
      {"seed=-1", "an integer of at least 0"},
      {"min_lr=-1", "a number of at least 0, or auto"},
  };
  for (const auto& [assignment, expected] : cases) {
    Settings settings;
    const absl::Status status = settings.SetAssignment(assignment);
    EXPECT_EQ(ExitCodeFor(status), 2) << assignment;
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected));
  }
}

TEST(Settings, NothingGivenIsDropped) {
  Settings settings;
  ASSERT_TRUE(settings.Set("lr", "1e-3").ok());
  EXPECT_TRUE(settings.Set("lr", "0.001").ok());  // the same value
  const absl::Status status = settings.SetAssignment("lr=2e-3");
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()), HasSubstr("given twice"));
  EXPECT_DOUBLE_EQ(settings.Number("lr"), 1e-3);
}

TEST(Settings, RefusesValuesOfAnotherType) {
  Settings settings;
  for (const char* bad : {"steps=1.5", "steps=", "lr=fast", "lr=nan", "lr=inf",
                          "clip_dynamic=maybe", "steps", "=5"}) {
    EXPECT_EQ(ExitCodeFor(settings.SetAssignment(bad)), 2) << bad;
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
  EXPECT_EQ(ExitCodeFor(settings.Restore({{"no_such_thing", "1"}}).status()), 3);
  EXPECT_EQ(ExitCodeFor(settings.Restore({{"steps", "many"}}).status()), 3);
}

TEST(Settings, CompileSettingsAreRefusedOnAnArtifact) {
  Settings settings;
  EXPECT_TRUE(RefuseCompileSettings(settings, "m.hydra", "").ok());
  ASSERT_TRUE(settings.Set("cache", "1000").ok());
  ASSERT_TRUE(settings.Set("precision", "bf16").ok());
  const absl::Status status =
      RefuseCompileSettings(settings, "m.hydra", "recompile: hydra-opt MODEL FLAGS -o m.hydra");
  EXPECT_EQ(ExitCodeFor(status), 2);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("recompile: hydra-opt MODEL --cache=1000 --precision=bf16 -o m.hydra"));
}

}  // namespace
}  // namespace hydra::train
