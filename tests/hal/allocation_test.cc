// Submitting a recorded list allocates nothing of ours. oneDNN builds a small argument map per
// executed primitive inside the library; the test bounds that per tile and demands that all of it
// is freed.
#include "tests/hal/allocation_counter.h"
#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

void IncrementKernel(void* const* args, const KernelContext*, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) static_cast<float*>(args[0])[i] += 1.0f;
}

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
  ASSERT_TRUE(world_->Load({{"increment", IncrementKernel}}).ok());
  const BufferRef x = world_->Reserve(Region::kArena, 400000);
  const BufferRef y = world_->Reserve(Region::kOutputs, 400000);
  const BufferRef selector = world_->Put<int32_t>({1}, Region::kControl);
  const CommandSequence body = {{CopyCommand{x, y}, 0}};
  const CommandSequence commands = {{FillCommand{x, 5}, 0},
                                    {KernelCommand{0, {x}, {}, 100000, 100}, 0},
                                    {SwitchCommand{selector, {{}, body}}, 0},
                                    {CaptureCommand{body}, 0},
                                    {CollectiveCommand{{}, y, ElementType::kF32}, 0}};
  auto list = world_->Record(commands);
  ASSERT_TRUE(list.ok()) << list.status();
  for (bool profiling : {false, true}) {
    (*list)->set_profiling(profiling);
    const uint64_t before = testing::Allocations();
    bool good = true;
    for (int i = 0; i < 100; ++i) good = good && world_->Submit(**list).ok();
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
