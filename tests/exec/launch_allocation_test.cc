// A step on the executor allocates nothing after it was prepared.
#include <gtest/gtest.h>

#include "runtime/exec/executor.h"
#include "runtime/hal/registry.h"
#include "tests/artifact/artifact_builder.h"
#include "tests/artifact/sample_artifact.h"
#include "tests/hal/allocation_counter.h"

namespace hydra {
namespace {

TEST(LaunchAllocationTest, RunAllocatesNothing) {
  auto device = hal::CreateDevice("cpu", {2, false});
  ASSERT_TRUE(device.ok()) << device.status();
  if ((*device)->isa_levels().empty()) GTEST_SKIP() << "no known level on this processor";
  const artifact::ArtifactInfo info =
      artifact::testing::SampleInfo({(*device)->isa_levels().front()});
  const std::vector<uint8_t> file =
      artifact::testing::BuildArtifact(info, artifact::testing::SampleSections(info));
  auto artifact = artifact::Artifact::FromMemory(file, "sample.hydra");
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  auto executor = Executor::Create(*std::move(artifact), **device, {2, ""});
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto step = (*executor)->PrepareStep(**(*executor)->FindEntry("accumulate", 1, 4), 2,
                                       **(*executor)->FindEntry("apply", 1, 4),
                                       {.fetch = {"loss", "norm"}});
  ASSERT_TRUE(step.ok()) << step.status();
  const InputSlot<float> x = *(*step)->FindInput<float>("x");
  const OutputSlot<float> loss = *(*step)->FindOutput<float>("loss", 0);
  const ControlBlock control = *ControlBlock::Create(info);
  const uint64_t before = testing::Allocations();
  bool good = true;
  hal::Ticket previous;
  for (int i = 0; i < 100 && good; ++i) {
    good = (*step)->StageControl(control).ok() && (*step)->Stage(x, 1).ok();
    absl::StatusOr<hal::Ticket> ticket = (*step)->Submit();
    good = good && ticket.ok() && (i == 0 || (*step)->Fetch(previous, loss, 1).ok());
    previous = *ticket;
  }
  good = good && (*step)->Run().ok();
  EXPECT_EQ(testing::Allocations(), before);
  EXPECT_TRUE(good);
}

}  // namespace
}  // namespace hydra
