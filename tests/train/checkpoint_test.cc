// One checkpoint: round trip, damage, replacement.
#include "runtime/train/checkpoint.h"

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/file_digest.h"
#include "runtime/train/manifest.h"
#include "tests/train/checkpoint_fixture.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

using CheckpointTest = CheckpointFixture;

TEST_F(CheckpointTest, RoundTrip) {
  const std::string path = directory_ / "c";
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const RunRecord& run = checkpoint->run();
  const RunRecord expected = Record(9);
  EXPECT_EQ(run.step, 9);
  EXPECT_EQ(run.total_tokens, 77);
  EXPECT_EQ(run.settings, expected.settings);
  EXPECT_EQ(run.batch, 3);
  EXPECT_EQ(run.seq, 5);
  ASSERT_EQ(run.host_state.count("averages"), 1u);
  EXPECT_EQ(run.host_state.at("averages").Dump(), expected.host_state.at("averages").Dump());
  EXPECT_EQ(run.facts.library_versions, expected.facts.library_versions);
  EXPECT_EQ(run.facts.runtime, expected.facts.runtime);
  EXPECT_EQ(run.tokenizer, "byte");
  EXPECT_EQ(run.initial_weights, "def");
  EXPECT_TRUE(Differences(run.facts, expected.facts).empty());
  EXPECT_EQ(ReadFile(checkpoint->artifact_path()), "machine code");
  EXPECT_EQ(ReadFile(checkpoint->spec_path()), "// a spec");
  EXPECT_EQ(fs::path(checkpoint->spec_path()).filename(), "model.mlir");
  UnigramEngine other(1, 4, 1);
  ASSERT_TRUE(checkpoint->RestoreAll(other).ok());
  EXPECT_EQ(other.logits(), engine_.logits());
}

TEST_F(CheckpointTest, EveryFactThatDiffersIsReported) {
  EngineFacts saved = Record(9).facts, now = saved;
  now.runtime["oneDNN"] = "3.0.0";
  now.runtime.erase("processor");
  now.runtime["C library"] = "glibc 2.36";
  now.isa_level = "other";
  using ::testing::HasSubstr;
  EXPECT_THAT(Differences(saved, now),
              ::testing::UnorderedElementsAre(
                  HasSubstr("instruction-set level: "),
                  "oneDNN: the checkpoint has '2.6.3', this run has '3.0.0'",
                  "processor: the checkpoint has 'A (family 6)', this run has 'unknown'",
                  "C library: the checkpoint has 'unknown', this run has 'glibc 2.36'"));
}

TEST_F(CheckpointTest, EveryDamagedFileIsNamed) {
  const std::string path = directory_ / "c";
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  const std::vector<std::string> files = Checkpoint::Open(path)->files();
  EXPECT_EQ(files.size(), 6u);
  for (const std::string& file : files) {
    const std::string full = path + "/" + file;
    const std::string good = ReadFile(full);
    std::string altered = good;
    altered[altered.size() / 2] ^= 1;
    for (const auto& [bad, reason] :
         {std::pair{altered, "altered"}, std::pair{good.substr(0, good.size() - 1), "torn"}}) {
      WriteFile(full, bad);
      const absl::Status status = Checkpoint::Open(path).status();
      EXPECT_EQ(KindOf(status), ErrorKind::kInput);
      EXPECT_THAT(std::string(status.message()), HasSubstr(file));
      EXPECT_THAT(std::string(status.message()), HasSubstr(reason));
    }
    fs::remove(full);
    EXPECT_THAT(std::string(Checkpoint::Open(path).status().message()), HasSubstr("missing"));
    WriteFile(full, good);
  }
  EXPECT_TRUE(Checkpoint::Open(path).ok());
}

TEST_F(CheckpointTest, ADamagedManifestIsRefused) {
  const std::string path = directory_ / "c";
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  const std::string manifest = path + "/" + kManifestFile;
  const std::string good = ReadFile(manifest);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    if (std::isspace(static_cast<unsigned char>(good[i]))) continue;  // layout carries no meaning
    WriteFile(manifest, bad);
    EXPECT_EQ(ExitCodeFor(Checkpoint::Open(path).status()), 3) << "byte " << i;
  }
  for (size_t size = 0; size + 2 < good.size(); size += 7) {
    WriteFile(manifest, good.substr(0, size));
    EXPECT_EQ(ExitCodeFor(Checkpoint::Open(path).status()), 3) << "size " << size;
  }
  fs::remove(manifest);
  EXPECT_EQ(KindOf(Checkpoint::Open(path).status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(Checkpoint::Open(directory_ / "none").status()), ErrorKind::kInput);
}

TEST_F(CheckpointTest, AManifestThatOmitsAFileIsRefused) {
  const std::string path = directory_ / "c";
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  const std::vector<std::string> files = Checkpoint::Open(path)->files();
  for (const std::string& omitted : files) {
    // A manifest that is sound in itself, of a checkpoint that has one file more.
    AtomicDirectory copy = *AtomicDirectory::Create(directory_ / "copy");
    std::vector<ManifestEntry> entries;
    for (const std::string& file : files) {
      fs::copy_file(path + "/" + file, copy.temporary_path() + "/" + file);
      if (file != omitted) entries.push_back({file, *DigestOfFile(path + "/" + file)});
    }
    ASSERT_TRUE(WriteManifest(copy, entries).ok());
    ASSERT_TRUE(copy.Publish().ok());
    absl::Status status = Checkpoint::Open(directory_ / "copy").status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInput) << omitted;
    EXPECT_THAT(std::string(status.message()), HasSubstr(omitted));
    // Without the file: what the checkpoint needs or promises must be there.
    fs::remove(directory_ / ("copy/" + omitted));
    status = Checkpoint::Open(directory_ / "copy").status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInput) << omitted;
    EXPECT_THAT(std::string(status.message()), HasSubstr(omitted));
  }
  WriteFile(path + "/notes.txt", "foreign");
  EXPECT_THAT(std::string(Checkpoint::Open(path).status().message()), HasSubstr("notes.txt"));
}

TEST_F(CheckpointTest, ReplacingACheckpointLeavesNothingBehind) {
  const std::string path = directory_ / "c";
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  int entries = 0;
  for (const auto& entry : fs::directory_iterator(directory_.path())) {
    entries += absl::string_view(entry.path().filename().string()).substr(0, 1) == "c";
  }
  EXPECT_EQ(entries, 1);
}

}  // namespace
}  // namespace hydra::train
