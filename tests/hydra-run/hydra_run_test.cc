// hydra-run from the outside: its commands, files, exit codes and messages.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/toolchain/process.h"
#include "tests/base/test_paths.h"
#include "tests/data/temporary_directory.h"
#include "tests/hydra-run/command_model.h"

namespace hydra::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using ::testing::HasSubstr;

class HydraRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<uint8_t> artifact = testing::CommandModel();
    WriteFile(directory_ / "m.hydra", std::string(artifact.begin(), artifact.end()));
    std::string text;
    for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\n";
    WriteFile(directory_ / "t.txt", text);
    ASSERT_EQ(Run("data text $D/t.txt --out $D/data"), 0) << output_;
  }

  // Runs `hydra-run ARGUMENTS`, where $D is the test's directory; keeps what it printed.
  int Run(const std::string& arguments) { return Shell("\"$RUN\" " + arguments); }
  int Shell(const std::string& script) {
    absl::StatusOr<toolchain::ProcessResult> result = toolchain::RunProcess(
        {"/bin/sh", "-c",
         "D='" + directory_.path() + "'; RUN='" + hydra::testing::BinaryDir() +
             "/bin/hydra-run'; exec 2> \"$D/stderr\"; " + script});
    EXPECT_TRUE(result.ok()) << result.status();
    output_ = result->output;
    errors_ = ReadFile(directory_ / "stderr");
    return result->exit_status;
  }
  // Every file of a checkpoint.
  std::map<std::string, std::string> Checkpoint(const std::string& run, const std::string& step) {
    std::map<std::string, std::string> files;
    for (const auto& entry :
         fs::directory_iterator(directory_ / (run + "/checkpoints/step-" + step))) {
      files[entry.path().filename().string()] = ReadFile(entry.path().string());
    }
    return files;
  }

  TemporaryDirectory directory_;
  std::string output_, errors_;
};

constexpr char kTrain[] =
    "train $D/m.hydra --data $D/data --steps 12 --accum 2 --seed 5 --set save_interval=4 "
    "--set keep_checkpoints=0 ";

TEST_F(HydraRunTest, TrainsResumesAndWritesTheSameBytes) {
  const std::string train = kTrain;
  ASSERT_EQ(Run(train + "--threads 1 --out $D/whole"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr("held-out    5.0000"));
  EXPECT_THAT(errors_, HasSubstr("step 12/12"));
  for (const char* stop : {"1", "4", "7"}) {
    const std::string out = std::string("--out $D/s") + stop + " ";
    ASSERT_EQ(Run(train + out + "--threads 2 --stop-at " + stop), 0) << errors_;
    ASSERT_EQ(Run("train $D/m.hydra --data $D/data --resume " + out), 0) << errors_;
    for (const char* step : {"00000004", "00000008", "00000012"}) {
      EXPECT_EQ(Checkpoint("whole", step), Checkpoint(std::string("s") + stop, step)) << stop;
    }
  }
  const auto files = Checkpoint("whole", "00000012");
  for (const char* name : {"weights.safetensors", "optimizer.safetensors", "run.json",
                           "control_state.safetensors", "model.mlir", "model.hydra"}) {
    EXPECT_TRUE(files.contains(name)) << name;
  }
  ASSERT_EQ(Run(train + "--out $D/share --json"), 0) << errors_;
  EXPECT_GE(Json::parse(output_)["host_share"], 0.0);
  EXPECT_LT(Json::parse(output_)["host_share"], 1.0);
  std::string other = train;
  other.replace(other.find("--seed 5"), 8, "--seed 6");
  ASSERT_EQ(Run(other + "--out $D/other"), 0) << errors_;
  EXPECT_NE(files.at("weights.safetensors"),
            Checkpoint("other", "00000012").at("weights.safetensors"));
  EXPECT_NE(files.at("optimizer.safetensors"),
            Checkpoint("other", "00000012").at("optimizer.safetensors"));
}

TEST_F(HydraRunTest, SigtermEndsWithACheckpoint) {
  const int status = Shell(
      "\"$RUN\" train $D/m.hydra --data $D/data --steps 100000000 --out $D/run "
      "--set save_interval=0 --set eval_interval=0 & "
      "pid=$!; while kill -0 $pid && [ ! -s $D/run/steps.jsonl ]; do sleep 0.05; done; "
      "kill -TERM $pid; wait $pid");
  EXPECT_EQ(status, 143) << errors_;
  EXPECT_THAT(errors_, HasSubstr("checkpoint"));
  EXPECT_EQ(Run("inspect $D/run"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr("every file intact"));
}

TEST_F(HydraRunTest, ADamagedCheckpointIsRefusedAndThePreviousOneUsed) {
  ASSERT_EQ(Run(std::string(kTrain) + "--out $D/run"), 0) << errors_;
  const std::string newest = directory_ / "run/checkpoints/step-00000012/weights.safetensors";
  const std::string good = ReadFile(newest);
  WriteFile(newest, good.substr(0, good.size() - 1));
  const std::string named = "$D/run/checkpoints/step-00000012 ";
  EXPECT_EQ(Run("inspect " + named), 3);
  EXPECT_THAT(errors_, HasSubstr("torn"));
  EXPECT_EQ(Run("generate " + named + "--prompt a"), 3);
  // The run as a whole stands for its newest good one, for readers as for --resume.
  for (const char* reader :
       {"inspect $D/run", "generate $D/run --prompt a", "eval $D/run --data $D/data",
        "inspect $D/run/checkpoints/latest", "checkpoint export $D/run -o $D/fallen.safetensors"}) {
    EXPECT_EQ(Run(reader), 0) << reader << errors_;
    EXPECT_THAT(errors_, HasSubstr("a newer checkpoint is refused")) << reader;
    EXPECT_THAT(errors_, HasSubstr("torn")) << reader;
    EXPECT_THAT(errors_, HasSubstr("(step 8)")) << reader;
  }
  EXPECT_EQ(Run(std::string(kTrain) + "--out $D/run --resume"), 0) << errors_;
  EXPECT_THAT(errors_, HasSubstr("a newer checkpoint is refused"));
  EXPECT_THAT(errors_, HasSubstr("resuming at step 8"));
  EXPECT_EQ(ReadFile(newest), good);
}

TEST_F(HydraRunTest, GeneratesTheSameTextFromTheSameSeed) {
  ASSERT_EQ(Run(std::string(kTrain) + "--out $D/run"), 0) << errors_;
  ASSERT_EQ(Run("generate $D/run --prompt 'Hello, ' --tokens 20 --seed 97"), 0) << errors_;
  const std::string first = output_;
  EXPECT_THAT(first, ::testing::MatchesRegex("Hello, [a-z]+\n"));
  EXPECT_EQ(first.size(), 7u + 20 + 1);
  ASSERT_EQ(Run("generate $D/run --prompt 'Hello, ' --tokens 20 --seed 97"), 0);
  EXPECT_EQ(output_, first);
  ASSERT_EQ(Run("generate $D/run --prompt 'Hello, ' --tokens 20 --seed 98"), 0);
  EXPECT_NE(output_, first);
  ASSERT_EQ(Run("generate $D/run --prompt 'Hello, ' --seed 97 --tokens 3 --json"), 0);
  EXPECT_EQ(Json::parse(output_)["results"][0]["text"], "aaa");
  // Several prompts are several lines, in their order.
  WriteFile(directory_ / "prompts", "one \ntwo \n");
  ASSERT_EQ(Run("generate $D/run --prompt zero --prompts $D/prompts --tokens 2 --seed 97"), 0);
  EXPECT_EQ(output_, "zeroaa\none aa\ntwo aa\n");
  WriteFile(directory_ / "prompts", "one\n\ntwo\n");
  EXPECT_EQ(Run("generate $D/run --prompts $D/prompts"), 3);
  EXPECT_THAT(errors_, HasSubstr("prompts:2: expected a prompt on every line"));
  EXPECT_EQ(Run("generate $D/run"), 2);
  EXPECT_THAT(errors_, HasSubstr("--prompt"));
  EXPECT_EQ(Run("generate $D/m.hydra --prompt a --rows 3"), 2);
  EXPECT_THAT(errors_, HasSubstr("decodes 1 sequences at once"));
  EXPECT_EQ(Run("generate $D/run --prompt '' "), 2);
  EXPECT_EQ(Run("generate $D/run --prompt a --top-p 3"), 2);
}

TEST_F(HydraRunTest, EvaluatesInspectsMeasures) {
  ASSERT_EQ(Run("eval $D/m.hydra --data $D/data --json"), 0) << errors_;
  EXPECT_THAT(errors_, HasSubstr("no weights"));
  EXPECT_EQ(Json::parse(output_)["loss"], 5.0);
  ASSERT_EQ(Run("inspect $D/m.hydra --json"), 0) << errors_;
  EXPECT_EQ(Json::parse(output_)["parameter_count"], 4096);
  EXPECT_EQ(Json::parse(output_)["entries"].size(), 5u);
  EXPECT_EQ(Json::parse(output_)["precision"], "f32");
  const Json accumulate = Json::parse(output_)["entries"][0],
             apply = Json::parse(output_)["entries"][1];
  EXPECT_EQ(apply["collective_commands"], 1);
  ASSERT_EQ(accumulate["record"].size(), 3u);
  EXPECT_EQ(
      accumulate["record"][0],
      Json(
          {{"name", "loss.total"}, {"type", "f32"}, {"shape", Json::array()}, {"reduce", "mean"}}));
  EXPECT_EQ(accumulate["record"][2]["shape"], Json({2, 3}));
  ASSERT_EQ(Run("inspect $D/m.hydra"), 0);
  EXPECT_THAT(output_, HasSubstr("accumulate@2x8"));
  EXPECT_THAT(output_, HasSubstr("counts        accumulate  i32   [2, 3]  sum"));
  ASSERT_EQ(Run("bench $D/m.hydra --steps 3 --json"), 0) << errors_;
  EXPECT_EQ(Json::parse(output_)["entries"].size(), 4u);
  // In a world of one a collective does nothing, and that is counted.
  ASSERT_EQ(Run("bench $D/m.hydra --entry train@2x8 --steps 3 --warmup 1 --profile --json"), 0)
      << errors_;
  uint64_t collectives = 0;
  const Json bench = Json::parse(output_);
  for (const Json& row : bench["entries"][0]["profile"]) {
    if (row["kind"] == "collective") collectives += row["runs"].get<uint64_t>();
  }
  EXPECT_EQ(collectives, 5u);  // one run before those
  ASSERT_EQ(Run("train $D/m.hydra --dry-run --accum 3 --json"), 0) << errors_;
  EXPECT_EQ(Json::parse(output_)["accum"], 3);
  EXPECT_GT(Json::parse(output_)["tokens_per_second"], 0);
}

TEST_F(HydraRunTest, WeightsGoOutAndIn) {
  ASSERT_EQ(Run(std::string(kTrain) + "--out $D/run"), 0) << errors_;
  ASSERT_EQ(Run("checkpoint export $D/run -o $D/w.safetensors"), 0) << errors_;
  EXPECT_EQ(ReadFile(directory_ / "w.safetensors"),
            Checkpoint("run", "00000012").at("weights.safetensors"));
  ASSERT_EQ(Run("checkpoint import $D/w.safetensors --model $D/m.hydra -o $D/c"), 0) << errors_;
  EXPECT_EQ(ReadFile(directory_ / "c/weights.safetensors"), ReadFile(directory_ / "w.safetensors"));
  ASSERT_EQ(Run("generate $D/c --prompt a --tokens 2"), 0) << errors_;
  WriteFile(directory_ / "bad.safetensors", "not a file of tensors");
  EXPECT_EQ(Run("checkpoint import $D/bad.safetensors --model $D/m.hydra -o $D/c2"), 3);
}

TEST_F(HydraRunTest, ExitCodesOfBadRequestsAndFiles) {
  EXPECT_EQ(Run("--version"), 0);
  EXPECT_EQ(Run(""), 2);
  EXPECT_EQ(Run("train --no-such-flag"), 2);
  EXPECT_EQ(Run(std::string(kTrain) + "--out $D/x --set warmpu_steps=3"), 2);
  EXPECT_THAT(errors_, HasSubstr("did you mean 'warmup_steps'"));
  EXPECT_EQ(Run(std::string(kTrain) + "--out $D/x --precision bf16"), 2);
  EXPECT_THAT(errors_, HasSubstr("hydra-opt MODEL --precision=bf16"));
  EXPECT_EQ(Run(std::string(kTrain) + "--out $D/x --batch 9"), 2);
  EXPECT_THAT(errors_, HasSubstr("found train@2x8"));
  EXPECT_EQ(Run("train $D/none.hydra --data $D/data --out $D/x"), 3);
  EXPECT_EQ(Run("train $D/m.hydra --data $D/none --out $D/x"), 3);
  EXPECT_EQ(Run("eval $D/none --data $D/data"), 3);
  const std::string artifact = ReadFile(directory_ / "m.hydra");
  WriteFile(directory_ / "m.hydra", artifact.substr(0, artifact.size() / 2));
  EXPECT_EQ(Run("inspect $D/m.hydra"), 3);
  // Nothing was started under --out by a request that failed.
  EXPECT_FALSE(fs::exists(directory_ / "x/checkpoints"));
}

TEST_F(HydraRunTest, NoColorCodesOutsideATerminal) {
  Run("inspect $D/none");
  EXPECT_EQ(errors_.find('\033'), std::string::npos);
  Run(std::string(kTrain) + "--out $D/run");
  EXPECT_EQ(errors_.find('\033'), std::string::npos);
  EXPECT_EQ(errors_.find('\r'), std::string::npos);
}

}  // namespace
}  // namespace hydra::tools
