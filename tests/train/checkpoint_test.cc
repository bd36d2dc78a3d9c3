// Checkpoints: round trip, rotation, damage.
#include "runtime/train/checkpoint.h"

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/status.h"
#include "runtime/train/checkpoint_store.h"
#include "runtime/train/manifest.h"
#include "runtime/train/weights.h"
#include "tests/data/temporary_directory.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : engine_(1, 4, 1) {
    EXPECT_TRUE(engine_.InitializeParameters(1).ok());
    WriteFile(directory_ / "m.hydra", "machine code");
    attachments_ = {.artifact = directory_ / "m.hydra",
                    .spec_contents = "// a spec",
                    .spec_extension = ".mlir"};
  }
  RunRecord Record(int64_t step) {
    RunRecord record;
    record.run_id = "r";
    record.step = step;
    record.total_tokens = 77;
    record.settings = {{"seed", "1"}};
    record.facts = engine_.facts();
    record.facts.library_versions = {{"onednn", "2.7"}};
    record.data_fingerprint = "abc";
    record.tokenizer = "byte";
    record.record_lag = 2;
    record.records = {{step - 2, 0.1, 0.2, 0.3}, {step - 1, 1.0 / 3, 1e-300, 5}};
    record.loss_ema = 0.1 + 0.2;
    return record;
  }

  TemporaryDirectory directory_;
  UnigramEngine engine_;
  CheckpointAttachments attachments_;
};

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
  EXPECT_EQ(run.records, expected.records);
  EXPECT_EQ(run.loss_ema, expected.loss_ema);
  EXPECT_EQ(run.facts.library_versions, expected.facts.library_versions);
  EXPECT_EQ(run.tokenizer, "byte");
  EXPECT_TRUE(Differences(run.facts, expected.facts).empty());
  EXPECT_EQ(ReadFile(checkpoint->artifact_path()), "machine code");
  EXPECT_EQ(ReadFile(checkpoint->spec_path()), "// a spec");
  EXPECT_EQ(fs::path(checkpoint->spec_path()).filename(), "model.mlir");
  UnigramEngine other(1, 4, 1);
  ASSERT_TRUE(checkpoint->RestoreAll(other).ok());
  EXPECT_EQ(other.logits(), engine_.logits());
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

TEST_F(CheckpointTest, StoreRotatesAndPointsToTheLatest) {
  absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(directory_ / "run/checkpoints");
  ASSERT_TRUE(store.ok()) << store.status();
  for (const int64_t step : {10, 20, 30}) {
    ASSERT_TRUE(store->Save(engine_, Record(step), attachments_, 2).ok());
    EXPECT_EQ(Checkpoint::Open(directory_ / "run")->run().step, step);
    EXPECT_EQ(Checkpoint::Open(directory_ / "run/checkpoints")->run().step, step);
  }
  const auto list = *store->List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].first, 20);
  EXPECT_EQ(list[1].first, 30);
}

TEST_F(CheckpointTest, ADamagedNewestFallsBackToThePreviousOne) {
  const std::string directory = directory_ / "run/checkpoints";
  absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(directory);
  EXPECT_FALSE(store->OpenNewest()->has_value());
  ASSERT_TRUE(store->Save(engine_, Record(10), attachments_, 0).ok());
  ASSERT_TRUE(store->Save(engine_, Record(20), attachments_, 0).ok());
  WriteFile(directory + "/step-00000020/" + kOptimizerFile, "gone");
  absl::StatusOr<std::optional<CheckpointStore::Newest>> newest = store->OpenNewest();
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ((*newest)->checkpoint.run().step, 10);
  EXPECT_THAT((*newest)->refused, testing::ElementsAre(HasSubstr(kOptimizerFile)));
  WriteFile(directory + "/step-00000010/" + kRunFile, "{}");
  EXPECT_EQ(ExitCodeFor(store->OpenNewest().status()), 3);
}

TEST_F(CheckpointTest, WhatACrashLeftBehindIsRemoved) {
  // No process has this id: Linux stops at 2^22.
  const std::string stale = directory_ / "run/checkpoints/step-00000030.tmp-99999999-0";
  fs::create_directories(stale);
  WriteFile(stale + "/weights.safetensors", "half");
  absl::StatusOr<CheckpointStore> store = CheckpointStore::Open(directory_ / "run/checkpoints");
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(store->List()->empty());
}

TEST_F(CheckpointTest, RewritingTheArtifactInPlaceLeavesCheckpointsIntact) {
  const std::string path = directory_ / "c";
  ASSERT_TRUE(WriteCheckpoint(path, engine_, Record(9), attachments_).ok());
  WriteFile(attachments_.artifact, "other code");
  EXPECT_TRUE(Checkpoint::Open(path).ok());
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

TEST_F(CheckpointTest, WeightsOfAnotherModelAreRefused) {
  const std::vector<float> values(256, 0.5f);
  const auto bytes = absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()), 1024);
  const auto load = [&](const std::vector<TensorView>& tensors) {
    const std::string path = directory_ / "w.safetensors";
    EXPECT_TRUE(WriteSafetensors(path, {}, tensors).ok());
    const SafetensorsFile file = *SafetensorsFile::Open(path);
    return LoadTensors(
        file, engine_.state(StateKind::kParameters), [&](size_t i) { return engine_.aliases(i); },
        [&](size_t i, absl::Span<const uint8_t> b) {
          return engine_.WriteState(StateKind::kParameters, i, b);
        });
  };
  EXPECT_TRUE(load({{"head.bias", DType::kF32, {256}, bytes}}).ok());
  EXPECT_EQ(engine_.logits(), values);
  EXPECT_TRUE(load({{"bias", DType::kF32, {256}, bytes}}).ok());  // its alias
  EXPECT_THAT(std::string(load({{"head.bais", DType::kF32, {256}, bytes}}).message()),
              HasSubstr("did you mean 'head.bais'"));
  EXPECT_THAT(std::string(load({{"head.bias", DType::kF32, {2, 128}, bytes}}).message()),
              HasSubstr("[2, 128]"));
  EXPECT_THAT(std::string(load({{"head.bias", DType::kI32, {256}, bytes}}).message()),
              HasSubstr("I32"));
  EXPECT_THAT(std::string(load({{"head.bias", DType::kF32, {256}, bytes},
                                {"extra", DType::kF32, {256}, bytes}})
                              .message()),
              HasSubstr("'extra'"));
}

}  // namespace
}  // namespace hydra::train
