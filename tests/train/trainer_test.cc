// The training loop on a small model: learning, resuming, stopping, refusing.
#include "runtime/train/trainer.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/io/file_digest.h"
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

// A command line, as far as these tests need one.
struct TestRun {
  std::string out;
  std::optional<int64_t> stop_at = std::nullopt;
  bool resume = false;
  std::optional<int64_t> resume_from = std::nullopt;
  std::string weights = {};
  std::function<bool()> interrupted = nullptr;
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

  absl::StatusOr<TrainOutcome> Train(UnigramEngine& engine, TestRun run,
                                     TrainObserver* observer = nullptr) {
    std::vector<TrainObserver*> observers;
    if (observer != nullptr) observers.push_back(observer);
    const bool resumes = run.resume || run.resume_from;
    HYDRA_ASSIGN_OR_RETURN(
        StartingPoint start,
        OpenStartingPoint({.out = run.out,
                           .mode = resumes ? StartMode::kResume : StartMode::kNew,
                           .step = run.resume_from}));
    HYDRA_ASSIGN_OR_RETURN(Trainer trainer,
                           Trainer::Create(engine, *dataset_, settings_, std::move(start),
                                           {.stop_at = run.stop_at,
                                            .weights = run.weights,
                                            .interrupted = run.interrupted,
                                            .save_retry_pause = std::chrono::milliseconds(1)},
                                           observers));
    return trainer.Run();
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
  Settings reseeded;
  for (const auto& [key, value] : settings_.RunValues()) {
    ASSERT_TRUE(reseeded.Set(key, key == "seed" ? "4" : value).ok());
  }
  settings_ = reseeded;
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
  EXPECT_EQ(OpenCheckpoint(Out("run"))->run().step, 5);
}

TEST_F(TrainerTest, ANonFiniteNormSavesTheStateBeforeIt) {
  UnigramEngine whole(2, 8, 1);
  ASSERT_TRUE(Train(whole, {.out = Out("whole"), .stop_at = 24}).ok());
  Settings given;
  for (const auto& [key, value] : settings_.RunValues()) {
    if (key != "record_lag") {
      ASSERT_TRUE(given.Set(key, key == "keep_checkpoints" ? "1" : value).ok());
    }
  }
  for (const char* lag : {"1", "4"}) {
    settings_ = given;
    ASSERT_TRUE(settings_.Set("record_lag", lag).ok());
    const std::string out = Out(std::string("run") + lag);
    UnigramEngine engine(2, 8, 1);
    engine.PoisonStep(24);
    Recorder recorder;
    absl::StatusOr<TrainOutcome> outcome = Train(engine, {.out = out}, &recorder);
    EXPECT_EQ(ExitCodeFor(outcome.status()), 5);
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("step 24"));
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("step-00000024"));
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("--resume-from STEP"));
    EXPECT_TRUE(std::isnan(recorder.steps.back().grad_norm));
    // The older one stays too: this state may be beyond repair.
    EXPECT_TRUE(fs::exists(CheckpointPath(out, 20)));
    EXPECT_EQ(Contents(CheckpointPath(out, 24)).at("weights.safetensors"),
              Contents(CheckpointPath(Out("whole"), 24)).at("weights.safetensors"));
    // With the cause gone, the run ends as if it had never been.
    UnigramEngine again(2, 8, 1), never(2, 8, 1);
    ASSERT_TRUE(Train(again, {.out = out, .resume = true}).ok());
    ASSERT_TRUE(Train(never, {.out = Out(std::string("never") + lag)}).ok());
    EXPECT_EQ(Contents(CheckpointPath(out, 40)),
              Contents(CheckpointPath(Out(std::string("never") + lag), 40)));
  }
}

TEST_F(TrainerTest, BrokenParametersAreNeverSaved) {
  UnigramEngine engine(2, 8, 1);
  engine.BreakParametersAt(24);
  absl::StatusOr<TrainOutcome> outcome = Train(engine, {.out = Out("run")});
  EXPECT_EQ(ExitCodeFor(outcome.status()), 5);
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("head.bias"));
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("step-00000020"));
  EXPECT_EQ(OpenCheckpoint(Out("run"))->run().step, 20);
}

TEST_F(TrainerTest, ResumesFromAnEarlierCheckpoint) {
  UnigramEngine whole(2, 8, 1), again(2, 8, 1), third(2, 8, 1);
  ASSERT_TRUE(Train(whole, {.out = Out("run")}).ok());
  const auto end = Contents(CheckpointPath(Out("run"), 40));
  EXPECT_EQ(ExitCodeFor(Train(again, {.out = Out("run"), .resume_from = 15}).status()), 3);
  Recorder recorder;
  ASSERT_TRUE(Train(again, {.out = Out("run"), .stop_at = 25, .resume_from = 20}, &recorder).ok());
  EXPECT_EQ(recorder.steps.front().step, 21);
  // The checkpoints of the way not taken are out of the way, and whole.
  EXPECT_EQ(Contents(Out("run") + "/abandoned/step-00000040"), end);
  EXPECT_THAT(recorder.warnings, testing::Contains(HasSubstr("abandoned/step-00000030")));
  EXPECT_EQ(OpenCheckpoint(Out("run"))->run().step, 25);
  ASSERT_TRUE(Train(third, {.out = Out("run"), .resume = true}).ok());
  EXPECT_EQ(Contents(CheckpointPath(Out("run"), 40)), end);
}

TEST_F(TrainerTest, StartsFromGivenWeights) {
  UnigramEngine first(2, 8, 1), second(2, 8, 1);
  ASSERT_TRUE(Train(first, {.out = Out("first")}).ok());
  const std::string weights = OpenCheckpoint(Out("first"))->weights_path();
  Recorder recorder;
  ASSERT_TRUE(
      Train(second, {.out = Out("second"), .stop_at = 1, .weights = weights}, &recorder).ok());
  // As good as the first run ended, where initial weights know nothing.
  EXPECT_LT(recorder.steps.front().losses[0].second, std::log(256.0) - 1);
  const Checkpoint checkpoint = *OpenCheckpoint(Out("second"));
  EXPECT_EQ(checkpoint.run().initial_weights, DigestOfFile(weights)->hash.ToHex());
  UnigramEngine plain(2, 8, 1);
  ASSERT_TRUE(Train(plain, {.out = Out("plain"), .stop_at = 1}).ok());
  EXPECT_NE(OpenCheckpoint(Out("plain"))->run().run_id, checkpoint.run().run_id);
  // The optimizer begins afresh: one step is counted.
  UnigramEngine look(2, 8, 1);
  ASSERT_TRUE(checkpoint.RestoreAll(look).ok());
  EXPECT_EQ(look.steps(), 1);
}

TEST_F(TrainerTest, ASecondTrainerIsRefusedByName) {
  UnigramEngine engine(2, 8, 1);
  const StartingPoint held = *OpenStartingPoint({.out = Out("run")});
  const absl::Status refused = Train(engine, {.out = Out("run")}).status();
  EXPECT_EQ(KindOf(refused), ErrorKind::kFailure);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("run: expected no other writer"));
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("process " + std::to_string(::getpid()) + " on "));
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
  EXPECT_THAT(recorder.warnings, testing::IsSupersetOf({HasSubstr("instruction-set level"),
                                                        HasSubstr("weight_decay")}));
}

TEST_F(TrainerTest, RefusesSettingsThatMakeNoSense) {
  for (const char* assignment : {"min_lr=1", "clip_max=1", "size=big", "mod_aux_weight=1"}) {
    Settings settings = settings_;
    ASSERT_TRUE(settings.SetAssignment(assignment).ok());
    UnigramEngine engine(2, 8, 1);
    absl::StatusOr<StartingPoint> start = OpenStartingPoint({.out = Out("x")});
    ASSERT_TRUE(start.ok()) << start.status();
    EXPECT_EQ(ExitCodeFor(
                  Trainer::Create(engine, *dataset_, settings, *std::move(start), {}, {}).status()),
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
