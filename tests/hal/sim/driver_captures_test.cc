// The rules of stream capture that the simulated driver keeps, one case each: codes 900 to 908.
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/hal/sim/driver_fixture.h"

namespace hydra::hal::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CaptureRules : public DriverRules {
 protected:
  void Begin(int mode = cuda::kCaptureThreadLocal) {
    ASSERT_EQ(graphs.cuStreamBeginCapture_v2(stream, mode), cuda::kSuccess);
  }
  cuda::Result End(cuda::Stream on = nullptr) {
    cuda::Graph graph = nullptr;
    const cuda::Result result = graphs.cuStreamEndCapture(on == nullptr ? stream : on, &graph);
    if (graph != nullptr) api.cuGraphDestroy(graph);
    return result;
  }
  cuda::Stream Another() {
    cuda::Stream made = nullptr;
    EXPECT_EQ(api.cuStreamCreate(&made, cuda::kStreamNonBlocking), cuda::kSuccess);
    return made;
  }
  cuda::Event NewEvent() {
    cuda::Event made = nullptr;
    EXPECT_EQ(api.cuEventCreate(&made, 0), cuda::kSuccess);
    return made;
  }
  // The call is refused with 900, named, and ends the capture.
  void Refused(const std::string& call, const std::function<cuda::Result()>& made) {
    SCOPED_TRACE(call);
    Begin();
    EXPECT_EQ(made(), cuda::kCaptureUnsupported);
    EXPECT_THAT(TakeBroken(), HasSubstr(call));
    EXPECT_EQ(Launch(Kernel("late"), stream), cuda::kCaptureInvalidated);
    EXPECT_EQ(End(), cuda::kCaptureInvalidated);
  }
};

TEST_F(CaptureRules, WorkBecomesNodesAndRunsWhenTheGraphDoes) {
  Begin();
  EXPECT_EQ(Launch(Kernel("a"), stream), cuda::kSuccess);
  EXPECT_EQ(Launch(Kernel("b"), stream), cuda::kSuccess);
  int status = 0;
  EXPECT_EQ(graphs.cuStreamIsCapturing(stream, &status), cuda::kSuccess);
  EXPECT_EQ(status, cuda::kCapturing);
  cuda::Graph graph = nullptr;
  ASSERT_EQ(graphs.cuStreamEndCapture(stream, &graph), cuda::kSuccess);
  EXPECT_TRUE(log.empty());
  size_t count = 0;
  EXPECT_EQ(graphs.cuGraphGetNodes(graph, nullptr, &count), cuda::kSuccess);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(Run(graph, 2), cuda::kSuccess);
  EXPECT_THAT(log, ElementsAre("a", "b", "a", "b"));
  EXPECT_EQ(TakeBroken(), "");
  api.cuGraphDestroy(graph);
}

TEST_F(CaptureRules, WhatWaitsOrObtainsMemoryIsRefusedByName) {
  Refused("cuStreamSynchronize", [&] { return api.cuStreamSynchronize(stream); });
  Refused("cuStreamQuery", [&] { return graphs.cuStreamQuery(stream); });
  Refused("cuMemAlloc", [&] {
    cuda::DevicePointer memory = 0;
    return api.cuMemAlloc_v2(&memory, 64);
  });
  Refused("cuMemHostAlloc", [&] {
    void* memory = nullptr;
    return api.cuMemHostAlloc(&memory, 64, 0);
  });
  int here = 0;
  Refused("memory that is not pinned",
          [&] { return api.cuMemcpyHtoDAsync_v2(0, &here, sizeof(here), stream); });
  Refused("memory that is not pinned",
          [&] { return api.cuMemcpyDtoHAsync_v2(&here, 0, sizeof(here), stream); });
}

TEST_F(CaptureRules, ARelaxedCaptureAllowsMemory) {
  Begin(cuda::kCaptureRelaxed);
  cuda::DevicePointer memory = 0;
  EXPECT_EQ(api.cuMemAlloc_v2(&memory, 64), cuda::kSuccess);
  EXPECT_EQ(End(), cuda::kSuccess);
}

TEST_F(CaptureRules, AThreadLocalCaptureForbidsItsOwnThreadOnlyAGlobalOneEvery) {
  const auto allocate_elsewhere = [&] {
    cuda::Result result = cuda::kSuccess;
    std::thread([&] {
      api.cuCtxSetCurrent(&machine().context);
      cuda::DevicePointer memory = 0;
      result = api.cuMemAlloc_v2(&memory, 64);
    }).join();
    return result;
  };
  Begin(cuda::kCaptureThreadLocal);
  EXPECT_EQ(allocate_elsewhere(), cuda::kSuccess);
  EXPECT_EQ(End(), cuda::kSuccess);
  Begin(cuda::kCaptureGlobal);
  EXPECT_EQ(allocate_elsewhere(), cuda::kCaptureUnsupported);
  EXPECT_EQ(End(), cuda::kCaptureInvalidated);
}

TEST_F(CaptureRules, TheLegacyStreamIsNotCapturedAndNotUsedMeanwhile) {
  EXPECT_EQ(graphs.cuStreamBeginCapture_v2(nullptr, cuda::kCaptureGlobal),
            cuda::kCaptureUnsupported);
  ASSERT_EQ(api.cuStreamCreate(&stream, 0), cuda::kSuccess);  // ordered with the legacy stream
  Begin(cuda::kCaptureGlobal);
  EXPECT_EQ(Launch(Kernel("legacy"), nullptr), cuda::kCaptureImplicit);
  EXPECT_EQ(End(), cuda::kCaptureInvalidated);
}

TEST_F(CaptureRules, BeginsOnceAndEndsWhereItBegan) {
  EXPECT_EQ(End(), cuda::kIllegalState);
  Begin();
  EXPECT_EQ(graphs.cuStreamBeginCapture_v2(stream, cuda::kCaptureGlobal), cuda::kIllegalState);
  cuda::Result elsewhere = cuda::kSuccess;
  std::thread([&] {
    api.cuCtxSetCurrent(&machine().context);
    elsewhere = End();
  }).join();
  EXPECT_EQ(elsewhere, cuda::kCaptureWrongThread);
  EXPECT_EQ(End(), cuda::kSuccess);
}

TEST_F(CaptureRules, AStreamThatJoinsComesBackBeforeTheEnd) {
  const cuda::Stream other = Another();
  const cuda::Event fork = NewEvent(), join = NewEvent();
  const auto branch = [&] {
    Begin();
    Launch(Kernel("a"), stream);
    EXPECT_EQ(api.cuEventRecord(fork, stream), cuda::kSuccess);
    EXPECT_EQ(graphs.cuStreamWaitEvent(other, fork, 0), cuda::kSuccess);
    Launch(Kernel("b"), other);
  };
  branch();
  EXPECT_EQ(End(other), cuda::kCaptureUnmatched);
  EXPECT_EQ(End(), cuda::kCaptureUnjoined);
  branch();
  Launch(Kernel("c"), stream);
  EXPECT_EQ(api.cuEventRecord(join, other), cuda::kSuccess);
  EXPECT_EQ(graphs.cuStreamWaitEvent(stream, join, 0), cuda::kSuccess);
  EXPECT_EQ(End(), cuda::kSuccess);
  for (cuda::Event event : {fork, join}) api.cuEventDestroy_v2(event);
}

TEST_F(CaptureRules, TwoCapturesDoNotBecomeOne) {
  const cuda::Stream other = Another();
  const cuda::Event event = NewEvent();
  Begin();
  ASSERT_EQ(graphs.cuStreamBeginCapture_v2(other, cuda::kCaptureThreadLocal), cuda::kSuccess);
  EXPECT_EQ(api.cuEventRecord(event, other), cuda::kSuccess);
  EXPECT_EQ(graphs.cuStreamWaitEvent(stream, event, 0), cuda::kCaptureMerge);
  EXPECT_EQ(End(), cuda::kCaptureInvalidated);
  EXPECT_EQ(End(other), cuda::kCaptureInvalidated);
  api.cuEventDestroy_v2(event);
}

TEST_F(CaptureRules, ACaptureWaitsForNothingOutsideOfIt) {
  const cuda::Event event = NewEvent();
  EXPECT_EQ(api.cuEventRecord(event, Another()), cuda::kSuccess);
  Begin();
  EXPECT_EQ(graphs.cuStreamWaitEvent(stream, event, 0), cuda::kCaptureIsolation);
  EXPECT_EQ(End(), cuda::kCaptureInvalidated);
}

TEST_F(CaptureRules, TheHostDoesNotWaitForAnEventOfACapture) {
  const cuda::Event event = NewEvent();
  Begin();
  EXPECT_EQ(api.cuEventRecord(event, stream), cuda::kSuccess);
  EXPECT_EQ(graphs.cuEventQuery(event), cuda::kCapturedEvent);
  EXPECT_EQ(api.cuEventSynchronize(event), cuda::kCapturedEvent);
  EXPECT_EQ(End(), cuda::kCaptureInvalidated);
  api.cuEventDestroy_v2(event);
}

TEST_F(CaptureRules, CaptureIntoAGraphNeedsADriverThatHasIt) {
  for (const DriverProfile& profile : kDriverProfiles) {
    Use(profile);
    const cuda::Graph graph = NewGraph();
    const cuda::GraphNode first = AddKernel(graph, Kernel("first"));
    const cuda::Result begun = graphs.cuStreamBeginCaptureToGraph(stream, graph, &first, nullptr, 1,
                                                                  cuda::kCaptureThreadLocal);
    EXPECT_EQ(begun, profile.if_and_while ? cuda::kSuccess : cuda::kNotSupported) << profile.name;
    if (begun == cuda::kSuccess) {
      EXPECT_EQ(Launch(Kernel("second"), stream), cuda::kSuccess);
      cuda::Graph same = nullptr;
      EXPECT_EQ(graphs.cuStreamEndCapture(stream, &same), cuda::kSuccess);
      EXPECT_EQ(same, graph);
      EXPECT_EQ(Run(graph), cuda::kSuccess);
      EXPECT_THAT(log, ElementsAre("first", "second"));
    }
    api.cuGraphDestroy(graph);
  }
}

// The work is late: what the host writes before it runs is what arrives.
TEST_F(CaptureRules, PinnedMemoryIsReadWhenTheCopyRuns) {
  void* pinned = nullptr;
  cuda::DevicePointer memory = 0;
  ASSERT_EQ(api.cuMemHostAlloc(&pinned, 4, 0), cuda::kSuccess);
  ASSERT_EQ(api.cuMemAlloc_v2(&memory, 4), cuda::kSuccess);
  auto* value = static_cast<int32_t*>(pinned);
  *value = 1;
  EXPECT_EQ(api.cuMemcpyHtoDAsync_v2(memory, pinned, 4, stream), cuda::kSuccess);
  *value = 2;
  EXPECT_EQ(api.cuStreamSynchronize(stream), cuda::kSuccess);
  EXPECT_EQ(*reinterpret_cast<const int32_t*>(memory), 2);
}

}  // namespace
}  // namespace hydra::hal::sim
