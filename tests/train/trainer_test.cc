// The training loop on a small model: learning, resuming, stopping, refusing.
#include "runtime/train/trainer.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/metrics/sqlite.h"
#include "runtime/train/metrics_observer.h"
#include "tests/data/temporary_directory.h"
#include "tests/train/unigram_engine.h"

namespace hydra::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Recorder final : public TrainObserver {
 public:
  void OnStep(const StepReport& report) override { steps.push_back(report); }
  void OnEvaluation(int64_t step, const Evaluation& evaluation, double) override {
    evaluations.emplace_back(step, evaluation.loss);
  }
  void OnWarning(const std::string& message) override { warnings.push_back(message); }

  std::vector<StepReport> steps;
  std::vector<std::pair<int64_t, double>> evaluations;
  std::vector<std::string> warnings;
};

void NoWarning(const std::string& message) { ADD_FAILURE() << message; }

class TrainerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "the quick brown fox ";
    WriteFile(directory_ / "text.txt", text);
    ASSERT_TRUE(
        data::PrepareText({.files = {directory_ / "text.txt"}, .out = directory_ / "data"}).ok());
    dataset_.emplace(*data::Dataset::Open(directory_ / "data"));
    for (const char* assignment : {"steps=40", "lr=0.05", "save_interval=10", "eval_interval=20",
                                   "seed=3", "keep_checkpoints=0"}) {
      ASSERT_TRUE(settings_.SetAssignment(assignment).ok());
    }
  }

  absl::StatusOr<TrainOutcome> Train(UnigramEngine& engine, TrainerOptions options,
                                     TrainObserver* observer = nullptr) {
    std::vector<TrainObserver*> observers;
    if (observer != nullptr) observers.push_back(observer);
    absl::StatusOr<Trainer> trainer =
        Trainer::Create(engine, *dataset_, settings_, std::move(options), observers);
    if (!trainer.ok()) return trainer.status();
    return trainer->Run();
  }
  std::string Out(const std::string& name) const { return directory_ / name; }
  static std::string CheckpointPath(const std::string& out, int step) {
    char name[32];
    std::snprintf(name, sizeof(name), "/checkpoints/step-%08d", step);
    return out + name;
  }
  // Names and contents of all files of a checkpoint.
  static std::map<std::string, std::string> Contents(const std::string& path) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(path)) {
      files[entry.path().filename().string()] = ReadFile(entry.path().string());
    }
    return files;
  }

  TemporaryDirectory directory_;
  std::optional<data::Dataset> dataset_;
  Settings settings_;
};

TEST_F(TrainerTest, LossFallsAndStateMoves) {
  UnigramEngine engine(2, 8, 3);
  Recorder recorder;
  absl::StatusOr<TrainOutcome> outcome = Train(engine, {.out = Out("run")}, &recorder);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, TrainOutcome::kFinished);
  ASSERT_EQ(recorder.steps.size(), 40u);
  EXPECT_EQ(recorder.steps.front().step, 1);
  EXPECT_NEAR(recorder.steps.front().losses[0].second, std::log(256.0), 0.1);
  EXPECT_LT(recorder.steps.back().losses[0].second, recorder.steps.front().losses[0].second - 1);
  ASSERT_EQ(recorder.evaluations.size(), 2u);
  EXPECT_LT(recorder.evaluations[1].second, recorder.evaluations[0].second);
  EXPECT_DOUBLE_EQ(engine.control("loss_scale"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(engine.control("clip_min"), 50);
  EXPECT_DOUBLE_EQ(engine.control("spike_norm"), 1e6);
}

TEST_F(TrainerTest, SeedsDecideWeightsAndBatches) {
  UnigramEngine a(2, 8, 1), b(2, 8, 1), c(2, 8, 1);
  ASSERT_TRUE(Train(a, {.out = Out("a")}).ok());
  ASSERT_TRUE(Train(b, {.out = Out("b")}).ok());
  ASSERT_TRUE(settings_.Set("seed", "4").ok());
  ASSERT_TRUE(Train(c, {.out = Out("c")}).ok());
  EXPECT_EQ(a.logits(), b.logits());
  EXPECT_NE(a.logits(), c.logits());
}

TEST_F(TrainerTest, InterruptedRunsWriteTheSameBytes) {
  UnigramEngine whole(2, 8, 2);
  ASSERT_TRUE(Train(whole, {.out = Out("whole")}).ok());
  for (const int stop : {1, 7, 10, 23, 39}) {
    const std::string out = Out("stopped" + std::to_string(stop));
    UnigramEngine first(2, 8, 2), second(2, 8, 2);
    absl::StatusOr<TrainOutcome> outcome = Train(first, {.out = out, .stop_at = stop});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(*outcome, TrainOutcome::kStopped);
    outcome = Train(second, {.out = out, .resume = true});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    for (const int step : {10, 20, 30, 40}) {
      EXPECT_EQ(Contents(CheckpointPath(Out("whole"), step)), Contents(CheckpointPath(out, step)))
          << "stopped at " << stop << ", checkpoint " << step;
    }
  }
}

TEST_F(TrainerTest, AnInterruptionEndsWithACheckpoint) {
  UnigramEngine engine(2, 8, 1);
  int asked = 0;
  absl::StatusOr<TrainOutcome> outcome =
      Train(engine, {.out = Out("run"), .interrupted = [&] { return ++asked == 6; }});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, TrainOutcome::kInterrupted);
  EXPECT_EQ(Checkpoint::Open(Out("run"))->run().step, 5);
}

TEST_F(TrainerTest, ANonFiniteNormStopsAndKeepsTheLastCheckpoint) {
  UnigramEngine engine(2, 8, 1);
  engine.PoisonStep(24);
  absl::StatusOr<TrainOutcome> outcome = Train(engine, {.out = Out("run")});
  EXPECT_EQ(ExitCodeFor(outcome.status()), 5);
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("step 24"));
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("step-00000020"));
  EXPECT_EQ(Checkpoint::Open(Out("run"))->run().step, 20);
}

TEST_F(TrainerTest, ANonFiniteNormIsNeverCheckpointed) {
  // The norm of step 9 is only looked at by a decision after the checkpoint of 10 updates.
  ASSERT_TRUE(settings_.Set("record_lag", "4").ok());
  UnigramEngine engine(2, 8, 1);
  engine.PoisonStep(9);
  EXPECT_EQ(ExitCodeFor(Train(engine, {.out = Out("run")}).status()), 5);
  EXPECT_FALSE(fs::exists(CheckpointPath(Out("run"), 10)));
}

TEST_F(TrainerTest, RefusesToOverwriteARun) {
  UnigramEngine engine(2, 8, 1);
  ASSERT_TRUE(Train(engine, {.out = Out("run")}).ok());
  EXPECT_EQ(ExitCodeFor(Train(engine, {.out = Out("run")}).status()), 2);
  EXPECT_EQ(ExitCodeFor(Train(engine, {.out = Out("none"), .resume = true}).status()), 3);
}

TEST_F(TrainerTest, ReportsWhatDiffersOnResume) {
  UnigramEngine first(2, 8, 1), second(2, 8, 1);
  ASSERT_TRUE(Train(first, {.out = Out("run"), .stop_at = 5}).ok());
  second.mutable_facts().isa_level = "other";
  ASSERT_TRUE(settings_.Set("weight_decay", "0.2").ok());
  Recorder recorder;
  ASSERT_TRUE(Train(second, {.out = Out("run"), .resume = true}, &recorder).ok());
  EXPECT_THAT(recorder.warnings, testing::UnorderedElementsAre(HasSubstr("instruction-set level"),
                                                               HasSubstr("weight_decay")));
}

TEST_F(TrainerTest, RefusesSettingsThatMakeNoSense) {
  for (const char* assignment : {"accum=0", "record_lag=0", "weight_decay=-1", "min_lr=1"}) {
    Settings settings = settings_;
    ASSERT_TRUE(settings.SetAssignment(assignment).ok());
    UnigramEngine engine(2, 8, 1);
    EXPECT_EQ(
        ExitCodeFor(Trainer::Create(engine, *dataset_, settings, {.out = Out("x")}, {}).status()),
        2)
        << assignment;
  }
}

TEST_F(TrainerTest, RefusesDataOfALargerVocabulary) {
  UnigramEngine engine(2, 8, 1);
  engine.mutable_facts().vocab_size = 100;
  EXPECT_EQ(ExitCodeFor(Train(engine, {.out = Out("x")}).status()), 3);
}

TEST_F(TrainerTest, MetricsFollowTheRun) {
  UnigramEngine first(2, 8, 1), second(2, 8, 1);
  MetricsObserver observer(Out("run"), {{"threads", "1"}}, NoWarning);
  ASSERT_TRUE(Train(first, {.out = Out("run"), .stop_at = 15}, &observer).ok());
  MetricsObserver again(Out("run"), {{"threads", "2"}}, NoWarning);
  absl::StatusOr<TrainOutcome> outcome = Train(second, {.out = Out("run"), .resume = true}, &again);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  absl::StatusOr<metrics::Database> database =
      metrics::Database::Open(again.database_path(), metrics::Database::Mode::kReadOnly);
  ASSERT_TRUE(database.ok()) << database.status();
  absl::StatusOr<metrics::Statement> query =
      database->Prepare("SELECT count(*), count(DISTINCT run_id), max(step) FROM steps");
  ASSERT_TRUE(*query->Step());
  EXPECT_EQ(query->Integer(0), 40);
  EXPECT_EQ(query->Integer(1), 1);
  EXPECT_EQ(query->Integer(2), 40);
}

}  // namespace
}  // namespace hydra::train
