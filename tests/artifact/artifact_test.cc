// Round trip of every table.
#include "runtime/artifact/artifact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/artifact/assemble.h"
#include "runtime/artifact/features.h"
#include "runtime/base/status.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra::artifact {
namespace {

using testing::BuildArtifact;
using ::testing::HasSubstr;
using testing::SampleSections;
using testing::SectionBytes;
using testing::WriteTestFile;

TEST(ArtifactTest, RoundTripsEveryTable) {
  const ArtifactInfo expected = testing::EverythingInfo({"x86-64-v3", "x86-64-v4"});
  const auto sections = SampleSections(expected);
  auto opened = Artifact::Open(WriteTestFile("good.hydra", BuildArtifact(expected, sections)));
  ASSERT_TRUE(opened.ok()) << opened.status();
  ArtifactInfo info = (*opened)->info();
  ASSERT_EQ(info.sections.size(), sections.size());
  info.sections.clear();
  EXPECT_EQ(info, expected);
  EXPECT_EQ((*opened)->Section(SectionKind::kConstants).size(), 16u);
  EXPECT_EQ((*opened)->Section(SectionKind::kConstants)[15], 16);
  EXPECT_EQ((*opened)->Section(SectionKind::kCode, "x86-64-v4").size(), sections[1].bytes.size());
  EXPECT_TRUE((*opened)->Section(SectionKind::kWeights).empty());
}

// The writer's head before the sections gives the file that the builder of the tests gives, which
// serializes by itself.
TEST(ArtifactTest, AssembledFilesAreRead) {
  ArtifactInfo info = testing::EverythingInfo({"x86-64-v3", "x86-64-v4"});
  const auto sections = SampleSections(info);
  const auto built = Artifact::Open(WriteTestFile("built.hydra", BuildArtifact(info, sections)));
  ASSERT_TRUE(built.ok()) << built.status();
  info = (*built)->info();
  for (SectionInfo& section : info.sections) section.offset = 0;
  const absl::StatusOr<std::vector<uint8_t>> head = AssembleHead(info);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(info.sections, (*built)->info().sections);
  std::vector<uint8_t> bytes = *head;
  for (size_t i = 0; i < sections.size(); ++i) {
    bytes.resize(info.sections[i].offset);
    bytes.insert(bytes.end(), sections[i].bytes.begin(), sections[i].bytes.end());
  }
  const auto assembled = Artifact::Open(WriteTestFile("assembled.hydra", bytes));
  ASSERT_TRUE(assembled.ok()) << assembled.status();
  EXPECT_EQ((*assembled)->info(), (*built)->info());
}

TEST(ArtifactTest, ABundleKeepsItsWeightsInTheFile) {
  ArtifactInfo info = testing::EverythingInfo({"x86-64-v3"});
  auto sections = SampleSections(info);
  const std::string header = R"({"w":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";
  std::vector<uint8_t> weights(8);
  weights[0] = static_cast<uint8_t>(header.size());
  weights.insert(weights.end(), header.begin(), header.end());
  weights.insert(weights.end(), {7, 8, 9});
  sections.push_back({SectionKind::kRun, "", {'{', '}'}});
  sections.push_back({SectionKind::kWeights, "", weights});
  for (const SectionBytes& section : sections) {
    info.sections.push_back({.kind = section.kind, .name = section.name});
  }
  info.required_features = FeaturesOf(info);
  const std::vector<uint8_t> bytes = BuildArtifact(info, sections);
  const std::string path = WriteTestFile("bundle.hydra", bytes);
  const auto opened = Artifact::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE((*opened)->is_bundle());
  EXPECT_EQ((*opened)->file_bytes(), bytes.size());
  const absl::StatusOr<SafetensorsFile> file = (*opened)->OpenWeights();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*file->Find("w")->Copy<uint8_t>(), (std::vector<uint8_t>{7, 8, 9}));
  // A file that is shortened behind its reader's back is an error, not a crash.
  std::filesystem::resize_file(path, bytes.size() - 2);
  EXPECT_EQ(KindOf(file->Find("w")->Copy<uint8_t>().status()), ErrorKind::kInput);
}

TEST(ArtifactTest, MissingFileSaysWhatToDo) {
  const auto opened = Artifact::Open(::testing::TempDir() + "absent.hydra");
  EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("hydra-opt"));
}

}  // namespace
}  // namespace hydra::artifact
