// Training with L steps in flight: what is decided, reported and saved does not depend on L.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/train/trainer.h"
#include "tests/data/temporary_directory.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int kSteps = 40, kFailing = 23;

class StepWatcher final : public TrainObserver {
 public:
  void OnStep(const StepReport& report) override { steps.push_back(report.step); }
  std::vector<int64_t> steps;
};

class RecordLagTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "the quick brown fox ";
    WriteFile(directory_ / "text.txt", text);
    ASSERT_TRUE(
        data::PrepareText({.files = {directory_ / "text.txt"}, .out = directory_ / "data"}).ok());
    dataset_.emplace(*data::Dataset::Open(directory_ / "data"));
  }

  absl::StatusOr<TrainOutcome> Train(UnigramEngine& engine, int64_t lag, const std::string& out,
                                     bool resume = false, TrainObserver* observer = nullptr) {
    Settings settings;
    for (const std::string& assignment :
         {absl::StrCat("steps=", kSteps), absl::StrCat("record_lag=", lag), std::string("lr=0.05"),
          std::string("save_interval=10"), std::string("eval_interval=0")}) {
      HYDRA_RETURN_IF_ERROR(settings.SetAssignment(assignment));
    }
    HYDRA_ASSIGN_OR_RETURN(
        StartingPoint start,
        OpenStartingPoint(
            {.out = Out(out), .mode = resume ? StartMode::kResume : StartMode::kNew}));
    std::vector<TrainObserver*> observers;
    if (observer != nullptr) observers.push_back(observer);
    HYDRA_ASSIGN_OR_RETURN(Trainer trainer, Trainer::Create(engine, *dataset_, settings,
                                                            std::move(start), {}, observers));
    return trainer.Run();
  }

  std::string Out(const std::string& name) const { return directory_ / name; }

  // Contents of a checkpoint's files: all of them, or what the device held alone.
  std::map<std::string, std::string> Files(const std::string& out, int step, bool all) const {
    char name[32];
    std::snprintf(name, sizeof(name), "/checkpoints/step-%08d", step);
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(Out(out) + name)) {
      const std::string file = entry.path().filename().string();
      if (all || entry.path().extension() == ".safetensors") files[file] = ReadFile(entry.path());
    }
    return files;
  }

  TemporaryDirectory directory_;
  std::optional<data::Dataset> dataset_;
};

TEST_F(RecordLagTest, EveryStepIsReportedInOrder) {
  for (const int64_t lag : {1, 2, 4}) {
    UnigramEngine engine(2, 8, 2);
    StepWatcher watcher;
    const std::string out = absl::StrCat("lag", lag);
    const absl::StatusOr<TrainOutcome> outcome = Train(engine, lag, out, false, &watcher);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    std::vector<int64_t> expected(kSteps);
    for (int i = 0; i < kSteps; ++i) expected[i] = i + 1;
    EXPECT_EQ(watcher.steps, expected);
    EXPECT_EQ(engine.largest_delay(), lag);
    EXPECT_EQ(Files(out, kSteps, false), Files("lag1", kSteps, false));
  }
}

TEST_F(RecordLagTest, AHaltedRunLeavesTheStateOfTheFailedStepForEveryLag) {
  for (const int64_t lag : {1, 2, 4}) {
    const std::string out = absl::StrCat("halted", lag), whole = absl::StrCat("whole", lag);
    UnigramEngine engine(2, 8, 2);
    engine.PoisonStep(kFailing);
    const absl::Status failure = Train(engine, lag, out).status();
    EXPECT_EQ(ExitCodeFor(failure), 5);
    EXPECT_THAT(std::string(failure.message()), HasSubstr(absl::StrCat("step ", kFailing)));
    EXPECT_TRUE(engine.halted());
    const absl::StatusOr<Checkpoint> checkpoint = OpenCheckpoint(Out(out));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ(checkpoint->run().step, kFailing);
    EXPECT_EQ(Files(out, kFailing, false), Files("halted1", kFailing, false)) << "lag " << lag;

    // Without the fault, the resumed run writes what one that never stopped writes.
    UnigramEngine resumed(2, 8, 2), unbroken(2, 8, 2);
    ASSERT_TRUE(Train(resumed, lag, out, true).ok());
    ASSERT_TRUE(Train(unbroken, lag, whole).ok());
    EXPECT_FALSE(resumed.halted());
    for (const int step : {30, 40}) {
      EXPECT_EQ(Files(out, step, true), Files(whole, step, true)) << "lag " << lag;
    }
  }
}

// A program without the latch has gone on by the time the host sees the failure.
TEST_F(RecordLagTest, WithoutTheLatchALaggedFailureSavesNothing) {
  for (const int64_t lag : {1, 2}) {
    UnigramEngine engine(2, 8, 1);
    engine.set_latches(false);
    engine.PoisonStep(kFailing);
    const std::string out = absl::StrCat("open", lag);
    EXPECT_EQ(ExitCodeFor(Train(engine, lag, out).status()), 5);
    EXPECT_EQ(OpenCheckpoint(Out(out))->run().step, lag == 1 ? kFailing : 20);
  }
}

// The failure is in flight when the run ends, or when a checkpoint is due.
TEST_F(RecordLagTest, FailuresAtBoundariesAreNotMissed) {
  for (const int step : {9, 38, 39}) {
    UnigramEngine engine(2, 8, 1);
    engine.PoisonStep(step);
    const std::string out = absl::StrCat("boundary", step);
    EXPECT_EQ(ExitCodeFor(Train(engine, 4, out).status()), 5);
    EXPECT_EQ(OpenCheckpoint(Out(out))->run().step, step);
  }
}

TEST_F(RecordLagTest, TheDefaultDependsOnTheRules) {
  Settings settings;
  EXPECT_EQ(RecordLag(settings, "corrected"), 2);
  EXPECT_EQ(RecordLag(settings, ""), 2);
  EXPECT_EQ(RecordLag(settings, "pytorch"), 1);
  ASSERT_TRUE(settings.Set("record_lag", "3").ok());
  EXPECT_EQ(RecordLag(settings, "pytorch"), 3);
}

TEST_F(RecordLagTest, MoreStepsThanTheEngineKeepsAreRefused) {
  UnigramEngine engine(2, 8, 1);
  EXPECT_THAT(std::string(Train(engine, 5, "five").status().message()), HasSubstr("in flight"));
}

}  // namespace
}  // namespace hydra::train
