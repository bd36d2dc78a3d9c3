// The rules of graphs and conditional nodes that the simulated driver keeps, one case each, under
// the driver profiles that differ in them.
#include "absl/strings/str_cat.h"
#include "tests/hal/sim/driver_fixture.h"

namespace hydra::hal::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GraphRules : public DriverRules {
 protected:
  // A graph "set VALUE" -> conditional with a kernel "body N" in each body, run; its log.
  std::vector<std::string> Choose(int kind, unsigned size, unsigned value) {
    const cuda::Graph graph = NewGraph();
    const cuda::ConditionalHandle handle = Handle(graph);
    const cuda::GraphNode set = AddKernel(graph, Setter(handle, value));
    std::vector<cuda::Graph> bodies;
    EXPECT_EQ(AddConditional(graph, handle, kind, size, {set}, bodies), cuda::kSuccess);
    for (size_t i = 0; i < bodies.size(); ++i) AddKernel(bodies[i], Kernel(absl::StrCat(i)));
    log.clear();
    EXPECT_EQ(Run(graph), cuda::kSuccess) << machine().failure();
    api.cuGraphDestroy(graph);
    return std::exchange(log, {});
  }
};

TEST_F(GraphRules, ConditionalNodesChooseTheirBodies) {
  EXPECT_THAT(Choose(cuda::kConditionalIf, 1, 1), ElementsAre("set 1", "0"));
  EXPECT_THAT(Choose(cuda::kConditionalIf, 1, 0), ElementsAre("set 0"));
  EXPECT_THAT(Choose(cuda::kConditionalIf, 2, 0), ElementsAre("set 0", "1"));
  EXPECT_THAT(Choose(cuda::kConditionalSwitch, 3, 2), ElementsAre("set 2", "2"));
  // A value without a body runs none.
  EXPECT_THAT(Choose(cuda::kConditionalSwitch, 3, 3), ElementsAre("set 3"));
  EXPECT_EQ(TakeBroken(), "");
}

TEST_F(GraphRules, ALoopRunsUntilItsKernelSaysSo) {
  const cuda::Graph graph = NewGraph();
  const cuda::ConditionalHandle handle = Handle(graph, 1, cuda::kAssignDefault);
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, handle, cuda::kConditionalWhile, 1, {}, bodies), cuda::kSuccess);
  int turns = 0;
  AddKernel(bodies[0], Kernel("turn", [&] {
              return machine().SetConditional(handle, ++turns % 3 == 0 ? 0 : 1);
            }));
  // The default holds again at each launch.
  EXPECT_EQ(Run(graph, 2), cuda::kSuccess);
  EXPECT_EQ(turns, 6);
  EXPECT_EQ(TakeBroken(), "");
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, EachProfileHasWhatItsDriverHas) {
  for (const DriverProfile& profile : kDriverProfiles) {
    SCOPED_TRACE(profile.name);
    Use(profile);
    const cuda::Graph graph = NewGraph();
    cuda::ConditionalHandle handle = 0;
    EXPECT_EQ(graphs.cuGraphConditionalHandleCreate(&handle, graph, nullptr, 0, 0),
              profile.if_and_while ? cuda::kSuccess : cuda::kNotSupported);
    if (profile.if_and_while) {
      const cuda::Result both = profile.switch_and_else ? cuda::kSuccess : cuda::kNotSupported;
      std::vector<cuda::Graph> bodies;
      EXPECT_EQ(AddConditional(graph, handle, cuda::kConditionalSwitch, 2, {}, bodies), both);
      if (!profile.switch_and_else) {
        EXPECT_EQ(AddConditional(graph, handle, cuda::kConditionalIf, 2, {}, bodies), both);
        EXPECT_EQ(AddConditional(graph, handle, cuda::kConditionalIf, 1, {}, bodies),
                  cuda::kSuccess);
      }
    }
    api.cuGraphDestroy(graph);
  }
}

TEST_F(GraphRules, AnEmptyBodyHangsWithOldDrivers) {
  for (const DriverProfile& profile : kDriverProfiles) {
    if (!profile.if_and_while) continue;
    SCOPED_TRACE(profile.name);
    Use(profile);
    const cuda::Graph graph = NewGraph();
    std::vector<cuda::Graph> bodies;
    ASSERT_EQ(AddConditional(graph, Handle(graph, 1, cuda::kAssignDefault), cuda::kConditionalIf, 1,
                             {}, bodies),
              cuda::kSuccess);
    EXPECT_EQ(Run(graph), profile.empty_body_hangs ? cuda::kLaunchTimeout : cuda::kSuccess);
    api.cuGraphDestroy(graph);
  }
}

TEST_F(GraphRules, AChildGraphInOneOfSeveralBodiesBreaksWithOldDrivers) {
  for (const DriverProfile& profile : kDriverProfiles) {
    if (!profile.switch_and_else) continue;
    SCOPED_TRACE(profile.name);
    Use(profile);
    const cuda::Graph graph = NewGraph(), child = NewGraph();
    AddKernel(child, Kernel("child"));
    std::vector<cuda::Graph> bodies;
    ASSERT_EQ(AddConditional(graph, Handle(graph, 1, cuda::kAssignDefault),
                             cuda::kConditionalSwitch, 2, {}, bodies),
              cuda::kSuccess);
    cuda::GraphNode node = nullptr;
    ASSERT_EQ(graphs.cuGraphAddChildGraphNode(&node, bodies[1], nullptr, 0, child), cuda::kSuccess);
    EXPECT_EQ(Run(graph), profile.child_in_body_breaks ? cuda::kLaunchFailed : cuda::kSuccess);
    api.cuGraphDestroy(graph);
    api.cuGraphDestroy(child);
  }
}

TEST_F(GraphRules, ABodyTakesNoHostAndNoEventNodes) {
  const cuda::Graph graph = NewGraph();
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, Handle(graph), cuda::kConditionalIf, 1, {}, bodies),
            cuda::kSuccess);
  cuda::Event event = nullptr;
  api.cuEventCreate(&event, 0);
  const cuda::HostParameters host{[](void*) {}, nullptr};
  cuda::GraphNode node = nullptr;
  EXPECT_EQ(graphs.cuGraphAddHostNode(&node, bodies[0], nullptr, 0, &host), cuda::kNotSupported);
  EXPECT_THAT(TakeBroken(), HasSubstr("in a conditional body"));
  EXPECT_EQ(graphs.cuGraphAddEventRecordNode(&node, bodies[0], nullptr, 0, event),
            cuda::kNotSupported);
  EXPECT_EQ(graphs.cuGraphAddEventWaitNode(&node, bodies[0], nullptr, 0, event),
            cuda::kNotSupported);
  EXPECT_EQ(graphs.cuGraphAddEmptyNode(&node, bodies[0], nullptr, 0), cuda::kSuccess);
  // Outside of bodies they are fine.
  EXPECT_EQ(graphs.cuGraphAddHostNode(&node, graph, nullptr, 0, &host), cuda::kSuccess);
  api.cuEventDestroy_v2(event);
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, AGraphWithConditionalNodesIsNoChildNoCopyAndInstantiatedOnce) {
  const cuda::Graph graph = NewGraph(), outer = NewGraph();
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, Handle(graph, 0, cuda::kAssignDefault), cuda::kConditionalIf, 1,
                           {}, bodies),
            cuda::kSuccess);
  AddKernel(bodies[0], Kernel("body"));
  cuda::GraphNode node = nullptr;
  EXPECT_EQ(graphs.cuGraphAddChildGraphNode(&node, outer, nullptr, 0, graph), cuda::kNotSupported);
  cuda::Graph copy = nullptr;
  EXPECT_EQ(graphs.cuGraphClone(&copy, graph), cuda::kNotSupported);
  cuda::GraphExec first = nullptr, second = nullptr;
  cuda::InstantiateParameters parameters;
  EXPECT_EQ(api.cuGraphInstantiateWithParams(&first, graph, &parameters), cuda::kSuccess);
  EXPECT_EQ(api.cuGraphInstantiateWithParams(&second, graph, &parameters), cuda::kInvalidValue);
  EXPECT_EQ(api.cuGraphInstantiateWithParams(&second, bodies[0], &parameters), cuda::kInvalidValue);
  EXPECT_EQ(api.cuGraphExecDestroy(first), cuda::kSuccess);
  EXPECT_EQ(Run(graph), cuda::kSuccess);
  for (cuda::Graph one : {graph, outer}) api.cuGraphDestroy(one);
}

TEST_F(GraphRules, AHandleHasOneNode) {
  const cuda::Graph graph = NewGraph();
  const cuda::ConditionalHandle handle = Handle(graph, 0, cuda::kAssignDefault);
  std::vector<cuda::Graph> bodies;
  EXPECT_EQ(Run(graph), cuda::kInvalidValue);
  EXPECT_EQ(instantiated, cuda::kConditionalUnused);
  ASSERT_EQ(AddConditional(graph, handle, cuda::kConditionalIf, 1, {}, bodies), cuda::kSuccess);
  EXPECT_EQ(AddConditional(graph, handle, cuda::kConditionalIf, 1, {}, bodies),
            cuda::kInvalidValue);
  EXPECT_EQ(AddConditional(graph, handle + 1, cuda::kConditionalIf, 1, {}, bodies),
            cuda::kInvalidValue);
  cuda::CUctx_st another;
  cuda::ConditionalHandle foreign = 0;
  EXPECT_EQ(graphs.cuGraphConditionalHandleCreate(&foreign, graph, &another, 0, 0),
            cuda::kInvalidContext);
  for (const auto& [kind, size] :
       {std::pair(cuda::kConditionalIf, 3U), std::pair(cuda::kConditionalWhile, 2U),
        std::pair(cuda::kConditionalSwitch, 0U)}) {
    EXPECT_EQ(AddConditional(graph, Handle(graph), kind, size, {}, bodies), cuda::kInvalidValue);
  }
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, AHandleThatNobodySetIsAnError) {
  const cuda::Graph graph = NewGraph();
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, Handle(graph, 1), cuda::kConditionalIf, 1, {}, bodies),
            cuda::kSuccess);
  EXPECT_EQ(Run(graph), cuda::kLaunchFailed);
  EXPECT_THAT(TakeBroken(), HasSubstr("nobody set"));
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, SettersOfAHandleHaveAnOrder) {
  const cuda::Graph graph = NewGraph();
  const cuda::ConditionalHandle handle = Handle(graph);
  const cuda::GraphNode first = AddKernel(graph, Setter(handle, 1));
  const cuda::GraphNode second = AddKernel(graph, Setter(handle, 0));
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, handle, cuda::kConditionalIf, 1, {first, second}, bodies),
            cuda::kSuccess);
  EXPECT_EQ(Run(graph), cuda::kSuccess);
  EXPECT_THAT(TakeBroken(), HasSubstr("without order"));
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, AConditionalComesBehindItsSetter) {
  const cuda::Graph graph = NewGraph();
  const cuda::ConditionalHandle handle = Handle(graph);
  AddKernel(graph, Setter(handle, 0));
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, handle, cuda::kConditionalIf, 1, {}, bodies), cuda::kSuccess);
  EXPECT_EQ(Run(graph), cuda::kSuccess);
  EXPECT_THAT(TakeBroken(), HasSubstr("behind the one that sets it"));
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, AnInvalidCaptureIntoABodyIsNotEnded) {
  const cuda::Graph graph = NewGraph();
  std::vector<cuda::Graph> bodies;
  ASSERT_EQ(AddConditional(graph, Handle(graph), cuda::kConditionalIf, 1, {}, bodies),
            cuda::kSuccess);
  ASSERT_EQ(graphs.cuStreamBeginCaptureToGraph(stream, bodies[0], nullptr, nullptr, 0,
                                               cuda::kCaptureThreadLocal),
            cuda::kSuccess);
  EXPECT_EQ(api.cuStreamSynchronize(stream), cuda::kCaptureUnsupported);
  TakeBroken();
  cuda::Graph same = nullptr;
  EXPECT_EQ(graphs.cuStreamEndCapture(stream, &same), cuda::kCaptureInvalidated);
  EXPECT_THAT(TakeBroken(), HasSubstr("into a conditional body"));
  api.cuGraphDestroy(graph);
}

TEST_F(GraphRules, NodesComeBehindNodesOfTheirGraphAndHaveThreads) {
  const cuda::Graph graph = NewGraph(), other = NewGraph();
  const cuda::GraphNode foreign = AddKernel(other, Kernel("other"));
  cuda::GraphNode node = nullptr;
  EXPECT_EQ(graphs.cuGraphAddEmptyNode(&node, graph, &foreign, 1), cuda::kInvalidValue);
  cuda::KernelParameters parameters;
  parameters.function = Kernel("none");
  parameters.grid[0] = 0;
  EXPECT_EQ(api.cuGraphAddKernelNode_v2(&node, graph, nullptr, 0, &parameters),
            cuda::kInvalidValue);
  // A child is copied when it is added, and has something to copy.
  EXPECT_EQ(graphs.cuGraphAddChildGraphNode(&node, other, nullptr, 0, graph), cuda::kInvalidValue);
  EXPECT_EQ(graphs.cuGraphAddChildGraphNode(&node, graph, nullptr, 0, other), cuda::kSuccess);
  AddKernel(other, Kernel("late"));
  EXPECT_EQ(Run(graph), cuda::kSuccess);
  EXPECT_THAT(log, ElementsAre("other"));
  for (cuda::Graph one : {graph, other}) api.cuGraphDestroy(one);
}

TEST_F(GraphRules, WhatQueuedWorkUsesStays) {
  const cuda::Graph graph = NewGraph();
  AddKernel(graph, Kernel("node"));
  cuda::GraphExec exec = nullptr;
  cuda::InstantiateParameters parameters;
  ASSERT_EQ(api.cuGraphInstantiateWithParams(&exec, graph, &parameters), cuda::kSuccess);
  api.cuGraphDestroy(graph);  // an executable graph needs it no more
  EXPECT_EQ(api.cuGraphLaunch(exec, stream), cuda::kSuccess);
  EXPECT_THAT(log, IsEmpty());
  EXPECT_EQ(api.cuGraphExecDestroy(exec), cuda::kInvalidValue);
  EXPECT_THAT(TakeBroken(), HasSubstr("while work is queued"));
  EXPECT_EQ(api.cuStreamSynchronize(stream), cuda::kSuccess);
  EXPECT_THAT(log, ElementsAre("node"));
  EXPECT_EQ(api.cuGraphExecDestroy(exec), cuda::kSuccess);
}

TEST_F(GraphRules, AFailureStays) {
  const cuda::Graph graph = NewGraph();
  AddKernel(graph, Kernel("bad", [] { return absl::InternalError("a race in it"); }));
  EXPECT_EQ(Run(graph), cuda::kLaunchFailed);
  cuda::DevicePointer memory = 0;
  EXPECT_EQ(api.cuMemAlloc_v2(&memory, 64), cuda::kLaunchFailed);
  const char* text = nullptr;
  api.cuGetErrorString(cuda::kLaunchFailed, &text);
  EXPECT_STREQ(text, "a race in it");
  api.cuGraphDestroy(graph);
}

}  // namespace
}  // namespace hydra::hal::sim
