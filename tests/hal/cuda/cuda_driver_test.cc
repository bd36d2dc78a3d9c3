// What the cuda driver does beyond the conformance suite, on the fake driver: how many launches and
// waits a submission costs, what is refused before a graph is built, what falls back and why.
#include "tests/hal/cuda/fake_driver.h"
#include "tests/hal/hal_fixture.h"

namespace hydra::hal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakeCudaCounts;
using ::testing::HasSubstr;

class CudaDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    world_ = World::Create({"", "cuda", {0, false}}, &reason);
    ASSERT_NE(world_, nullptr) << reason;
    FakeCudaCounts counts;
    if (!testing::ReadCounts(counts)) GTEST_SKIP() << "this is a real GPU, which counts nothing";
  }
  void TearDown() override {
    world_.reset();
    EXPECT_STREQ(Counts().broken, "");
  }
  static FakeCudaCounts Counts() {
    FakeCudaCounts counts;
    testing::ReadCounts(counts);
    return counts;
  }
  static CommandSequence Counting(const BufferRef& counts, int times) {
    CommandSequence commands;
    for (int i = 0; i < times; ++i) {
      commands.push_back({KernelCommand{kCountKernel, {counts}, {1}, 10, 1}, 0});
    }
    return commands;
  }

  std::unique_ptr<World> world_;
};

TEST_F(CudaDriverTest, ASubmissionIsOneLaunchAndWaitsForNothing) {
  const BufferRef counts = world_->Put(std::vector<int32_t>(10), Region::kOutputs);
  const BufferRef in = world_->Reserve(Region::kInputs, 40);
  CommandSequence commands = Counting(counts, 5);
  commands.push_back({CopyCommand{in, counts}, 0});
  commands.push_back({KernelCommand{kCountKernel, {counts}, {7}, 10, 1}, 0});
  auto list = world_->Record(commands, {world_->SlotOf(in, SlotDirection::kIn),
                                        world_->SlotOf(counts, SlotDirection::kOut)});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ((*list)->segments().size(), 1u);
  EXPECT_TRUE((*list)->segments()[0].captured);
  EXPECT_EQ((*list)->segments()[0].nodes, 7u);
  const FakeCudaCounts before = Counts();
  auto staged = (*list)->Stage(0);
  ASSERT_TRUE(staged.ok());
  std::memset(staged->data(), 0, staged->size());
  const absl::StatusOr<Ticket> ticket = world_->device->Submit(**list);
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  const FakeCudaCounts after = Counts();
  EXPECT_EQ(after.graph_launches - before.graph_launches, 1u);
  EXPECT_EQ(after.graph_nodes - before.graph_nodes, 7u);
  EXPECT_EQ(after.kernel_launches, before.kernel_launches);
  EXPECT_EQ(after.waits, before.waits);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.host_copy_bytes - before.host_copy_bytes, 40u);
  const auto out = (*list)->Fetch(*ticket, 1);
  ASSERT_TRUE(out.ok()) << out.status();
  int32_t first = 0;
  std::memcpy(&first, out->data(), sizeof(first));
  EXPECT_EQ(first, 7);
}

TEST_F(CudaDriverTest, SegmentsAndNoGraphsGiveTheSameBytesAndSayWhy) {
  const BufferRef counts = world_->Put(std::vector<int32_t>(10), Region::kOutputs);
  const CommandSequence commands = world_->Form(Counting(counts, 3));
  std::vector<Recording> recordings(2);
  for (Recording& recording : recordings) {
    recording.commands = &commands;
    recording.regions = world_->bindings;
  }
  recordings[0].repeat = 4;
  const auto run = [&](const RecordOptions& options, uint64_t graphs, uint64_t kernels,
                       size_t segments, const std::string& reason) {
    world_->Set(counts, std::vector<int32_t>(10));
    auto list = world_->device->Record(*world_->executable, recordings, {}, options);
    ASSERT_TRUE(list.ok()) << list.status();
    const FakeCudaCounts before = Counts();
    ASSERT_TRUE(world_->Submit(**list).ok());
    const FakeCudaCounts after = Counts();
    EXPECT_EQ(after.graph_launches - before.graph_launches, graphs);
    EXPECT_EQ(after.kernel_launches - before.kernel_launches, kernels);
    ASSERT_EQ((*list)->segments().size(), segments);
    EXPECT_THAT((*list)->segments()[0].reason, HasSubstr(reason));
    EXPECT_EQ((*list)->segments()[0].captured, graphs > 0);
    EXPECT_EQ(world_->Get<int32_t>(counts), std::vector<int32_t>(10, 15));
  };
  run({}, 1, 0, 1, "");
  run({.capture = Capture::kSegments}, 5, 0, 5, "");
  run({.capture = Capture::kOff}, 0, 15, 1, "graphs are off");
  run({.profile = true}, 0, 15, 1, "profiled");
}

TEST_F(CudaDriverTest, AChoiceOfTheHostCutsTheGraphAndIsNamed) {
  const BufferRef counts = world_->Put(std::vector<int32_t>(10), Region::kOutputs);
  const BufferRef selector = world_->Put<int32_t>({1}, Region::kControl);
  CommandSequence commands = Counting(counts, 2);
  commands.push_back({SwitchCommand{selector, {Counting(counts, 1), Counting(counts, 3)}}, 6});
  commands.push_back(Counting(counts, 1)[0]);
  auto list = world_->Record(commands);
  ASSERT_TRUE(list.ok()) << list.status();
  std::vector<std::string> reasons;
  for (const Segment& segment : (*list)->segments()) {
    if (!segment.captured) reasons.push_back(segment.reason);
  }
  EXPECT_THAT(reasons, ElementsAre(AllOf(HasSubstr("switch, scope 6"), HasSubstr("host reads"))));
  ASSERT_TRUE(world_->Submit(**list).ok());
  EXPECT_EQ(world_->Get<int32_t>(counts), std::vector<int32_t>(10, 6));
}

// Before a graph is built, what cannot be in one is named with op, line and scope.
TEST_F(CudaDriverTest, WhatCannotBeANodeIsNamed) {
  const BufferRef c = world_->Reserve(Region::kOutputs, 64);
  MatmulCommand product;
  product.c = c;
  product.m = product.n = product.k = product.lda = product.ldb = product.ldc = 4;
  product.a = world_->Reserve(Region::kInputs, 64);
  product.b = world_->Reserve(Region::kParameters, 64);
  product.tile_m = product.tile_n = 4;
  const std::vector<std::string> scopes = {"", "layers.3.mlp"};
  Recording recording;
  recording.regions = world_->bindings;
  recording.scopes = scopes;
  const auto refused = [&](const Command& command) {
    const CommandSequence commands = {{FillCommand{c, 0}, 0}, command};
    recording.commands = &commands;
    const auto list = world_->device->Record(*world_->executable, {recording}, {}, {});
    EXPECT_EQ(KindOf(list.status()), ErrorKind::kInput);
    return std::string(list.status().message());
  };
  EXPECT_THAT(refused({product, 1}), AllOf(HasSubstr("command 1 (matmul, scope layers.3.mlp)"),
                                           HasSubstr("library"), HasSubstr("obtain memory")));
  EXPECT_THAT(refused({KernelCommand{kCountKernel, {c}, {1, 1}, 1, 1}, 1}),
              AllOf(HasSubstr("kernel count"), HasSubstr("no launch geometry")));
  KernelCommand clustered{kCountKernel, {c}, {1, 1}, 1, 1};
  clustered.geometry.emplace().cluster[0] = 2;
  EXPECT_THAT(refused({clustered, 1}), HasSubstr("clusters"));
}

TEST_F(CudaDriverTest, MemoryThatIsNotThereIsExplained) {
  const auto buffer = world_->device->Allocate(uint64_t{1} << 40, "arena");
  EXPECT_EQ(KindOf(buffer.status()), ErrorKind::kOutOfMemory);
  EXPECT_THAT(std::string(buffer.status().message()),
              AllOf(HasSubstr("arena"), HasSubstr("Fake GPU 0"), HasSubstr("free")));
}

TEST_F(CudaDriverTest, CodeIsFoundByItsGeneration) {
  // A machine of capability 9.0: its own cubins, then PTX of everything that is not newer.
  const std::vector<std::string>& levels = world_->device->isa_levels();
  EXPECT_EQ(levels.front(), "sm_90");
  EXPECT_EQ(levels.back(), "compute_80");
  EXPECT_THAT(levels, ::testing::Not(::testing::Contains("sm_89")));
  const std::vector<uint8_t> text = {'t', 'e', 'x', 't', 0};
  const auto garbage = world_->device->LoadKernels("compute_80", text, {{"kernel"}});
  EXPECT_EQ(KindOf(garbage.status()), ErrorKind::kInput);
  EXPECT_THAT(std::string(garbage.status().message()), HasSubstr("--arch=sm_90"));
}

}  // namespace
}  // namespace hydra::hal
