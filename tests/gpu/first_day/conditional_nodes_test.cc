// E1: kernels of ours set the handles of conditional nodes.
#include "tests/gpu/first_day/gpu_fixture.h"

namespace hydra::hal::cuda {
namespace {

class ConditionalNodes : public GpuExperiment {
 protected:
  void SetUp() override {
    GpuExperiment::SetUp();
    if (IsSkipped()) return;
    ASSERT_CUDA(api().cuMemAlloc_v2(&counter_, 256));
    ASSERT_CUDA(api().cuMemsetD8Async(counter_, 0, 256, stream()));
  }
  void TearDown() override {
    if (counter_ != 0) EXPECT_CUDA(api().cuMemFree_v2(counter_));
    GpuExperiment::TearDown();
  }
  uint64_t Counter() {
    uint64_t value = 0;
    EXPECT_CUDA(api().cuMemcpyDtoHAsync_v2(&value, counter_, sizeof(value), stream()));
    EXPECT_CUDA(api().cuStreamSynchronize(stream()));
    return value;
  }
  // set VALUE -> a conditional whose body n adds 10^n; the counter after three launches.
  uint64_t Choose(int kind, unsigned size, uint64_t value) {
    Graph graph = nullptr;
    EXPECT_CUDA(api().cuGraphCreate(&graph, 0));
    const ConditionalHandle handle = NewHandle(graph);
    const GraphNode set = AddKernel(graph, Kernel("set_condition"), {handle, value}, {});
    std::vector<Graph> bodies;
    AddConditional(graph, handle, kind, size, {set}, bodies);
    uint64_t amount = 1;
    for (Graph body : bodies) {
      AddKernel(body, Kernel("add_to"), {counter_, amount}, {});
      amount *= 10;
    }
    const uint64_t before = Counter();
    Run(graph, 3);
    EXPECT_CUDA(api().cuGraphDestroy(graph));
    return Counter() - before;
  }

  DevicePointer counter_ = 0;
};

TEST_F(ConditionalNodes, IfIsSetByAKernel) {
  if (const std::string why = WhyNo(kConditionalIf); !why.empty()) GTEST_SKIP() << why;
  EXPECT_EQ(Choose(kConditionalIf, 1, 1), 3u);
  EXPECT_EQ(Choose(kConditionalIf, 1, 0), 0u);
}

TEST_F(ConditionalNodes, SwitchIsSetByAKernel) {
  if (const std::string why = WhyNo(kConditionalSwitch); !why.empty()) GTEST_SKIP() << why;
  EXPECT_EQ(Choose(kConditionalSwitch, 4, 0), 3u);
  EXPECT_EQ(Choose(kConditionalSwitch, 4, 3), 3000u);
  EXPECT_EQ(Choose(kConditionalSwitch, 4, 4), 0u);
  EXPECT_EQ(Choose(kConditionalIf, 2, 0), 30u);
}

TEST_F(ConditionalNodes, AWhileEndsItself) {
  if (const std::string why = WhyNo(kConditionalWhile); !why.empty()) GTEST_SKIP() << why;
  Graph graph = nullptr;
  ASSERT_CUDA(api().cuGraphCreate(&graph, 0));
  const ConditionalHandle handle = NewHandle(graph);
  const GraphNode set = AddKernel(graph, Kernel("set_condition"), {handle, 1}, {});
  std::vector<Graph> bodies;
  AddConditional(graph, handle, kConditionalWhile, 1, {set}, bodies);
  AddKernel(bodies[0], Kernel("count_to"), {counter_, 7, handle}, {});
  Run(graph, 1);
  EXPECT_EQ(Counter(), 7u);
  EXPECT_CUDA(api().cuGraphDestroy(graph));
}

}  // namespace
}  // namespace hydra::hal::cuda
