// Memory that lists touch, against what there is.
#include "runtime/exec/memory_demand.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hydra {
namespace {

using hal::Region;
using ::testing::HasSubstr;

constexpr uint64_t kWhole = 1000;

MemoryDemand Demand(uint64_t available) {
  std::array<uint64_t, hal::kRegionCount> obtained;
  obtained.fill(kWhole);
  return MemoryDemand({available, "a limit"}, obtained);
}

hal::Command Kernel(std::vector<hal::BufferRef> args) {
  hal::KernelCommand kernel;
  kernel.args = std::move(args);
  return {kernel};
}

hal::Command Copy(const hal::BufferRef& source, const hal::BufferRef& target) {
  hal::CopyCommand copy;
  copy.source = source;
  copy.target = target;
  return {copy};
}

TEST(MemoryDemandTest, CountsWhatIsReferredToOnce) {
  MemoryDemand demand = Demand(kWhole);
  demand.Add({Copy({Region::kArena, 0, 64}, {Region::kArena, 128, 64}),
              Copy({Region::kParameters, 0, 100}, {Region::kArena, 0, 100})});
  EXPECT_EQ(demand.bytes(), 192u + 100u);
  demand.Add({Copy({Region::kParameters, 0, 50}, {Region::kArena, 0, 50})});
  EXPECT_EQ(demand.bytes(), 292u) << "lists share the regions";
}

TEST(MemoryDemandTest, WhatExistsPerMicroBatchOrWorkerCountsAsAWhole) {
  MemoryDemand demand = Demand(kWhole);
  demand.Add({Kernel({{Region::kInputs, 0, 4}})});
  EXPECT_EQ(demand.bytes(), 2 * kWhole) << "inputs and scratch";
}

TEST(MemoryDemandTest, CommandsInsideCommandsCount) {
  hal::SwitchCommand branch;
  branch.cases = {{}, {Copy({Region::kArena, 0, 300}, {Region::kCache, 0, 300})}};
  hal::CaptureCommand capture;
  capture.body = {{branch}};
  MemoryDemand demand = Demand(kWhole);
  demand.Add({{capture}});
  EXPECT_EQ(demand.bytes(), 600u);
}

TEST(MemoryDemandTest, ARepeatReachesAsFarAsItsLastIteration) {
  hal::BufferRef moving{Region::kArena, 0, 10};
  moving.repeat_step = 100;
  hal::RepeatCommand repeat;
  repeat.count = 5;
  repeat.body = {Copy(moving, {Region::kCache, 0, 10})};
  MemoryDemand demand = Demand(kWhole);
  demand.Add({{repeat}});
  EXPECT_EQ(demand.bytes(), 410u + 10u);
}

TEST(MemoryDemandTest, RefusesWithNeedSupplyAndRemedy) {
  MemoryDemand demand = Demand(499);
  demand.Add({Copy({Region::kParameters, 0, 100}, {Region::kArena, 0, 399})});
  EXPECT_TRUE(demand.Check("entry e").ok());
  demand.Add({Copy({Region::kParameters, 0, 101}, {Region::kArena, 0, 399})});
  const absl::Status status = demand.Check("entry e");
  EXPECT_EQ(KindOf(status), ErrorKind::kOutOfMemory);
  EXPECT_EQ(status.message(),
            "entry e needs 500 bytes (arena 399, parameters 101), 499 are available (a limit); use "
            "a smaller --batch or --seq (a larger --accum keeps the tokens per step)");
  MemoryDemand cache = Demand(10);
  cache.Add({Copy({Region::kCache, 0, 11}, {Region::kArena, 0, 2})});
  EXPECT_THAT(std::string(cache.Check("e").message()), HasSubstr("--cache"));
}

}  // namespace
}  // namespace hydra
