// Stream capture as the simulated driver has it: which calls a capture forbids, how streams join
// one, and the codes 900 to 908.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/hal/sim/driver_functions.h"

namespace hydra::hal::sim {
namespace {

using cuda::Capture;
using cuda::GraphNode;
using cuda::Result;
using cuda::Stream;

void EndCapture(Machine& machine, const std::shared_ptr<Capture>& capture) {
  for (const std::unique_ptr<cuda::CUstream_st>& stream : machine.streams) {
    if (stream->capture != capture) continue;
    stream->capture = nullptr;
    stream->after.clear();
  }
  std::erase(machine.captures, capture);
}

// Nodes that nothing comes behind.
std::vector<GraphNode> Ends(const cuda::CUgraph_st& graph) {
  std::vector<GraphNode> ends;
  for (const auto& node : graph.nodes) {
    const bool last = std::none_of(graph.nodes.begin(), graph.nodes.end(), [&](const auto& other) {
      return std::count(other->after.begin(), other->after.end(), node.get()) > 0;
    });
    if (last) ends.push_back(node.get());
  }
  return ends;
}

Result Begin(Machine& machine, Stream stream, cuda::Graph graph, std::vector<GraphNode> after,
             int mode) {
  if (stream == nullptr) {
    return machine.Broken(cuda::kCaptureUnsupported, "a capture of the legacy stream");
  }
  if (stream->capture != nullptr) {
    return machine.Broken(cuda::kIllegalState, "a capture of a stream that is captured");
  }
  auto capture = std::make_shared<Capture>();
  capture->origin = stream;
  capture->own_graph = graph == nullptr;
  capture->graph = graph == nullptr ? new cuda::CUgraph_st : graph;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  stream->capture = capture;
  stream->after = std::move(after);
  machine.captures.push_back(std::move(capture));
  return cuda::kSuccess;
}

}  // namespace

Result AllowUnsafeCall(Machine& machine, const char* call) {
  Result result = cuda::kSuccess;
  for (const std::shared_ptr<Capture>& capture : machine.captures) {
    const bool own = capture->thread == std::this_thread::get_id();
    if (capture->mode == cuda::kCaptureRelaxed) continue;
    if (capture->mode == cuda::kCaptureThreadLocal && !own) continue;
    capture->invalid = true;
    result = machine.Broken(cuda::kCaptureUnsupported, absl::StrCat(call, " while capturing"));
  }
  return result;
}

Result AllowOnCaptured(Stream stream, const char* call) {
  Machine& machine = *CurrentContext()->machine;
  if (stream == nullptr) {
    for (const std::shared_ptr<Capture>& capture : machine.captures) {
      if (!capture->origin->blocking) continue;
      capture->invalid = true;
      return machine.Broken(cuda::kCaptureImplicit,
                            absl::StrCat(call, " on the legacy stream while capturing"));
    }
    return cuda::kSuccess;
  }
  if (stream->capture == nullptr) return cuda::kSuccess;
  stream->capture->invalid = true;
  return machine.Broken(cuda::kCaptureUnsupported,
                        absl::StrCat(call, " on a stream that is captured"));
}

Result PutOrCapture(Machine& machine, Stream stream, int node_type, cuda::Task work) {
  if (stream == nullptr) {
    if (const Result result = AllowOnCaptured(stream, "work"); result != cuda::kSuccess) {
      return result;
    }
    return machine.Broken(cuda::kInvalidValue, "work on the legacy stream");
  }
  const bool known = std::any_of(machine.streams.begin(), machine.streams.end(),
                                 [&](const auto& one) { return one.get() == stream; });
  if (!known) return machine.Broken(cuda::kInvalidValue, "work on a stream that is none");
  if (stream->capture == nullptr) return machine.Put(stream, std::move(work));
  if (stream->capture->invalid) return cuda::kCaptureInvalidated;
  GraphNode node = nullptr;
  const Result result =
      AddNode(machine, &node, stream->capture->graph, stream->after, node_type, std::move(work));
  if (result != cuda::kSuccess) {
    stream->capture->invalid = true;
    return result;
  }
  stream->after = {node};
  return cuda::kSuccess;
}

namespace functions {

Result cuStreamBeginCapture_v2(Stream stream, int mode) {
  HYDRA_ENTER_MACHINE();
  return Begin(machine, stream, nullptr, {}, mode);
}

Result cuStreamBeginCaptureToGraph(Stream stream, Graph graph, const GraphNode* after, const void*,
                                   size_t count, int mode) {
  HYDRA_ENTER_MACHINE();
  if (!machine.profile().if_and_while) return kNotSupported;
  return Begin(machine, stream, graph, {after, after + count}, mode);
}

Result cuStreamEndCapture(Stream stream, Graph* graph) {
  HYDRA_ENTER_MACHINE();
  *graph = nullptr;
  const std::shared_ptr<Capture> capture = stream == nullptr ? nullptr : stream->capture;
  if (capture == nullptr) {
    return machine.Broken(kIllegalState, "the end of a capture that never began");
  }
  if (capture->origin != stream) {
    return machine.Broken(kCaptureUnmatched, "a capture ended on another stream than it began");
  }
  if (capture->mode != kCaptureRelaxed && capture->thread != std::this_thread::get_id()) {
    return machine.Broken(kCaptureWrongThread, "a capture ended on another thread than it began");
  }
  // What other streams did must have come back to this one.
  std::vector<GraphNode> left = capture->own_graph ? Ends(*capture->graph) : stream->after;
  std::erase_if(left, [&](GraphNode end) {
    return std::count(stream->after.begin(), stream->after.end(), end) > 0;
  });
  const bool invalid = capture->invalid;
  EndCapture(machine, capture);
  if (!invalid && left.empty()) {
    *graph = capture->graph;
    return kSuccess;
  }
  if (invalid && capture->graph->owner != nullptr) {
    // Real drivers end the process here.
    return machine.Broken(kCaptureInvalidated,
                          "the end of an invalid capture into a conditional body");
  }
  if (capture->own_graph) delete capture->graph;
  return invalid ? kCaptureInvalidated
                 : machine.Broken(kCaptureUnjoined, "a capture ended before its streams came back");
}

Result cuStreamIsCapturing(Stream stream, int* status) {
  HYDRA_ENTER_MACHINE();
  *status = stream == nullptr || stream->capture == nullptr ? kNotCapturing
            : stream->capture->invalid                      ? kInvalidCapture
                                                            : kCapturing;
  return kSuccess;
}

Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  HYDRA_ENTER_MACHINE();
  if (event->capture == nullptr) {
    if (stream->capture != nullptr) {
      stream->capture->invalid = true;
      return machine.Broken(kCaptureIsolation, "a captured stream waits for work outside of it");
    }
    return PutOrCapture(machine, stream, kEventWaitNode, [&machine, event] {
      machine.RunUntil([=] { return !event->pending; });
      return absl::OkStatus();
    });
  }
  if (stream->capture != nullptr && stream->capture != event->capture) {
    stream->capture->invalid = true;
    event->capture->invalid = true;
    return machine.Broken(kCaptureMerge, "two captures become one");
  }
  const bool joins = stream->capture == nullptr;
  stream->capture = event->capture;
  if (joins) stream->after.clear();
  for (GraphNode node : event->after) {
    if (std::count(stream->after.begin(), stream->after.end(), node) == 0) {
      stream->after.push_back(node);
    }
  }
  return kSuccess;
}

}  // namespace functions
}  // namespace hydra::hal::sim
