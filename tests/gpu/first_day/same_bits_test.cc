// E10: a list as one graph, in segments and command by command, a hundred times: the same bits.
#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

TEST(SameBits, GraphSegmentsAndStreamAgree) {
  constexpr int kReplays = 100, kItems = 4096;
  std::string reason;
  const std::unique_ptr<World> world = World::Create({"", "cuda", {0, false}}, &reason);
  if (world == nullptr) GTEST_SKIP() << reason;
  const BufferRef in = world->Reserve(Region::kInputs, kItems * sizeof(float));
  const BufferRef out = world->Reserve(Region::kOutputs, kItems * sizeof(float));
  const BufferRef counts = world->Reserve(Region::kOutputs, kItems * sizeof(int32_t));
  std::vector<float> values(kItems);
  for (int i = 0; i < kItems; ++i)
    values[static_cast<size_t>(i)] = 1.0f / static_cast<float>(i + 3);
  CommandSequence commands;
  for (int i = 0; i < 8; ++i) {
    commands.push_back({KernelCommand{kDoubleKernel, {in, out}, {}, kItems, 1}, 0});
    commands.push_back({CopyCommand{out, in}, 0});
    commands.push_back({KernelCommand{kCountKernel, {counts}, {3}, kItems, 1}, 0});
  }
  std::vector<std::vector<float>> results;
  for (const Capture capture : {Capture::kDefault, Capture::kSegments, Capture::kOff}) {
    world->Set(in, values);
    world->Set(counts, std::vector<int32_t>(kItems));
    auto list = world->Record(commands, {}, {.capture = capture});
    ASSERT_TRUE(list.ok()) << list.status();
    for (int i = 0; i < kReplays; ++i) {
      world->Set(in, values);
      ASSERT_TRUE(world->Submit(**list).ok());
      results.push_back(world->Get<float>(out));
      ASSERT_EQ(results.back(), results.front()) << "replay " << i;
    }
    EXPECT_EQ(world->Get<int32_t>(counts), std::vector<int32_t>(kItems, 8 * 3 * kReplays));
  }
}

}  // namespace
}  // namespace hydra::hal
