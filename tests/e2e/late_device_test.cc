// Training, checkpoints, evaluation, generation and verify on a device whose memory nobody sees and
// whose work is late: the same bytes as on the plain one.
#include "tests/hal/late_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/data/tokenizer.h"
#include "runtime/diagnostics/verify.h"
#include "runtime/exec/session.h"
#include "runtime/generate/executor_decode_engine.h"
#include "runtime/generate/generator.h"
#include "runtime/hal/registry.h"
#include "runtime/toolchain/process.h"
#include "runtime/train/executor_engine.h"
#include "runtime/train/trainer.h"
#include "tests/base/test_paths.h"
#include "tests/data/temporary_directory.h"

namespace hydra {
namespace {

namespace fs = std::filesystem;

absl::Status HydraOpt(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {testing::BinaryDir() + "/bin/hydra-opt"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  HYDRA_ASSIGN_OR_RETURN(const toolchain::ProcessResult result, toolchain::RunProcess(command));
  if (result.exit_status == 0) return absl::OkStatus();
  return FailureError(absl::StrCat("hydra-opt ended with status ", result.exit_status));
}

absl::StatusOr<Session> Open(const std::string& path, bool late, int micro_batches = 1) {
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<hal::Device> device, hal::CreateDevice("cpu", {2, false}));
  if (late) device = hal::MakeLateDevice(std::move(device));
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<artifact::Artifact> artifact,
                         artifact::Artifact::Open(path));
  return Session::Open(std::shared_ptr<const artifact::Artifact>(std::move(artifact)),
                       std::move(device), {micro_batches, ""});
}

class LateDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(testing::BinaryDir() + "/bin/hydra-opt")) {
      GTEST_SKIP() << "this build has no hydra-opt";
    }
    artifact_ = directory_ / "tiny.hydra";
    const absl::Status compiled = HydraOpt(
        {testing::SourceDir() + "/tests/e2e/tiny.mlir", "-o", artifact_, "--cache=48",
         "--entry=train@2x16", "--entry=eval@2x16", "--entry=extend@2x16", "--entry=extend@2x1"});
    ASSERT_TRUE(compiled.ok()) << compiled;
    std::string text;
    for (int i = 0; i < 200; ++i) text += "the quick brown fox ";
    WriteFile(directory_ / "text.txt", text);
    ASSERT_TRUE(
        data::PrepareText({.files = {directory_ / "text.txt"}, .out = directory_ / "data"}).ok());
    dataset_.emplace(*data::Dataset::Open(directory_ / "data"));
  }

  // Trains to `stop_at` or to the end; the loss on held-out data at the end.
  absl::StatusOr<double> Train(bool late, int64_t lag, const std::string& out, bool resume,
                               std::optional<int64_t> stop_at) {
    constexpr int kMicroBatches = 2;
    train::Settings settings;
    for (const std::string& assignment :
         {std::string("steps=12"), std::string("lr=0.01"), std::string("save_interval=5"),
          std::string("eval_interval=4"), std::string("accum=2"),
          absl::StrCat("record_lag=", lag)}) {
      HYDRA_RETURN_IF_ERROR(settings.SetAssignment(assignment));
    }
    HYDRA_ASSIGN_OR_RETURN(Session session, Open(artifact_, late, kMicroBatches));
    HYDRA_ASSIGN_OR_RETURN(
        const std::unique_ptr<train::ExecutorEngine> engine,
        train::ExecutorEngine::Create(session.executor(),
                                      {.micro_batches = kMicroBatches, .steps_in_flight = lag}));
    HYDRA_ASSIGN_OR_RETURN(train::StartingPoint start,
                           train::OpenStartingPoint({.out = directory_ / out,
                                                     .mode = resume ? train::StartMode::kResume
                                                                    : train::StartMode::kNew}));
    HYDRA_ASSIGN_OR_RETURN(train::Trainer trainer,
                           train::Trainer::Create(*engine, *dataset_, settings, std::move(start),
                                                  {.stop_at = stop_at}, {}));
    HYDRA_RETURN_IF_ERROR(trainer.Run().status());
    return trainer.last_evaluation() ? trainer.last_evaluation()->loss : 0.0;
  }

  std::map<std::string, std::string> Files(const std::string& out) const {
    std::map<std::string, std::string> files;
    for (const auto& entry :
         fs::directory_iterator(directory_ / (out + "/checkpoints/step-00000012"))) {
      files[entry.path().filename().string()] = ReadFile(entry.path());
    }
    return files;
  }

  TemporaryDirectory directory_;
  std::string artifact_;
  std::optional<data::Dataset> dataset_;
};

TEST_F(LateDeviceTest, TrainingWritesTheSameCheckpoints) {
  const absl::StatusOr<double> plain = Train(false, 2, "plain", false, std::nullopt);
  ASSERT_TRUE(plain.ok()) << plain.status();
  const absl::StatusOr<double> late = Train(true, 2, "late", false, std::nullopt);
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(*plain, *late);
  EXPECT_EQ(Files("plain"), Files("late"));
  // Stopped on one device, resumed on the other, with another lag in flight.
  ASSERT_TRUE(Train(true, 2, "stopped", false, 7).ok());
  ASSERT_TRUE(Train(false, 2, "stopped", true, std::nullopt).ok());
  EXPECT_EQ(Files("plain"), Files("stopped"));
  ASSERT_TRUE(Train(true, 4, "four", false, std::nullopt).ok());
  for (const char* file : {"weights.safetensors", "optimizer.safetensors"}) {
    EXPECT_EQ(Files("plain").at(file), Files("four").at(file));
  }
}

TEST_F(LateDeviceTest, GenerationWritesTheSameText) {
  // More sequences than rows, of different lengths: together and one by one, here and there.
  const std::vector<std::string> prompts = {"the quick brown fox jumps", "a",
                                            "over the lazy dog and on"};
  class Silent final : public generate::TextObserver {
    void Text(size_t, absl::string_view) override {}
    void End(size_t) override {}
  } silent;
  std::vector<std::vector<std::string>> texts;
  for (const bool late : {false, true}) {
    absl::StatusOr<Session> session = Open(artifact_, late);
    ASSERT_TRUE(session.ok()) << session.status();
    ASSERT_TRUE(session->executor().InitializeParameters(3).ok());
    auto engine = generate::ExecutorDecodeEngine::Create(session->executor());
    ASSERT_TRUE(engine.ok()) << engine.status();
    auto tokenizer = data::MakeTokenizer("byte");
    ASSERT_TRUE(tokenizer.ok());
    const auto write = [&](const std::vector<std::string>& some) {
      const auto results =
          generate::Generate(**engine, **tokenizer, some, {.max_tokens = 16}, silent);
      EXPECT_TRUE(results.ok()) << results.status();
      if (!results.ok()) return;
      for (const generate::Generation& result : *results) texts.back().push_back(result.text);
    };
    texts.emplace_back();
    write(prompts);
    texts.emplace_back();
    for (const std::string& prompt : prompts) write({prompt});
  }
  ASSERT_EQ(texts[0].size(), prompts.size());
  EXPECT_FALSE(texts[0][0].empty());
  for (const auto& other : texts) EXPECT_EQ(other, texts[0]);
}

TEST_F(LateDeviceTest, AGoldenFilePasses) {
  const std::string path = testing::SourceDir() + "/tests/golden/01_base_untied_eval.safetensors";
  absl::StatusOr<Golden> golden = Golden::Open(path);
  ASSERT_TRUE(golden.ok()) << golden.status();
  VerifyOptions options;
  options.work_directory = directory_.path();
  options.hydra_opt = HydraOpt;
  options.open = [](const std::string& artifact) { return Open(artifact, true); };
  const absl::StatusOr<VerifyReport> report = VerifyGolden(*golden, options);
  ASSERT_TRUE(report.ok()) << report.status();
  for (const VerifyCheck& check : report->checks) {
    EXPECT_TRUE(check.verdict.pass) << check.name << ": " << check.verdict.problem;
  }
}

}  // namespace
}  // namespace hydra
