// Round trip of every table.
#include "runtime/artifact/artifact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/status.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra::artifact {
namespace {

using testing::BuildArtifact;
using ::testing::HasSubstr;
using testing::SampleSections;
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

TEST(ArtifactTest, MissingFileSaysWhatToDo) {
  const auto opened = Artifact::Open(::testing::TempDir() + "absent.hydra");
  EXPECT_EQ(KindOf(opened.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("hydra-opt"));
}

}  // namespace
}  // namespace hydra::artifact
