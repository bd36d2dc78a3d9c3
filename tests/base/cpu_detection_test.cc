// Detection of instruction-set levels on made-up processors: every bit that a level asks for, the
// state that the system enables, and the permission for tiles.
#include "runtime/base/cpu_detection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/base/fake_cpu.h"

namespace hydra {
namespace {

using testing::FakeCpu;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kEverything = FakeCpu::kEverything;

std::vector<std::string> NamesUpTo(size_t last) {
  std::vector<std::string> names;
  for (size_t i = 0; i <= last; ++i) names.emplace(names.begin(), CpuLevels()[i].name);
  return names;
}

TEST(CpuLevelTest, NamesAreFoundAndUnknownOnesAreNot) {
  for (const CpuLevel& level : CpuLevels()) EXPECT_EQ(FindCpuLevel(level.name), &level);
  EXPECT_EQ(FindCpuLevel("native"), nullptr);
  EXPECT_EQ(FindCpuLevel(""), nullptr);
  EXPECT_EQ(CpuLevelNames(), "x86-64-v3, x86-64-v4, x86-64-v4-bf16, sapphirerapids");
}

TEST(CpuLevelTest, EachLevelHasTheFeaturesOfThoseBefore) {
  size_t before = 0;
  for (const CpuLevel& level : CpuLevels()) {
    const std::vector<CpuFeature> features = RequiredFeatures(level);
    EXPECT_EQ(features.size(), before + level.adds.size()) << level.name;
    before = features.size();
  }
}

TEST(CpuDetectionTest, AProcessorRunsItsLevelAndThoseBelow) {
  for (size_t i = 0; i < CpuLevels().size(); ++i) {
    const FakeCpu cpu(CpuLevels()[i]);
    EXPECT_EQ(RunnableLevels(cpu), NamesUpTo(i));
  }
}

// A virtual machine that masks any one feature: the level that asks for it and all above are gone,
// with the feature's name; those below stay.
TEST(CpuDetectionTest, EveryMissingFeatureIsNoticedAndNamed) {
  const absl::Span<const CpuLevel> levels = CpuLevels();
  for (size_t i = 0; i < levels.size(); ++i) {
    for (const CpuFeature& feature : levels[i].adds) {
      FakeCpu cpu(levels.back());
      cpu.Set(feature, false);
      EXPECT_EQ(RunnableLevels(cpu), i == 0 ? std::vector<std::string>() : NamesUpTo(i - 1))
          << feature.name;
      EXPECT_EQ(WhyNot(levels.back(), cpu), "it has no " + std::string(feature.name));
    }
  }
}

TEST(CpuDetectionTest, RegistersThatTheSystemDoesNotEnableAreNotUsed) {
  FakeCpu cpu(CpuLevels().back());
  cpu.state = kEverything & ~kTileState;
  EXPECT_EQ(RunnableLevels(cpu), NamesUpTo(2));
  EXPECT_THAT(WhyNot(CpuLevels().back(), cpu), HasSubstr("enable the registers of amx"));
  cpu.state = kVectorState | 0x60;  // two of the three AVX-512 states
  EXPECT_EQ(RunnableLevels(cpu), NamesUpTo(0));
  cpu.state = 0x2;  // xmm only
  EXPECT_THAT(RunnableLevels(cpu), IsEmpty());
  EXPECT_THAT(WhyNot(CpuLevels()[0], cpu), HasSubstr("enable the registers of avx"));
}

TEST(CpuDetectionTest, WithoutOsxsaveTheStateIsNotAsked) {
  FakeCpu cpu(CpuLevels().back());
  cpu.Set({"osxsave", 1, 0, CpuidRegister::kEcx, 27}, false);
  EXPECT_THAT(RunnableLevels(cpu), IsEmpty());
  EXPECT_EQ(cpu.asked_state, 0);  // xgetbv would fault
}

TEST(CpuDetectionTest, TilesNeedThePermissionOfTheSystem) {
  FakeCpu cpu(CpuLevels().back());
  cpu.permit = false;
  EXPECT_EQ(RunnableLevels(cpu), NamesUpTo(2));
  EXPECT_THAT(WhyNot(CpuLevels().back(), cpu), HasSubstr("does not permit"));
  cpu.asked_tiles = 0;
  EXPECT_EQ(WhyNot(CpuLevels()[2], cpu), "");
  EXPECT_EQ(cpu.asked_tiles, 0);  // not asked for what does not need it
}

TEST(CpuDetectionTest, LeavesThatAreNotThereSayNothing) {
  FakeCpu old(CpuLevels().back());
  old.words_[{0, 0}][0] = 1;  // leaf 7 is answered with the words of leaf 1
  old.words_[{1, 0}] = {~0U, ~0U, ~0U, ~0U};
  EXPECT_EQ(WhyNot(CpuLevels()[0], old), "it has no bmi");
  FakeCpu young(CpuLevels().back());
  young.words_[{7, 0}][0] = 0;  // no subleaf 1
  EXPECT_EQ(WhyNot(CpuLevels().back(), young), "it has no avx512bf16");
}

TEST(CpuDetectionTest, ProcessorsAreNamedWithTheirSignature) {
  FakeCpu cpu(CpuLevels()[0]);
  const char brand[49] = "  A Processor that is  made up                  ";
  for (uint32_t i = 0; i < 3; ++i) {
    std::memcpy(cpu.words_[{0x80000002 + i, 0}].data(), brand + 16 * i, 16);
  }
  cpu.words_[{1, 0}][0] = 0x000c06f2;
  EXPECT_EQ(ProcessorName(cpu), "A Processor that is  made up (family 6, model 207, stepping 2)");
  cpu.words_[{1, 0}][0] = 0x00a60f12;
  EXPECT_THAT(ProcessorName(cpu), HasSubstr("(family 25, model 97, stepping 2)"));
  cpu.words_[{0x80000000, 0}][0] = 0x80000001;
  EXPECT_THAT(ProcessorName(cpu), HasSubstr("unknown processor (family"));
}

TEST(CpuDetectionTest, ThisMachineAnswersTheSameTwice) {
  EXPECT_EQ(RunnableLevels(HostCpu()), RunnableLevels(HostCpu()));
  EXPECT_THAT(ProcessorName(HostCpu()), HasSubstr("family"));
}

}  // namespace
}  // namespace hydra
