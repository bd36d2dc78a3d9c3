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
#include "tests/hal/late_device.h"

namespace hydra {
namespace {

using artifact::ArtifactInfo;
using hal::Region;
using ::testing::HasSubstr;

class ExecutorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(UseDevice({2, false}));
    if (device_->isa_levels().empty()) GTEST_SKIP() << "no known level on this processor";
    level_ = device_->isa_levels().back();
  }

  bool UseDevice(const hal::DeviceOptions& options, bool late = false) {
    auto device = hal::CreateDevice("cpu", options);
    EXPECT_TRUE(device.ok()) << device.status();
    if (!device.ok()) return false;
    device_ = late ? hal::MakeLateDevice(*std::move(device)) : *std::move(device);
    return true;
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

// One element of a named buffer.
template <typename T>
T At(Executor& executor, Region region, absl::string_view name, size_t index = 0) {
  auto values = executor.Read<T>(region, name);
  EXPECT_TRUE(values.ok()) << values.status();
  return values.ok() ? values->at(index) : T{};
}
template <typename T>
void Set(Executor& executor, Region region, absl::string_view name, size_t index, T value) {
  auto values = executor.Read<T>(region, name);
  ASSERT_TRUE(values.ok()) << values.status();
  values->at(index) = value;
  const absl::Status written = executor.Write<T>(region, name, *values);
  EXPECT_TRUE(written.ok()) << written;
}

// The devices that the executor must not tell apart: plain, validated, late.
struct DeviceKind {
  bool validate, late;
};
constexpr DeviceKind kDevices[] = {{false, false}, {true, false}, {false, true}};

// The artifact says when a value is dead. A plan that reads it later computes NaN under --validate;
// one whose lifetimes are right computes the same.
TEST_F(ExecutorTest, ValidationPutsThePlansLifetimesToTheTest) {
  for (bool validate : {false, true}) {
    for (uint64_t dead_before : {0, 1}) {
      ASSERT_TRUE(UseDevice({2, validate}));
      const auto artifact = Sample({level_}, [&](ArtifactInfo& info) {
        // Command 0 writes arena[0, 64), command 1 reads it.
        info.entries[1].dead = {{dead_before, {Region::kArena, 0, 64}}};
      });
      ASSERT_NE(artifact, nullptr);
      auto executor = Executor::Create(artifact, *device_, {1, ""});
      ASSERT_TRUE(executor.ok()) << executor.status();
      std::vector<float> ones(16, 1.0f);
      ASSERT_TRUE((*executor)->Write<float>(Region::kParameters, "weight", ones).ok());
      auto entry = (*executor)->FindEntry("forward", 1, 4);
      ASSERT_TRUE(entry.ok()) << entry.status();
      auto launch = (*executor)->Prepare(**entry);
      ASSERT_TRUE(launch.ok()) << launch.status();
      ASSERT_TRUE((*launch)->SetInput<float>("x", ones).ok());
      ASSERT_TRUE((*launch)->Run().ok());
      auto y = (*launch)->ReadOutput<float>("y");
      ASSERT_TRUE(y.ok()) << y.status();
      const bool caught = validate && dead_before == 1;
      for (float value : *y) EXPECT_EQ(std::isnan(value), caught) << value;
    }
  }
}

TEST_F(ExecutorTest, RunsAnEntryOfGeneratedCode) {
  for (const DeviceKind& kind : kDevices) {
    ASSERT_TRUE(UseDevice({2, kind.validate}, kind.late));
    auto executor = Make();
    ASSERT_NE(executor, nullptr);
    std::vector<float> weight(16), x(16);
    for (int i = 0; i < 16; ++i) weight[i] = static_cast<float>(i % 5);
    std::iota(x.begin(), x.end(), 1.0f);
    ASSERT_TRUE(executor->Write<float>(Region::kParameters, "weight", weight).ok());
    auto entry = executor->FindEntry("forward", 1, 3);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ((*entry)->Label(), "forward@1x4");
    auto launch = executor->Prepare(**entry, {.record = {.profile = true}});
    ASSERT_TRUE(launch.ok()) << launch.status();
    ASSERT_TRUE((*launch)->SetInput<float>("x", x).ok());
    EXPECT_FALSE((*launch)->SetInput<float>("x", std::vector<float>(3)).ok());
    EXPECT_EQ(KindOf((*launch)->SetInput<int32_t>("x", std::vector<int32_t>(16))),
              ErrorKind::kFailure);
    ASSERT_TRUE((*launch)->SetInput<float>("x", x).ok());
    const absl::Status status = (*launch)->Run();
    ASSERT_TRUE(status.ok()) << status;
    auto y = (*launch)->ReadOutput<float>("y");
    ASSERT_TRUE(y.ok()) << y.status();
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        float sum = 0;
        for (int l = 0; l < 4; ++l) sum += x[i * 4 + l] * weight[l * 4 + j];
        EXPECT_EQ((*y)[i * 4 + j], 3.0f * sum);
      }
    }
    std::vector<float> part(2);
    ASSERT_TRUE((*launch)->ReadOutput((*entry)->outputs.front(), 5, absl::MakeSpan(part)).ok());
    EXPECT_EQ(part, std::vector<float>({(*y)[5], (*y)[6]}));
    EXPECT_FALSE((*launch)->ReadOutput((*entry)->outputs.front(), 15, absl::MakeSpan(part)).ok());
    EXPECT_GT((*launch)->seconds(), 0.0);
    EXPECT_EQ((*launch)->flops(), 128u);
    auto rows = (*launch)->Profile();
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->size(), 2u);
    EXPECT_EQ((*rows)[0].scope, "block.0");
    EXPECT_EQ((*rows)[1].kernel, "scale");
    EXPECT_EQ((*rows)[1].runs, 1u);
    EXPECT_EQ(KindOf((*launch)->FindOutput<float>("y").status()), ErrorKind::kFailure);
    EXPECT_EQ(KindOf(executor->Prepare(**entry, {.fetch = {"z"}}).status()), ErrorKind::kInput);
  }
}

TEST_F(ExecutorTest, StepAccumulatesMicroBatchesThenApplies) {
  for (const DeviceKind& kind : kDevices) {
    ASSERT_TRUE(UseDevice({2, kind.validate}, kind.late));
    auto executor = Make(3);
    ASSERT_NE(executor, nullptr);
    auto accumulate = executor->FindEntry("accumulate", 1, 4);
    auto apply = executor->FindEntry("apply", 1, 4);
    ASSERT_TRUE(accumulate.ok() && apply.ok());
    for (int count : {1, 3}) {
      auto step = executor->PrepareStep(**accumulate, count, **apply, {.fetch = {"loss", "norm"}});
      ASSERT_TRUE(step.ok()) << step.status();
      ASSERT_EQ((*step)->parts(), 2);
      ASSERT_EQ((*step)->pieces(0), count);
      const InputSlot<float> x = *(*step)->FindInput<float>("x");
      const OutputSlot<float> loss = *(*step)->FindOutput<float>("loss", 0);
      const OutputSlot<float> norm = *(*step)->FindOutput<float>("norm", 1);
      // Three runs in flight at once, each with values of its own.
      std::vector<hal::Ticket> tickets;
      std::vector<float> expected;
      for (int run = 0; run < 3; ++run) {
        expected.push_back(0);
        for (int i = 0; i < count; ++i) {
          auto staged = (*step)->Stage(x, i);
          ASSERT_TRUE(staged.ok()) << staged.status();
          std::fill(staged->begin(), staged->end(), static_cast<float>(i + 1 + 10 * run));
          expected.back() += static_cast<float>(i + 1 + 10 * run);
        }
        auto ticket = (*step)->Submit();
        ASSERT_TRUE(ticket.ok()) << ticket.status();
        tickets.push_back(*ticket);
      }
      for (int run = 0; run < 3; ++run) {
        for (int i = 0; i < count; ++i) {
          EXPECT_EQ((*step)->Fetch(tickets[run], loss, i)->at(0),
                    static_cast<float>(i + 1 + 10 * run));
        }
        EXPECT_EQ((*step)->Fetch(tickets[run], norm)->at(0), expected[run]);
      }
      EXPECT_EQ((*step)->ReadOutput<float>("loss", 0, count - 1)->at(0),
                static_cast<float>(count + 20));
      EXPECT_EQ(At<float>(*executor, Region::kParameters, "old.weight", 7), expected.back());
      EXPECT_EQ(At<float>(*executor, Region::kGradients, "weight", 7), 0.0f);
      // The device value `skip` selects the empty case; it comes with the control block.
      ControlBlock control = *ControlBlock::Create(executor->info());
      ASSERT_TRUE(control.Set("skip", 1));
      EXPECT_FALSE(control.Set("none", 1));
      Set<float>(*executor, Region::kParameters, "weight", 7, -1.0f);
      ASSERT_TRUE((*step)->StageControl(control).ok());
      ASSERT_TRUE((*step)->Run().ok());
      EXPECT_EQ(At<float>(*executor, Region::kParameters, "weight", 7), -1.0f);
      control.Set("skip", 0);
      ASSERT_TRUE(executor->WriteControl(control).ok());
      EXPECT_EQ(At<int32_t>(*executor, Region::kControl, "skip"), 0);
      EXPECT_EQ(At<float>(*executor, Region::kControl, "lr"), 0.25f);
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
    EXPECT_EQ(At<float>(*executor, Region::kControl, "lr"), 0.25f);
    EXPECT_EQ(At<float>(*executor, Region::kControlState, "ema"), 25.0f);
    EXPECT_EQ(executor->Read<float>(**executor->FindState("weight", "v"))->at(15), 0.0f);
    EXPECT_EQ(At<int32_t>(*executor, Region::kOptimizer, "steps", 1), 0);
    EXPECT_EQ(At<float>(*executor, Region::kCache, "k", 3), 0.0f);
    Set<float>(*executor, Region::kControl, "lr", 0, 7);
    Set<float>(*executor, Region::kControlState, "ema", 0, 7);
    ASSERT_TRUE(
        executor->Write<float>(**executor->FindState("weight", "v"), std::vector<float>(16, 7))
            .ok());
    Set<int32_t>(*executor, Region::kOptimizer, "steps", 1, 7);
    Set<float>(*executor, Region::kCache, "k", 3, 7);
    ASSERT_TRUE(executor->ResetState().ok());
  }
  EXPECT_EQ(KindOf(executor->Read<int32_t>(Region::kControl, "lr").status()), ErrorKind::kFailure);
  const auto unknown = executor->Read<float>(Region::kControl, "learning");
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("lr, skip"));
  EXPECT_EQ(KindOf(executor->Find(Region::kGradients, "scale").status()), ErrorKind::kInput);
  EXPECT_EQ(KindOf(executor->Find(Region::kArena, "x").status()), ErrorKind::kFailure);
}

TEST_F(ExecutorTest, ParametersDependOnSeedAndNameOnly) {
  std::vector<float> reference;
  for (int threads : {1, 4}) {
    ASSERT_TRUE(UseDevice({threads, false}));
    auto executor = Make();
    ASSERT_NE(executor, nullptr);
    ASSERT_TRUE(executor->InitializeParameters(5).ok());
    const std::vector<float> values = *executor->Read<float>(Region::kParameters, "weight");
    if (reference.empty()) reference = values;
    EXPECT_EQ(values, reference);
    EXPECT_EQ(*executor->Read<float>(Region::kParameters, "scale"), std::vector<float>(8, 1.5f));
    ASSERT_TRUE(executor->InitializeParameters(6).ok());
    EXPECT_NE(*executor->Read<float>(Region::kParameters, "weight"), reference);
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
      Sample({level_}, [](ArtifactInfo& info) { info.target = "sim"; }), *device_, {});
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
      EXPECT_EQ(line.planned, 4 * 64u);
    }
    if (line.purpose == "outputs") {
      EXPECT_EQ(line.planned, 4 * 64u + 64u);
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
