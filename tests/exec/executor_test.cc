// The executor on the sample artifact, whose kernels are real machine code.
#include "runtime/exec/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "runtime/base/status.h"
#include "runtime/exec/parameter_init.h"
#include "runtime/hal/registry.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"

namespace hydra {
namespace {

using artifact::ArtifactInfo;
using ::testing::HasSubstr;

class ExecutorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(UseDevice({2, false}));
    if (device_->isa_levels().empty()) GTEST_SKIP() << "no known level on this processor";
    level_ = device_->isa_levels().back();
  }

  bool UseDevice(const hal::DeviceOptions& options) {
    auto device = hal::CreateDevice("cpu", options);
    EXPECT_TRUE(device.ok()) << device.status();
    if (device.ok()) device_ = *std::move(device);
    return device.ok();
  }

  std::shared_ptr<const artifact::Artifact> Sample(
      const std::vector<std::string>& levels,
      const std::function<void(ArtifactInfo&)>& change = [](ArtifactInfo&) {}) {
    ArtifactInfo info = artifact::testing::SampleInfo(levels);
    change(info);
    file_ = artifact::testing::BuildArtifact(info, artifact::testing::SampleSections(info));
    auto opened = artifact::Artifact::FromMemory(file_, "sample.hydra");
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  std::unique_ptr<Executor> Make(int micro_batches = 1) {
    auto executor = Executor::Create(Sample({level_}), *device_, {micro_batches, ""});
    EXPECT_TRUE(executor.ok()) << executor.status();
    return executor.ok() ? *std::move(executor) : nullptr;
  }

  std::unique_ptr<hal::Device> device_;
  std::vector<uint8_t> file_;
  std::string level_;
};

TEST_F(ExecutorTest, RunsAnEntryOfGeneratedCode) {
  for (bool validate : {false, true}) {
    ASSERT_TRUE(UseDevice({2, validate}));
    auto executor = Make();
    ASSERT_NE(executor, nullptr);
    auto weight = executor->Parameter<float>("weight");
    ASSERT_TRUE(weight.ok()) << weight.status();
    for (int i = 0; i < 16; ++i) (*weight)[i] = static_cast<float>(i % 5);
    auto entry = executor->FindEntry("forward", 1, 3);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ((*entry)->Label(), "forward@1x4");
    auto launch = executor->Prepare(**entry);
    ASSERT_TRUE(launch.ok()) << launch.status();
    auto x = (*launch)->Input<float>("x");
    ASSERT_TRUE(x.ok()) << x.status();
    ASSERT_EQ(x->size(), 16u);
    std::iota(x->begin(), x->end(), 1.0f);
    (*launch)->set_profiling(true);
    ASSERT_TRUE((*launch)->Run().ok());
    auto y = (*launch)->Output<float>("y");
    ASSERT_TRUE(y.ok()) << y.status();
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        float sum = 0;
        for (int l = 0; l < 4; ++l) sum += (*x)[i * 4 + l] * (*weight)[l * 4 + j];
        EXPECT_EQ((*y)[i * 4 + j], 3.0f * sum);
      }
    }
    EXPECT_GT((*launch)->seconds(), 0.0);
    EXPECT_EQ((*launch)->flops(), 128u);
    const std::vector<ProfileRow> rows = (*launch)->Profile();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].scope, "block.0");
    EXPECT_EQ(rows[1].kernel, "scale");
    EXPECT_EQ(rows[1].runs, 1u);
  }
}

TEST_F(ExecutorTest, StepAccumulatesMicroBatchesThenApplies) {
  for (bool validate : {false, true}) {
    ASSERT_TRUE(UseDevice({2, validate}));
    auto executor = Make(3);
    ASSERT_NE(executor, nullptr);
    auto accumulate = executor->FindEntry("accumulate", 1, 4);
    auto apply = executor->FindEntry("apply", 1, 4);
    ASSERT_TRUE(accumulate.ok() && apply.ok());
    for (int count : {1, 3}) {
      auto step = executor->PrepareStep(**accumulate, count, **apply);
      ASSERT_TRUE(step.ok()) << step.status();
      ASSERT_EQ((*step)->parts(), count + 1);
      float expected = 0;
      for (int i = 0; i < count; ++i) {
        auto x = (*step)->Input<float>("x", i);
        ASSERT_TRUE(x.ok()) << x.status();
        for (float& value : *x) value = static_cast<float>(i + 1);
        expected += static_cast<float>(i + 1);
      }
      for (int run = 0; run < 2; ++run) {
        ASSERT_TRUE((*step)->Run().ok());
        for (int i = 0; i < count; ++i) {
          EXPECT_EQ((*step)->Output<float>("loss", i)->at(0), static_cast<float>(i + 1));
        }
        EXPECT_EQ((*step)->Output<float>("norm", count)->at(0), expected);
        EXPECT_EQ(executor->Parameter<float>("old.weight")->at(7), expected);
        EXPECT_EQ(executor->Gradient<float>("weight")->at(7), 0.0f);
      }
      // The device value `skip` selects the empty case.
      executor->Control<int32_t>("skip")->at(0) = 1;
      executor->Parameter<float>("weight")->at(7) = -1.0f;
      ASSERT_TRUE((*step)->Run().ok());
      EXPECT_EQ(executor->Parameter<float>("weight")->at(7), -1.0f);
      executor->Control<int32_t>("skip")->at(0) = 0;
    }
    EXPECT_EQ(KindOf(executor->PrepareStep(**accumulate, 4, **apply).status()),
              ErrorKind::kFailure);
    EXPECT_EQ(KindOf(executor->PrepareStep(**accumulate, 0, **apply).status()),
              ErrorKind::kFailure);
  }
}

TEST_F(ExecutorTest, FindEntryNamesTheDimension) {
  auto executor = Make();
  ASSERT_NE(executor, nullptr);
  EXPECT_EQ((*executor->FindEntry("forward", 1, 5))->seq, 8);
  EXPECT_EQ((*executor->FindEntry("forward", 1, 1))->seq, 4);
  const struct {
    absl::StatusOr<const artifact::EntryInfo*> found;
    ErrorKind kind;
    const char* expected;
  } cases[] = {
      {executor->FindEntry("forward", 1, 9), ErrorKind::kUsage,
       "sequence 9 is larger than in any of forward@1x8, forward@1x4"},
      {executor->FindEntry("forward", 2, 4), ErrorKind::kUsage, "batch 2"},
      {executor->FindEntry("extend", 1, 1), ErrorKind::kInput, "present: forward@1x8"},
      {executor->FindEntry("forward", 1, 4, "hard"), ErrorKind::kInput, "variant hard"},
  };
  for (const auto& wrong : cases) {
    EXPECT_EQ(KindOf(wrong.found.status()), wrong.kind);
    EXPECT_THAT(std::string(wrong.found.status().message()), HasSubstr(wrong.expected));
  }
}

TEST_F(ExecutorTest, StateStartsAndResetsToInitialValues) {
  auto executor = Make();
  ASSERT_NE(executor, nullptr);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(executor->Control<float>("lr")->at(0), 0.25f);
    EXPECT_EQ(executor->ControlState<float>("ema")->at(0), 25.0f);
    EXPECT_EQ(executor->State<float>("weight", "v")->at(15), 0.0f);
    EXPECT_EQ(executor->Optimizer<int32_t>("steps")->at(1), 0);
    EXPECT_EQ(executor->Cache<float>("k")->at(3), 0.0f);
    executor->Control<float>("lr")->at(0) = 7;
    executor->ControlState<float>("ema")->at(0) = 7;
    executor->State<float>("weight", "v")->at(15) = 7;
    executor->Optimizer<int32_t>("steps")->at(1) = 7;
    executor->Cache<float>("k")->at(3) = 7;
    ASSERT_TRUE(executor->ResetState().ok());
  }
  EXPECT_EQ(KindOf(executor->Control<int32_t>("lr").status()), ErrorKind::kFailure);
  const auto unknown = executor->Control<float>("learning");
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("lr, skip"));
  EXPECT_EQ(KindOf(executor->Gradient<float>("scale").status()), ErrorKind::kInput);
}

TEST_F(ExecutorTest, ParametersDependOnSeedAndNameOnly) {
  std::vector<float> reference;
  for (int threads : {1, 4}) {
    ASSERT_TRUE(UseDevice({threads, false}));
    auto executor = Make();
    ASSERT_NE(executor, nullptr);
    ASSERT_TRUE(executor->InitializeParameters(5).ok());
    const absl::Span<float> weight = *executor->Parameter<float>("weight");
    const std::vector<float> values(weight.begin(), weight.end());
    if (reference.empty()) reference = values;
    EXPECT_EQ(values, reference);
    const absl::Span<float> scale = *executor->Parameter<float>("scale");
    EXPECT_EQ(std::vector<float>(scale.begin(), scale.end()), std::vector<float>(8, 1.5f));
    ASSERT_TRUE(executor->InitializeParameters(6).ok());
    EXPECT_NE(std::vector<float>(weight.begin(), weight.end()), reference);
  }
}

TEST(ParameterInitTest, MomentsPiecesAndThreads) {
  artifact::ParameterInfo parameter;
  parameter.name = "blocks.0.down.weight";
  parameter.init_kind = artifact::InitKind::kNormal;
  parameter.init_value = 0.02;
  parameter.residual_scale = 0.5;
  std::vector<float> values(700001), again(values.size());
  const ParameterTarget target{&parameter, absl::MakeSpan(values)};
  InitializeAll({target}, 1, 4);
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0.0, 5 * 0.01 / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), 0.01, 1e-4);
  InitialValues(parameter, 1, 0, absl::MakeSpan(again).first(3));
  InitialValues(parameter, 1, 3, absl::MakeSpan(again).subspan(3));
  EXPECT_EQ(values, again);
  InitializeAll({}, 1, 4);
}

TEST_F(ExecutorTest, WrongTargetAndProcessorNameTheFlag) {
  const auto target = Executor::Create(
      Sample({level_}, [](ArtifactInfo& info) { info.target = "cuda"; }), *device_, {});
  EXPECT_EQ(KindOf(target.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(target.status().message()), HasSubstr("--target=cpu"));
  const auto level = Executor::Create(Sample({"zarch"}), *device_, {});
  EXPECT_EQ(KindOf(level.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(level.status().message()),
              HasSubstr("--arch=" + device_->isa_levels().front()));
  EXPECT_THAT(std::string(level.status().message()), HasSubstr("zarch"));
  const auto wanted = Executor::Create(Sample({level_}), *device_, {1, "zarch"});
  EXPECT_EQ(KindOf(wanted.status()), ErrorKind::kInput);
}

TEST_F(ExecutorTest, BestCommonLevelIsTaken) {
  const std::vector<std::string>& levels = device_->isa_levels();
  std::vector<std::string> all = {"zarch"};
  all.insert(all.end(), levels.rbegin(), levels.rend());
  auto best = Executor::Create(Sample(all), *device_, {});
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ((*best)->isa_level(), levels.front());
  auto wanted = Executor::Create(Sample(all), *device_, {1, levels.back()});
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  EXPECT_EQ((*wanted)->isa_level(), levels.back());
}

TEST_F(ExecutorTest, ReportsPlannedAndObtainedBytes) {
  auto executor = Make(4);
  ASSERT_NE(executor, nullptr);
  uint64_t lines = 0;
  for (const MemoryLine& line : executor->MemoryReport()) {
    ++lines;
    EXPECT_LE(line.planned, line.obtained) << line.purpose;
    EXPECT_LT(line.obtained, line.planned + 64) << line.purpose;
    if (line.purpose == "inputs") {
      EXPECT_EQ(line.planned, 128u + 3 * 64u);
    }
    if (line.purpose == "outputs") {
      EXPECT_EQ(line.planned, 192u + 3 * 64u + 64u);
    }
    if (line.purpose == "scratch") {
      EXPECT_EQ(line.planned, 128u);
    }
  }
  EXPECT_GE(lines, 11u);
}

TEST_F(ExecutorTest, TooLargeMemoryIsRefusedByRegion) {
  const auto executor = Executor::Create(
      Sample({level_},
             [](ArtifactInfo& info) {
               info.region_bytes[static_cast<int>(hal::Region::kCache)] = uint64_t{1} << 46;
             }),
      *device_, {});
  if (executor.ok()) GTEST_SKIP() << "the system grants 64 TiB of address space";
  EXPECT_EQ(KindOf(executor.status()), ErrorKind::kOutOfMemory);
  EXPECT_THAT(std::string(executor.status().message()), HasSubstr("cache"));
}

}  // namespace
}  // namespace hydra
