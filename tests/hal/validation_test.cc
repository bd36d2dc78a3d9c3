// Each check of the --validate layer finds its fault, names it, and stays quiet about correct
// lists.
#include <cmath>

#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

using ::testing::HasSubstr;

// args: out f32; writes one element at index scalars[0].
void PokeKernel(void* const* args, const int64_t* scalars, void*, int64_t, int64_t) {
  static_cast<float*>(args[0])[scalars[0]] = 1.0f;
}
// args: in f32[n], out f32[n]
void CopyKernel(void* const* args, const int64_t*, void*, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    static_cast<float*>(args[1])[i] = static_cast<const float*>(args[0])[i];
  }
}

class ValidationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    world_ = World::Create({"", "cpu", {2, true}}, &reason);
    ASSERT_NE(world_, nullptr) << reason;
    ASSERT_TRUE(world_->Load({{"poke", PokeKernel}, {"copy", CopyKernel}}).ok());
  }
  std::unique_ptr<World> world_;
};

TEST_F(ValidationTest, WriteBeyondARegionIsNamed) {
  const BufferRef all{Region::kOutputs, 0, World::kRegionBytes};
  const int64_t last = World::kRegionBytes / 4;
  EXPECT_TRUE(world_->Run({{KernelCommand{0, {all}, {last - 1}, 1, 1}, 0}}).ok());
  for (int64_t index : {last, last + 1000, int64_t{-1}}) {
    std::string reason;
    world_ = World::Create({"", "cpu", {2, true}}, &reason);
    ASSERT_TRUE(world_->Load({{"poke", PokeKernel}}).ok());
    const absl::Status status =
        world_->Run({{FillCommand{all, 0}, 1}, {KernelCommand{0, {all}, {index}, 1, 1}, 42}});
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
    return CommandSequence{{KernelCommand{1, {in, to, third}, {}, 16, 16}, 5}};
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
  ASSERT_TRUE(world_->Run({{KernelCommand{1, {arena, out}, {}, 4, 4}, 0}}).ok());
  for (float value : world_->Get<float>(out)) EXPECT_TRUE(std::isnan(value));
  ASSERT_TRUE(world_->Run({{KernelCommand{1, {kept, out}, {}, 4, 4}, 0}}).ok());
  for (float value : world_->Get<float>(out)) EXPECT_EQ(value, 4.0f);

  const CommandSequence commands = {{FillCommand{arena, 0}, 0},
                                    {KernelCommand{1, {arena, out}, {}, 4, 4}, 0}};
  for (uint64_t before : {0, 1}) {
    const Recording recording{&commands, world_->bindings, {{before, arena}}};
    auto list = world_->device->Record(*world_->executable, {recording});
    ASSERT_TRUE(list.ok()) << list.status();
    ASSERT_TRUE(world_->Submit(**list).ok());
    for (float value : world_->Get<float>(out)) EXPECT_EQ(std::isnan(value), before == 1);
  }
}

}  // namespace
}  // namespace hydra::hal
