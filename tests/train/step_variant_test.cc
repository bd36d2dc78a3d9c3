// Steps of different variants of one program: prepared on first use, chosen before each step, and
// never waiting for the steps in flight.
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/train/executor_engine.h"
#include "tests/train/history_model.h"

namespace hydra::train {
namespace {

using testing::HasSubstr;

constexpr int64_t kSteps = 20, kStop = 11;
constexpr int64_t kMicroBatches = 2;

struct Report {
  int64_t step;
  double total, extra, lr;
  std::vector<double> ids;
};

class Reports final : public TrainObserver {
 public:
  void OnStep(const StepReport& report) override {
    const StepField& ids = *FindField(report.fields, "ids");
    const absl::Span<const double> values = report.values.subspan(ids.first, ids.elements);
    list.push_back({report.step,
                    report.values[FindField(report.fields, "loss.total")->first],
                    report.values[FindField(report.fields, "loss.extra")->first],
                    report.lr,
                    {values.begin(), values.end()}});
  }
  std::vector<Report> list;
};

class StepVariantTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = HistoryModel();
    absl::StatusOr<data::Dataset> data = HistoryData(directory_);
    ASSERT_TRUE(data.ok()) << data.status();
    dataset_.emplace(*std::move(data));
  }

  absl::Status Train(DeviceKind kind, int64_t lag, const std::string& out, bool resume,
                     std::optional<int64_t> stop_at, TrainObserver* observer = nullptr) {
    Settings settings;
    for (const std::string& assignment :
         {absl::StrCat("steps=", kSteps), absl::StrCat("record_lag=", lag),
          std::string("save_interval=0"), std::string("eval_interval=0"), std::string("lr=0.05"),
          absl::StrCat("accum=", kMicroBatches)}) {
      HYDRA_RETURN_IF_ERROR(settings.SetAssignment(assignment));
    }
    HYDRA_ASSIGN_OR_RETURN(Session session, OpenHistoryModel(file_, kind, kMicroBatches));
    HYDRA_ASSIGN_OR_RETURN(
        const std::unique_ptr<ExecutorEngine> engine,
        ExecutorEngine::Create(session.executor(),
                               {.micro_batches = kMicroBatches, .steps_in_flight = lag}));
    HYDRA_ASSIGN_OR_RETURN(
        StartingPoint start,
        OpenStartingPoint(
            {.out = directory_ / out, .mode = resume ? StartMode::kResume : StartMode::kNew}));
    EveryThird policy;
    std::vector<TrainObserver*> observers;
    if (observer != nullptr) observers.push_back(observer);
    HYDRA_ASSIGN_OR_RETURN(Trainer trainer,
                           Trainer::Create(*engine, *dataset_, settings, std::move(start),
                                           {.stop_at = stop_at, .policy = &policy}, observers));
    return trainer.Run().status();
  }

  std::map<std::string, std::string> Files(const std::string& out) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(
             directory_ / absl::StrCat(out, "/checkpoints/step-000000", kSteps))) {
      files[entry.path().filename().string()] = ReadFile(entry.path());
    }
    return files;
  }

  TemporaryDirectory directory_;
  std::vector<uint8_t> file_;
  std::optional<data::Dataset> dataset_;
};

TEST_F(StepVariantTest, EveryStepRunsItsVariantOnItsBatch) {
  const auto batches = data::TrainingBatches::Create(dataset_->train(), kHistoryBatch, kHistorySeq,
                                                     Settings().Integer("seed"));
  ASSERT_TRUE(batches.ok()) << batches.status();
  for (const DeviceKind kind : {DeviceKind::kPlain, DeviceKind::kValidated, DeviceKind::kLate}) {
    const std::string out = absl::StrCat("run", static_cast<int>(kind));
    Reports reports;
    const absl::Status status = Train(kind, 2, out, false, std::nullopt, &reports);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(reports.list.size(), static_cast<size_t>(kSteps));
    for (int64_t step = 0; step < kSteps; ++step) {
      const Report& report = reports.list[static_cast<size_t>(step)];
      const bool targets = EveryThird::UsesTargets(step);
      EXPECT_EQ(report.step, step + 1);
      EXPECT_EQ(report.total, 2.5);
      EXPECT_EQ(report.extra, targets ? 0.5 : 0.0) << step;
      EXPECT_GT(report.lr, 0);
      std::vector<double> ids = {0, 0};
      for (int64_t micro = 0; micro < kMicroBatches; ++micro) {
        std::vector<int32_t> in(kHistoryBatch * kHistorySeq), out_ids(in.size());
        ASSERT_TRUE(batches->Fill(step, micro, absl::MakeSpan(in), absl::MakeSpan(out_ids)).ok());
        for (int i = 0; i < 2; ++i) ids[i] += targets ? out_ids[i] : in[i];
      }
      EXPECT_EQ(report.ids, ids) << step;
    }
    EXPECT_EQ(Files(out), Files("run0"));
  }
}

TEST_F(StepVariantTest, AResumeAcrossASwitchIsBitExact) {
  for (const DeviceKind kind : {DeviceKind::kPlain, DeviceKind::kLate}) {
    for (const int64_t lag : {1, 2, 4}) {
      const std::string whole = absl::StrCat("whole", lag, static_cast<int>(kind)),
                        parts = absl::StrCat("parts", lag, static_cast<int>(kind));
      ASSERT_TRUE(Train(kind, lag, whole, false, std::nullopt).ok());
      // Step 11 is the first after the stop, and runs the other variant than step 10.
      ASSERT_NE(EveryThird::UsesTargets(kStop - 1), EveryThird::UsesTargets(kStop));
      ASSERT_TRUE(Train(kind, lag, parts, false, kStop).ok());
      ASSERT_TRUE(Train(kind, lag, parts, true, std::nullopt).ok());
      EXPECT_EQ(Files(parts), Files(whole)) << "lag " << lag;
    }
  }
}

TEST_F(StepVariantTest, AnUnknownVariantIsRefusedWithThoseThereAre) {
  absl::StatusOr<Session> session = OpenHistoryModel(file_, DeviceKind::kPlain, 1);
  ASSERT_TRUE(session.ok()) << session.status();
  auto engine = ExecutorEngine::Create(session->executor(), {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  const absl::Status status = (*engine)->UseVariant("both");
  EXPECT_EQ(KindOf(status), ErrorKind::kInput);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("accumulate@2x8:tokens, accumulate@2x8:targets"));
}

// The device starts a submission only with a permit. Without any, L steps are submitted all the
// same; with one, the oldest is read while those behind it have not begun. A wait for anything else
// would never end.
TEST_F(StepVariantTest, NothingWaitsForAStepInFlight) {
  constexpr int64_t kLag = 3;
  hal::Permits permits(0);
  absl::StatusOr<Session> session = OpenHistoryModel(file_, DeviceKind::kLate, 1, &permits);
  ASSERT_TRUE(session.ok()) << session.status();
  auto engine = ExecutorEngine::Create(session->executor(), {.steps_in_flight = kLag});
  ASSERT_TRUE(engine.ok()) << engine.status();
  ASSERT_TRUE((*engine)->UseVariant("targets").ok());  // both are prepared
  Settings settings;
  auto recipe = Recipe::Create(settings, (*engine)->facts());
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  auto batches = data::TrainingBatches::Create(dataset_->train(), kHistoryBatch, kHistorySeq, 1);
  ASSERT_TRUE(batches.ok()) << batches.status();
  auto pipeline = StepPipeline::Create(**engine, *std::move(recipe), *batches, kLag);
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  EveryThird policy;
  const auto submit = [&](int64_t step) {
    pipeline->SetControls(step);
    const absl::Status prepared = policy.Prepare(step, nullptr, **engine);
    return prepared.ok() ? pipeline->Submit(step) : prepared;
  };
  for (int64_t step = 0; step < kLag; ++step) ASSERT_TRUE(submit(step).ok());
  for (int64_t step = kLag; step < 20; ++step) {
    EXPECT_EQ(pipeline->pending(), kLag);
    permits.release();
    const auto report = pipeline->ReadOldest();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ((*report)->step, step - kLag + 1);
    ASSERT_TRUE(submit(step).ok());
  }
  permits.release(kLag);
  EXPECT_TRUE(pipeline->Discard().ok());
}

}  // namespace
}  // namespace hydra::train
