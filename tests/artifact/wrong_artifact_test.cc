// Refusal of each kind of wrong content whose hashes are right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "runtime/artifact/artifact.h"
#include "runtime/artifact/features.h"
#include "runtime/base/status.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra::artifact {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Info = ArtifactInfo;
using Sections = std::vector<testing::SectionBytes>;

absl::StatusOr<std::unique_ptr<Artifact>> OpenChanged(
    const std::function<void(Info&, Sections&)>& change) {
  Info info = testing::EverythingInfo({"x86-64-v3", "x86-64-v4"});
  Sections sections = testing::SampleSections(info);
  change(info, sections);
  return Artifact::Open(
      testing::WriteTestFile("changed.hydra", testing::BuildArtifact(info, sections)));
}

struct WrongCase {
  const char* name;
  const char* expected;  // part of the message
  std::function<void(Info&, Sections&)> change;
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

// Command `command` of entry `entry`. Entry 4 is that of EverythingInfo.
template <typename T>
T& Get(Info& info, int entry, int command) {
  return std::get<T>(info.entries[entry].body[command].body);
}
hal::KernelCommand& Repeated(Info& info) {
  return std::get<hal::KernelCommand>(Get<hal::RepeatCommand>(info, 4, 0).body[0].body);
}

const WrongCase kWrong[] = {
    {"Target", "target 'tpu'", [](Info& info, Sections&) { info.target = "tpu"; }},
    {"KernelIndex", "kernel index 2",
     [](Info& info, Sections&) { Get<hal::KernelCommand>(info, 0, 1).kernel = 2; }},
    {"ArgRange", "exceeds region outputs",
     [](Info& info, Sections&) { Get<hal::KernelCommand>(info, 0, 1).args[1].bytes = 1000; }},
    {"ArgWraps", "exceeds region arena",
     [](Info& info, Sections&) {
       Get<hal::KernelCommand>(info, 0, 1).args[0].offset = ~uint64_t{0} - 3;
     }},
    {"ArgInScratch", "scratch is handed to kernels",
     [](Info& info, Sections&) {
       Get<hal::KernelCommand>(info, 0, 1).args[0].region = hal::Region::kScratch;
     }},
    {"Region", "region 77",
     [](Info& info, Sections&) {
       Get<hal::KernelCommand>(info, 0, 1).args[0].region = static_cast<hal::Region>(77);
     }},
    {"ElementType", "element type 9",
     [](Info& info, Sections&) { info.control[0].type = static_cast<hal::ElementType>(9); }},
    {"InitKind", "initialiser 5",
     [](Info& info, Sections&) { info.parameters[0].init_kind = static_cast<InitKind>(5); }},
    {"SectionKind", "section kind 40",
     [](Info&, Sections& sections) { sections.back().kind = static_cast<SectionKind>(40); }},
    {"BundleWithoutRun", "a bundle of 1 weights, 0 runs",
     [](Info& info, Sections& sections) {
       sections.push_back({SectionKind::kWeights, "", {1}});
       info.required_features = KnownFeatures();
     }},
    {"BundleOrder", "not its last section",
     [](Info& info, Sections& sections) {
       sections.push_back({SectionKind::kWeights, "", {1}});
       sections.push_back({SectionKind::kRun, "", {1}});
       info.required_features = KnownFeatures();
     }},
    {"BundleFeature", "uses bundle",
     [](Info& info, Sections& sections) {
       sections.push_back({SectionKind::kRun, "", {1}});
       sections.push_back({SectionKind::kWeights, "", {1}});
     }},
    {"Grain", "work items",
     [](Info& info, Sections&) { Get<hal::KernelCommand>(info, 0, 1).grain = 0; }},
    {"MatmulExtent", "operand a needs",
     [](Info& info, Sections&) { Get<hal::MatmulCommand>(info, 0, 0).m = 9; }},
    {"MatmulHuge", "m, n, k, tiles",
     [](Info& info, Sections&) { Get<hal::MatmulCommand>(info, 0, 0).k = uint64_t{1} << 63; }},
    {"MatmulStride", "leading dimension of b",
     [](Info& info, Sections&) { Get<hal::MatmulCommand>(info, 0, 0).ldb = 3; }},
    {"MatmulOverlap", "overlaps a",
     [](Info& info, Sections&) {
       auto& matmul = Get<hal::MatmulCommand>(info, 0, 0);
       matmul.a = matmul.c;
     }},
    {"CopySizes", "differ in size",
     [](Info& info, Sections&) { Get<hal::CopyCommand>(info, 3, 2).target.bytes = 8; }},
    {"FillWords", "4-byte words",
     [](Info& info, Sections&) { Get<hal::FillCommand>(info, 3, 3).target.bytes = 6; }},
    {"EmptySwitch", "at least one case",
     [](Info& info, Sections&) { Get<hal::SwitchCommand>(info, 3, 1).cases.clear(); }},
    {"Nesting", "nested deeper",
     [](Info& info, Sections&) {
       hal::CommandSequence body;
       for (int i = 0; i < 30; ++i) body = {{hal::CaptureCommand{body}, 0}};
       info.entries[0].body = body;
     }},
    {"Scope", "scope 3", [](Info& info, Sections&) { info.entries[0].body[0].scope = 3; }},
    {"EntryTwice", "appears twice",
     [](Info& info, Sections&) { info.entries[1] = info.entries[0]; }},
    {"EntryArena", "of the arena",
     [](Info& info, Sections&) { info.entries[0].arena_bytes = 129; }},
    {"ParameterTwice", "appears twice",
     [](Info& info, Sections&) { info.parameters[1].name = "old.weight"; }},
    {"ParametersOverlap", "overlaps weight",
     [](Info& info, Sections&) { info.parameters[1].buffer.ref.offset = 60; }},
    {"ParameterShape", "its shape needs",
     [](Info& info, Sections&) { info.parameters[0].buffer.shape = {4, 5}; }},
    {"NegativeExtent", "extent of -4",
     [](Info& info, Sections&) { info.parameters[0].buffer.shape = {-4, -4}; }},
    {"HugeShape", "too large",
     [](Info& info, Sections&) {
       info.parameters[0].buffer.shape = {int64_t{1} << 62, int64_t{1} << 62};
     }},
    {"ParameterRegion", "expected parameters",
     [](Info& info, Sections&) { info.parameters[0].buffer.ref.region = hal::Region::kArena; }},
    {"GradientShape", "another shape",
     [](Info& info, Sections&) { info.parameters[0].gradient->shape = {16}; }},
    {"StatesOverlap", "overlaps weight/m",
     [](Info& info, Sections&) { info.parameters[0].states[1].ref.offset = 32; }},
    {"NotFinite", "not finite",
     [](Info& info, Sections&) { info.parameters[0].init_value = 1.0 / 0.0; }},
    {"KernelOffset", "bytes of code",
     [](Info& info, Sections&) { info.kernels[0].offsets[1] = 1 << 20; }},
    {"KernelOffsets", "entry points",
     [](Info& info, Sections&) { info.kernels[0].offsets.pop_back(); }},
    {"CodeMissing", "no code section",
     [](Info&, Sections& sections) { sections.erase(sections.begin()); }},
    {"ConstantsSize", "region constants",
     [](Info&, Sections& sections) { sections[2].bytes.pop_back(); }},
    {"SectionTwice", "appears twice",
     [](Info&, Sections& sections) { sections.push_back(sections.back()); }},
    {"InputsOverlap", "overlaps x",
     [](Info& info, Sections&) {
       info.entries[0].inputs.push_back(info.entries[0].inputs[0]);
       info.entries[0].inputs[1].name = "z";
     }},
    {"HugeRegion", "expected at most 2^46",
     [](Info& info, Sections&) { info.region_bytes[0] = uint64_t{1} << 50; }},
    {"RowBytes", "rows that fit their pitch",
     [](Info& info, Sections&) { Get<hal::KernelCommand>(info, 0, 1).args[0].row_bytes = 8; }},
    {"RowPitch", "rows that fit their pitch",
     [](Info& info, Sections&) {
       auto& ref = Get<hal::KernelCommand>(info, 0, 1).args[0];
       ref.row_bytes = 8;
       ref.pitch = 48;
     }},
    {"Moves", "not inside a repeat",
     [](Info& info, Sections&) { Get<hal::KernelCommand>(info, 0, 1).args[0].repeat_step = 64; }},
    {"RepeatLeaves", "leaves its region",
     [](Info& info, Sections&) { Repeated(info).args[0].repeat_step = 128; }},
    {"RepeatNever", "a count of 0",
     [](Info& info, Sections&) { Get<hal::RepeatCommand>(info, 4, 0).count = 0; }},
    {"RepeatHuge", "a count of 1048577",
     [](Info& info, Sections&) { Get<hal::RepeatCommand>(info, 4, 0).count = (1 << 20) + 1; }},
    {"RepeatNested", "runs of a command",
     [](Info& info, Sections&) {
       auto& repeat = Get<hal::RepeatCommand>(info, 4, 0);
       repeat.count = 1024;
       repeat.body = {{hal::RepeatCommand{1025, {}}, 0}};
     }},
    {"Geometry", "extent of 0",
     [](Info& info, Sections&) { Get<hal::KernelCommand>(info, 4, 1).geometry->block[1] = 0; }},
    {"MatmulTypes", "bf16 x f32",
     [](Info& info, Sections&) {
       Get<hal::MatmulCommand>(info, 4, 2).b_type = hal::ElementType::kF32;
     }},
    {"MatmulLayout", "matrix layout 7",
     [](Info& info, Sections&) {
       Get<hal::MatmulCommand>(info, 4, 2).b_layout = static_cast<hal::MatrixLayout>(7);
     }},
    {"MatmulOffsets", "offsets must be 3 aligned words",
     [](Info& info, Sections&) { Get<hal::MatmulCommand>(info, 4, 2).offsets->bytes = 16; }},
    {"MatmulOffsetsAndRows", "exclude each other",
     [](Info& info, Sections&) {
       auto& matmul = Get<hal::MatmulCommand>(info, 4, 2);
       matmul.rows = hal::BufferRef{hal::Region::kControl, 4, 4};
     }},
    {"MatmulOffsetsAndGroups", "expected group strides of 0",
     [](Info& info, Sections&) { Get<hal::MatmulCommand>(info, 4, 2).group_c = 4; }},
    {"MatmulRowsOfView", "a leading dimension of 6",
     [](Info& info, Sections&) { Get<hal::MatmulCommand>(info, 4, 2).lda = 6; }},
    {"CopyRows", "differ in size",
     [](Info& info, Sections&) { Get<hal::CopyCommand>(info, 4, 3).target.bytes = 16; }},
    {"FillRows", "4-byte words",
     [](Info& info, Sections&) {
       Get<hal::FillCommand>(info, 4, 4).target = {hal::Region::kArena, 0, 18, 6, 12};
     }},
    {"DeadOrder", "expected ascending",
     [](Info& info, Sections&) { info.entries[4].dead[1].before_command = 0; }},
    {"DeadLate", "expected ascending",
     [](Info& info, Sections&) { info.entries[4].dead[1].before_command = 99; }},
    {"DeadRange", "exceeds region arena",
     [](Info& info, Sections&) { info.entries[4].dead[0].range.bytes = 4096; }},
    {"RecordPiece", "exceeds its piece",
     [](Info& info, Sections&) { info.entries[4].record_bytes = 4; }},
    {"RecordRegion", "of the record, which has",
     [](Info& info, Sections&) { info.entries[4].record_bytes = 1 << 20; }},
    {"RecordReduce", "reduction 9",
     [](Info& info, Sections&) { info.entries[4].record[0].reduce = static_cast<Reduce>(9); }},
    {"DerivedRegion", "expected derived",
     [](Info& info, Sections&) { info.derived[0].ref.region = hal::Region::kParameters; }},
    {"NamedView", "is a view or moves",
     [](Info& info, Sections&) { info.control[0].ref.row_bytes = info.control[0].ref.pitch = 4; }},
    {"FeatureMissing", "uses views, which required_features leaves out",
     [](Info& info, Sections&) { info.required_features &= ~uint64_t{1}; }},
};

INSTANTIATE_TEST_SUITE_P(All, WrongArtifactTest, ::testing::ValuesIn(kWrong),
                         [](const auto& info) { return std::string(info.param.name); });

// Features decide, not the minor version.
TEST(ArtifactVersionTest, NewerMinorVersionIsRead) {
  EXPECT_TRUE(OpenChanged([](Info& info, Sections&) { info.version_minor = 7; }).ok());
}

TEST(ArtifactVersionTest, UnknownFeaturesAreRefusedByNumber) {
  const auto opened =
      OpenChanged([](Info& info, Sections&) { info.required_features |= uint64_t{1} << 40; });
  EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput);
  const std::string message(opened.status().message());
  EXPECT_THAT(message, HasSubstr("does not know: bit 40; it knows views, repeat,"));
  EXPECT_THAT(message, HasSubstr("hydra-opt MODEL"));
}

TEST(ArtifactVersionTest, OtherMajorVersionsAreRefusedWithBothVersions) {
  for (uint32_t major : {1u, 3u}) {
    const auto opened = OpenChanged([&](Info& info, Sections&) { info.version_major = major; });
    EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput);
    const std::string message(opened.status().message());
    EXPECT_THAT(message, HasSubstr("artifact version " + std::to_string(major) + ".0"));
    EXPECT_THAT(message, HasSubstr("expected 2.x"));
    EXPECT_THAT(message, HasSubstr("hydra-opt MODEL"));
    EXPECT_THAT(message, Not(HasSubstr("damaged")));
  }
}

TEST(ArtifactVersionTest, EachFeatureHasContentThatNeedsIt) {
  Info info = testing::EverythingInfo({"x86-64-v3"});
  info.sections.emplace_back().kind = SectionKind::kWeights;
  EXPECT_EQ(FeaturesOf(info), KnownFeatures()) << FeatureNames(FeaturesOf(info));
  EXPECT_EQ(FeaturesOf(testing::SampleInfo({"x86-64-v3"})), 0u);
}

}  // namespace
}  // namespace hydra::artifact
