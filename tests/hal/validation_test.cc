// Each check of the --validate layer finds its fault, names it, and stays quiet about correct
// lists.
#include <cmath>

#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

using ::testing::HasSubstr;

class ValidationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    world_ = World::Create({"", "cpu", {2, true}}, &reason);
    ASSERT_NE(world_, nullptr) << reason;
  }
  std::unique_ptr<World> world_;
};

TEST_F(ValidationTest, WriteBeyondARegionIsNamed) {
  const BufferRef all{Region::kOutputs, 0, World::kRegionBytes};
  const int64_t last = World::kRegionBytes / 4;
  EXPECT_TRUE(world_->Run({{KernelCommand{kPokeKernel, {all}, {last - 1}, 1, 1}, 0}}).ok());
  for (int64_t index : {last, last + 1000, int64_t{-1}}) {
    std::string reason;
    world_ = World::Create({"", "cpu", {2, true}}, &reason);
    const absl::Status status = world_->Run(
        {{FillCommand{all, 0}, 1}, {KernelCommand{kPokeKernel, {all}, {index}, 1, 1}, 42}});
    EXPECT_EQ(KindOf(status), ErrorKind::kFailure);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("recording 0, command 1 (kernel poke, scope 42)"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(index < 0 ? "before" : "after the end"));
  }
}

TEST_F(ValidationTest, PartialOverlapMayBeReadButNotWritten) {
  const BufferRef x = world_->Put(std::vector<float>(32, 2.0f), Region::kArena);
  const BufferRef head{x.region, x.offset, 64};
  const BufferRef shifted{x.region, x.offset + 32, 64};
  const BufferRef out = world_->Reserve(Region::kOutputs, 64);
  const auto copy = [](const BufferRef& in, const BufferRef& to, const BufferRef& third) {
    return CommandSequence{{KernelCommand{kCopyKernel, {in, to, third}, {}, 16, 16}, 5}};
  };
  const auto fill = [&](CommandSequence rest) {
    rest.insert(rest.begin(), {FillCommand{x, 0x40000000}, 0});
    // Distinct values, so that a write shows.
    rest.insert(rest.begin() + 1, {FillCommand{head, 0x3f800000}, 0});
    return rest;
  };
  EXPECT_TRUE(world_->Run(fill(copy(head, out, shifted))).ok());
  EXPECT_TRUE(world_->Run(fill(copy(head, head, out))).ok());
  const absl::Status status = world_->Run(fill(copy(shifted, head, out)));
  EXPECT_EQ(KindOf(status), ErrorKind::kFailure);
  EXPECT_THAT(std::string(status.message()), HasSubstr("command 2 (kernel copy, scope 5)"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("arguments 0 and 1"));
}

TEST_F(ValidationTest, UnwrittenArenaAndDeadRangesReadAsNan) {
  const BufferRef arena = world_->Put(std::vector<float>(4, 3.0f), Region::kArena);
  const BufferRef kept = world_->Put(std::vector<float>(4, 4.0f), Region::kParameters);
  const BufferRef out = world_->Reserve(Region::kOutputs, 16);
  ASSERT_TRUE(world_->Run({{KernelCommand{kCopyKernel, {arena, out}, {}, 4, 4}, 0}}).ok());
  for (float value : world_->Get<float>(out)) EXPECT_TRUE(std::isnan(value));
  ASSERT_TRUE(world_->Run({{KernelCommand{kCopyKernel, {kept, out}, {}, 4, 4}, 0}}).ok());
  for (float value : world_->Get<float>(out)) EXPECT_EQ(value, 4.0f);

  const CommandSequence commands = {{FillCommand{arena, 0}, 0},
                                    {KernelCommand{kCopyKernel, {arena, out}, {}, 4, 4}, 0}};
  for (uint64_t before : {0, 1}) {
    const DeadRange dead{before, arena};
    Recording recording;
    recording.commands = &commands;
    recording.regions = world_->bindings;
    recording.dead = absl::MakeConstSpan(&dead, 1);
    auto list = world_->device->Record(*world_->executable, {recording}, {}, {});
    ASSERT_TRUE(list.ok()) << list.status();
    ASSERT_TRUE(world_->Submit(**list).ok());
    for (float value : world_->Get<float>(out)) EXPECT_EQ(std::isnan(value), before == 1);
  }
}

}  // namespace
}  // namespace hydra::hal
