// The training loop at its steady pace allocates nothing outside of logging: trainer, pipeline,
// data, executor and device, with the variant of the program changing from step to step.
#include <string>

#include "gtest/gtest.h"
#include "runtime/train/executor_engine.h"
#include "tests/hal/allocation_counter.h"
#include "tests/train/history_model.h"

namespace hydra::train {
namespace {

// Counts what is allocated from one report to the next, after both variants were used once.
class Counter final : public TrainObserver {
 public:
  void OnStart(const RunStart&) override { last_ = hydra::testing::Allocations(); }
  void OnStep(const StepReport& report) override {
    const uint64_t now = hydra::testing::Allocations();
    if (report.step > kFirst) {
      allocations += now - last_;
      ++steps;
    } else {
      first_allocations += now - last_;
    }
    last_ = now;
  }
  static constexpr int64_t kFirst = 10;
  uint64_t allocations = 0, first_allocations = 0;
  int64_t steps = 0;

 private:
  uint64_t last_ = 0;
};

TEST(SteadyLoopTest, AllocatesNothing) {
  TemporaryDirectory directory;
  absl::StatusOr<data::Dataset> dataset = HistoryData(directory);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const std::vector<uint8_t> file = HistoryModel();
  EveryThird every_third;
  // With the trainer's own policy the program stays the same.
  for (const auto& [lag, policy] : {std::pair<int64_t, StepPolicy*>(1, &every_third),
                                    {2, &every_third},
                                    {4, &every_third},
                                    {2, nullptr}}) {
    constexpr int64_t kMicroBatches = 3, kSteps = 200;
    Settings settings;
    for (const std::string& assignment :
         {absl::StrCat("steps=", kSteps), absl::StrCat("record_lag=", lag),
          std::string("save_interval=0"), std::string("eval_interval=0"),
          absl::StrCat("accum=", kMicroBatches)}) {
      ASSERT_TRUE(settings.SetAssignment(assignment).ok());
    }
    absl::StatusOr<Session> session = OpenHistoryModel(file, DeviceKind::kPlain, kMicroBatches);
    ASSERT_TRUE(session.ok()) << session.status();
    auto engine = ExecutorEngine::Create(session->executor(),
                                         {.micro_batches = kMicroBatches, .steps_in_flight = lag});
    ASSERT_TRUE(engine.ok()) << engine.status();
    auto start =
        OpenStartingPoint({.out = directory / absl::StrCat("out", lag, policy == nullptr)});
    ASSERT_TRUE(start.ok()) << start.status();
    Counter counter;
    auto trainer =
        Trainer::Create(**engine, *dataset, settings, *std::move(start),
                        {.interrupted = [] { return false; }, .policy = policy}, {&counter});
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const absl::StatusOr<TrainOutcome> outcome = trainer->Run();
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    if (policy != nullptr) {
      EXPECT_GT(counter.first_allocations, 0u);  // the second variant is prepared on first use
    }
    EXPECT_EQ(counter.steps, kSteps - Counter::kFirst);
    EXPECT_EQ(counter.allocations, 0u) << "lag " << lag;
  }
}

}  // namespace
}  // namespace hydra::train
