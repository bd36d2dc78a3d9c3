// E3 and E8: what conditional nodes cost, and what it costs to make a large graph ready.
#include <chrono>

#include "tests/gpu/first_day/gpu_fixture.h"

namespace hydra::hal::cuda {
namespace {

class GraphCosts : public GpuExperiment {
 protected:
  void SetUp() override {
    GpuExperiment::SetUp();
    if (IsSkipped()) return;
    ASSERT_CUDA(api().cuMemAlloc_v2(&number_, 256));
    ASSERT_CUDA(api().cuMemsetD8Async(number_, 0, 256, stream()));
  }
  void TearDown() override {
    if (number_ != 0) EXPECT_CUDA(api().cuMemFree_v2(number_));
    GpuExperiment::TearDown();
  }
  // Seconds of a chain of `count` pairs setter -> conditional of one kernel, or of the two kernels
  // without one (`kind` below 0).
  double Chain(int kind, int count) {
    Graph graph = nullptr;
    EXPECT_CUDA(api().cuGraphCreate(&graph, 0));
    std::vector<GraphNode> after;
    for (int i = 0; i < count; ++i) {
      if (kind < 0) {
        for (int twice = 0; twice < 2; ++twice) {
          after = {AddKernel(graph, Kernel("add_to"), {number_, 0}, after)};
        }
        continue;
      }
      const ConditionalHandle handle = NewHandle(graph);
      const uint64_t value = 1;
      const GraphNode set = AddKernel(graph, Kernel("set_condition"), {handle, value}, after);
      std::vector<Graph> bodies;
      const unsigned size = kind == kConditionalSwitch ? 2 : 1;
      after = {AddConditional(graph, handle, kind, size, {set}, bodies)};
      // The body of a loop ends it.
      if (kind == kConditionalWhile) {
        AddKernel(bodies[0], Kernel("set_condition"), {handle, 0}, {});
      } else {
        for (Graph body : bodies) AddKernel(body, Kernel("add_to"), {number_, 0}, {});
      }
    }
    const double seconds = Run(graph, real ? 50 : 1);
    EXPECT_CUDA(api().cuGraphDestroy(graph));
    return seconds;
  }

  DevicePointer number_ = 0;
};

TEST_F(GraphCosts, ChainsOfConditionalNodes) {
  constexpr int kCount = 32;
  const double plain = Chain(-1, kCount);
  const std::pair<int, const char*> kinds[] = {
      {kConditionalIf, "IF"}, {kConditionalWhile, "WHILE"}, {kConditionalSwitch, "SWITCH"}};
  for (const auto& [kind, name] : kinds) {
    if (!WhyNo(kind).empty()) continue;
    const double each = (Chain(kind, kCount) - plain) / kCount;
    if (!real) continue;
    std::printf("%-6s %.2f us each\n", name, each * 1e6);
    EXPECT_LT(each, 12e-6) << name << ": fit the cost model of conditional nodes again";
  }
}

TEST_F(GraphCosts, MakingALargeGraphReady) {
  for (const int nodes : {5000, 20000}) {
    size_t before = 0, after = 0, total = 0;
    ASSERT_CUDA(api().cuMemGetInfo_v2(&before, &total));
    const auto start = std::chrono::steady_clock::now();
    Graph graph = nullptr;
    ASSERT_CUDA(api().cuGraphCreate(&graph, 0));
    std::vector<GraphNode> last;
    const Function function = Kernel("add_to");
    for (int i = 0; i < nodes; ++i) last = {AddKernel(graph, function, {number_, 0}, last)};
    GraphExec exec = nullptr;
    InstantiateParameters parameters;
    ASSERT_CUDA(api().cuGraphInstantiateWithParams(&exec, graph, &parameters));
    ASSERT_CUDA(api().cuGraphUpload(exec, stream()));
    ASSERT_CUDA(api().cuStreamSynchronize(stream()));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    ASSERT_CUDA(api().cuMemGetInfo_v2(&after, &total));
    if (real) {
      std::printf("%d nodes: %.1f ms, %.1f MB\n", nodes, elapsed.count() * 1e3,
                  static_cast<double>(before - after) / 1e6);
      EXPECT_LT(elapsed.count(), 0.1);
      EXPECT_LT(before - after, size_t{100'000'000});
    }
    EXPECT_CUDA(api().cuGraphExecDestroy(exec));
    EXPECT_CUDA(api().cuGraphDestroy(graph));
  }
}

}  // namespace
}  // namespace hydra::hal::cuda
