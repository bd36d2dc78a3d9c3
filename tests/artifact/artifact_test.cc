// Round trip of every table, and refusal of each kind of wrong content whose hashes are right.
#include "runtime/artifact/artifact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "runtime/base/status.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra::artifact {
namespace {

using testing::BuildArtifact;
using ::testing::HasSubstr;
using testing::SampleInfo;
using testing::SampleSections;
using testing::WriteTestFile;

absl::StatusOr<std::unique_ptr<Artifact>> OpenChanged(
    const std::function<void(ArtifactInfo&, std::vector<testing::SectionBytes>&)>& change) {
  ArtifactInfo info = SampleInfo({"x86-64-v3", "x86-64-v4"});
  std::vector<testing::SectionBytes> sections = SampleSections(info);
  change(info, sections);
  return Artifact::Open(WriteTestFile("changed.hydra", BuildArtifact(info, sections)));
}

TEST(ArtifactTest, RoundTripsEveryTable) {
  const ArtifactInfo expected = SampleInfo({"x86-64-v3", "x86-64-v4"});
  const auto sections = SampleSections(expected);
  auto opened = Artifact::Open(WriteTestFile("good.hydra", BuildArtifact(expected, sections)));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const ArtifactInfo& info = (*opened)->info();
  EXPECT_EQ(info.model, "sample");
  EXPECT_EQ(info.isa_levels, expected.isa_levels);
  EXPECT_EQ(info.region_bytes, expected.region_bytes);
  EXPECT_EQ(info.scopes, expected.scopes);
  ASSERT_EQ(info.parameters.size(), 2u);
  const ParameterInfo& weight = info.parameters[0];
  EXPECT_EQ(weight.aliases, std::vector<std::string>{"old.weight"});
  EXPECT_EQ(weight.init_kind, InitKind::kNormal);
  EXPECT_EQ(weight.init_value, 0.02);
  EXPECT_EQ(weight.residual_scale, 0.5);
  EXPECT_EQ(weight.lr_factor, 1.0);
  EXPECT_EQ(weight.buffer.elements(), 16u);
  ASSERT_TRUE(weight.gradient.has_value());
  EXPECT_FALSE(info.parameters[1].gradient.has_value());
  ASSERT_EQ(weight.states.size(), 2u);
  EXPECT_EQ(weight.states[1].ref.offset, 64u);
  EXPECT_EQ(info.control[0].initial, 0.25);
  ASSERT_EQ(info.entries.size(), 4u);
  EXPECT_EQ(info.entries[0].Label(), "forward@1x8");
  ASSERT_EQ(info.entries[0].body.size(), 2u);
  const auto& matmul = std::get<hal::MatmulCommand>(info.entries[0].body[0].body);
  EXPECT_EQ(matmul.m, 8u);
  EXPECT_EQ(matmul.tile_m, 2u);
  EXPECT_EQ(info.entries[0].body[0].scope, 1u);
  const auto& scale = std::get<hal::KernelCommand>(info.entries[0].body[1].body);
  EXPECT_EQ(scale.scalars, std::get<hal::KernelCommand>(expected.entries[0].body[1].body).scalars);
  EXPECT_EQ(scale.grain, 4u);
  const auto& choice = std::get<hal::SwitchCommand>(info.entries[3].body[1].body);
  ASSERT_EQ(choice.cases.size(), 2u);
  EXPECT_EQ(choice.cases[0].size(), 1u);
  EXPECT_EQ(std::get<hal::CaptureCommand>(info.entries[2].body[1].body).body.size(), 1u);
  EXPECT_EQ((*opened)->Section(SectionKind::kConstants).size(), 16u);
  EXPECT_EQ((*opened)->Section(SectionKind::kConstants)[15], 16);
  EXPECT_EQ((*opened)->Section(SectionKind::kCode, "x86-64-v4").size(), sections[1].bytes.size());
  EXPECT_TRUE((*opened)->Section(SectionKind::kWeights).empty());
}

TEST(ArtifactTest, MissingFileSaysWhatToDo) {
  const auto opened = Artifact::Open(::testing::TempDir() + "absent.hydra");
  EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("hydra-opt"));
}

struct WrongCase {
  const char* name;
  const char* expected;  // part of the message
  std::function<void(ArtifactInfo&, std::vector<testing::SectionBytes>&)> change;
};

class WrongArtifactTest : public ::testing::TestWithParam<WrongCase> {};

TEST_P(WrongArtifactTest, IsRefused) {
  const auto opened = OpenChanged(GetParam().change);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput);
  const std::string message(opened.status().message());
  EXPECT_THAT(message, HasSubstr(GetParam().expected));
  EXPECT_THAT(message, HasSubstr("changed.hydra"));
  EXPECT_THAT(message, HasSubstr("byte "));
  EXPECT_THAT(message, HasSubstr("hydra-opt"));
}

template <typename T>
T& Get(ArtifactInfo& info, int entry, int command) {
  return std::get<T>(info.entries[entry].body[command].body);
}

#define CHANGE [](ArtifactInfo & info, std::vector<testing::SectionBytes> & sections)

const WrongCase kWrong[] = {{"Version", "artifact version 2.0", CHANGE{info.version_major = 2;
}  // namespace
}  // namespace hydra::artifact
, {"Target", "target 'tpu'", CHANGE{info.target = "tpu";
}
}
, {"KernelIndex", "kernel index 2", CHANGE{Get<hal::KernelCommand>(info, 0, 1).kernel = 2;
}
}
, {"ArgRange", "exceeds region outputs",
   CHANGE{Get<hal::KernelCommand>(info, 0, 1).args[1].bytes = 1000;
}
}
, {"ArgWraps", "exceeds region arena",
   CHANGE{Get<hal::KernelCommand>(info, 0, 1).args[0].offset = ~uint64_t{0} - 3;
}
}
, {"ArgInScratch", "scratch is handed to kernels",
   CHANGE{Get<hal::KernelCommand>(info, 0, 1).args[0].region = hal::Region::kScratch;
}
}
, {"Region", "region 77",
   CHANGE{Get<hal::KernelCommand>(info, 0, 1).args[0].region = static_cast<hal::Region>(77);
}
}
, {"ElementType", "element type 9", CHANGE{info.control[0].type = static_cast<hal::ElementType>(9);
}
}
, {"InitKind", "initialiser 5", CHANGE{info.parameters[0].init_kind = static_cast<InitKind>(5);
}
}
, {"SectionKind", "section kind 40", CHANGE{sections.back().kind = static_cast<SectionKind>(40);
}
}
, {"Grain", "work items", CHANGE{Get<hal::KernelCommand>(info, 0, 1).grain = 0;
}
}
, {"MatmulExtent", "operand a needs", CHANGE{Get<hal::MatmulCommand>(info, 0, 0).m = 9;
}
}
, {"MatmulHuge", "m, n, k, tiles", CHANGE{Get<hal::MatmulCommand>(info, 0, 0).k = uint64_t{1} << 63;
}
}
, {"MatmulStride", "leading dimension of b", CHANGE{Get<hal::MatmulCommand>(info, 0, 0).ldb = 3;
}
}
, {"MatmulOverlap", "overlaps a", CHANGE{auto& matmul = Get<hal::MatmulCommand>(info, 0, 0);
matmul.a = matmul.c;
}
}
, {"CopySizes", "differ in size", CHANGE{Get<hal::CopyCommand>(info, 3, 2).target.bytes = 8;
}
}
, {"FillWords", "4-byte words", CHANGE{Get<hal::FillCommand>(info, 3, 3).target.bytes = 6;
}
}
, {"EmptySwitch", "at least one case", CHANGE{Get<hal::SwitchCommand>(info, 3, 1).cases.clear();
}
}
, {"Nesting", "nested deeper", CHANGE{hal::CommandSequence body;
for (int i = 0; i < 30; ++i) body = {{hal::CaptureCommand{body}, 0}};
info.entries[0].body = body;
}
}
, {"Scope", "scope 3", CHANGE{info.entries[0].body[0].scope = 3;
}
}
, {"EntryTwice", "appears twice", CHANGE{info.entries[1] = info.entries[0];
}
}
, {"EntryArena", "of the arena", CHANGE{info.entries[0].arena_bytes = 129;
}
}
, {"ParameterTwice", "appears twice", CHANGE{info.parameters[1].name = "old.weight";
}
}
, {"ParametersOverlap", "overlaps weight", CHANGE{info.parameters[1].buffer.ref.offset = 60;
}
}
, {"ParameterShape", "its shape needs", CHANGE{info.parameters[0].buffer.shape = {4, 5};
}
}
, {"NegativeExtent", "extent of -4", CHANGE{info.parameters[0].buffer.shape = {-4, -4};
}
}
, {"HugeShape", "too large",
   CHANGE{info.parameters[0].buffer.shape = {int64_t{1} << 62, int64_t{1} << 62};
}
}
, {"ParameterRegion", "expected parameters",
   CHANGE{info.parameters[0].buffer.ref.region = hal::Region::kArena;
}
}
, {"GradientShape", "another shape", CHANGE{info.parameters[0].gradient->shape = {16};
}
}
, {"StatesOverlap", "overlaps weight/m", CHANGE{info.parameters[0].states[1].ref.offset = 32;
}
}
, {"NotFinite", "not finite", CHANGE{info.parameters[0].init_value = 1.0 / 0.0;
}
}
, {"KernelOffset", "bytes of code", CHANGE{info.kernels[0].offsets[1] = 1 << 20;
}
}
, {"KernelOffsets", "entry points", CHANGE{info.kernels[0].offsets.pop_back();
}
}
, {"CodeMissing", "no code section", CHANGE{sections.erase(sections.begin());
}
}
, {"ConstantsSize", "region constants", CHANGE{sections[2].bytes.pop_back();
}
}
, {"SectionTwice", "appears twice", CHANGE{sections.push_back(sections.back());
}
}
, {"InputsOverlap", "overlaps x",
   CHANGE{info.entries[0].inputs.push_back(info.entries[0].inputs[0]);
info.entries[0].inputs[1].name = "z";
}
}
, {"HugeRegion", "expected at most 2^46", CHANGE{info.region_bytes[0] = uint64_t{1} << 50;
}
}
,
}
;

INSTANTIATE_TEST_SUITE_P(All, WrongArtifactTest, ::testing::ValuesIn(kWrong),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ArtifactTest, NewerMinorVersionIsRead) {
  EXPECT_TRUE(OpenChanged(CHANGE { info.version_minor = 7; }).ok());
}

}  // namespace
}  // namespace hydra::artifact
