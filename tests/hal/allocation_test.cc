// Submitting a recorded list allocates nothing of ours. oneDNN builds a small argument map per
// executed primitive inside the library; the test bounds that per tile and demands that all of it
// is freed.
#include "tests/hal/allocation_counter.h"
#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

class AllocationTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    std::string reason;
    world_ = World::Create({"", "cpu", {GetParam(), false}}, &reason);
    ASSERT_NE(world_, nullptr) << reason;
  }
  std::unique_ptr<World> world_;
};
INSTANTIATE_TEST_SUITE_P(Threads, AllocationTest, ::testing::Values(1, 2, 4));

TEST_P(AllocationTest, KernelsMovesAndControlAllocateNothing) {
  const BufferRef x = world_->Reserve(Region::kArena, 400000);
  const BufferRef y = world_->Reserve(Region::kOutputs, 400000);
  const BufferRef selector = world_->Put<int32_t>({1}, Region::kControl);
  const CommandSequence body = {{CopyCommand{x, y}, 0}};
  const CommandSequence commands = {{FillCommand{x, 5}, 0},
                                    {KernelCommand{kCountKernel, {x}, {1}, 100000, 100}, 0},
                                    {SwitchCommand{selector, {{}, body}}, 0},
                                    {CaptureCommand{body}, 0},
                                    {CollectiveCommand{{}, y, ElementType::kF32}, 0}};
  const std::vector<Slot> slots = {world_->SlotOf(selector, SlotDirection::kIn),
                                   world_->SlotOf(y, SlotDirection::kOut)};
  for (bool profile : {false, true}) {
    auto list = world_->Record(commands, slots, {.profile = profile});
    ASSERT_TRUE(list.ok()) << list.status();
    const uint64_t before = testing::Allocations();
    bool good = true;
    Ticket last;
    for (int i = 0; i < 100; ++i) {
      auto staged = (*list)->Stage(0);
      good = good && staged.ok();
      if (good) std::memset(staged->data(), 0, staged->size());
      auto ticket = world_->device->Submit(**list);
      good = good && ticket.ok();
      if (good && i > 0) good = (*list)->Fetch(last, 1).ok();
      if (good) last = *ticket;
    }
    good = good && world_->device->Await(last).ok();
    EXPECT_EQ(testing::Allocations() - before, 0u);
    EXPECT_TRUE(good);
  }
}

TEST_P(AllocationTest, MatmulLeavesNothingBehind) {
  MatmulCommand matmul;
  matmul.m = 64, matmul.n = 64, matmul.k = 600;
  matmul.lda = matmul.m, matmul.ldb = matmul.ldc = matmul.n;
  matmul.transpose_a = true;
  matmul.tile_m = matmul.tile_n = 16;
  matmul.a = world_->Reserve(Region::kInputs, 600 * 64 * 4);
  matmul.b = world_->Reserve(Region::kParameters, 600 * 64 * 4);
  matmul.c = world_->Reserve(Region::kGradients, 64 * 64 * 4);
  MatmulCommand bounded = matmul;
  bounded.rows = world_->Put<int32_t>({400}, Region::kControl);
  bounded.rows_bound_k = true;
  bounded.k_slice = 256;
  auto list = world_->Record({{matmul, 0}, {bounded, 0}});
  ASSERT_TRUE(list.ok()) << list.status();
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(world_->Submit(**list).ok());  // library's thread-local state
  const uint64_t before = testing::Allocations(), freed = testing::Frees();
  bool good = true;
  constexpr uint64_t kRuns = 50, kExecutions = 16 + 2 * 16;
  for (uint64_t i = 0; i < kRuns; ++i) good = good && world_->Submit(**list).ok();
  const uint64_t allocations = testing::Allocations() - before;
  EXPECT_TRUE(good);
  EXPECT_EQ(testing::Frees() - freed, allocations);
  EXPECT_EQ(allocations % kRuns, 0u);
  EXPECT_LE(allocations / kRuns, 16 * kExecutions);
}

}  // namespace
}  // namespace hydra::hal
