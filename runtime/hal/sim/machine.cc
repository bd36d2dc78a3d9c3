#include "runtime/hal/sim/machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::sim {

using cuda::CUgraphNode_st;
using cuda::Graph;
using cuda::GraphNode;

namespace {

// Turns of a loop after which it counts as endless.
constexpr int kMostTurns = 1 << 20;
constexpr uint8_t kUnwritten = 0xcd;

// Whether `to` comes behind `from` in their graph.
bool Reaches(GraphNode from, GraphNode to) {
  return std::any_of(to->after.begin(), to->after.end(),
                     [&](GraphNode before) { return before == from || Reaches(from, before); });
}

// Whether `first` is done before `second` starts, wherever in nested bodies they stand.
bool IsBefore(GraphNode first, GraphNode second) {
  for (GraphNode outer = first; outer != nullptr; outer = outer->graph->owner) {
    for (GraphNode inner = second; inner != nullptr; inner = inner->graph->owner) {
      if (outer->graph != inner->graph) continue;
      return outer == inner || Reaches(outer, inner);
    }
  }
  return false;
}

Graph Outermost(Graph graph) {
  while (graph->owner != nullptr) graph = graph->owner->graph;
  return graph;
}

}  // namespace

Machine::Machine(MachineOptions options) : options_(std::move(options)) { context.machine = this; }

Machine::~Machine() {
  for (cuda::Event event : events) delete event;
  for (const bool on_host : {false, true}) {
    Blocks& blocks = on_host ? host_ : device_;
    while (!blocks.empty()) Free(blocks.begin()->first, on_host);
  }
}

cuda::Result Machine::Broken(cuda::Result result, const std::string& rule) {
  if (counts_.broken[0] == 0) {
    std::strncpy(counts_.broken, rule.c_str(), sizeof(counts_.broken) - 1);
  }
  return result;
}

absl::Status Machine::Fail(cuda::Result result, const std::string& why) {
  if (failed_ == cuda::kSuccess) {
    failed_ = result;
    failure_ = why;
    for (const auto& stream : streams) stream->work.clear();
    for (cuda::CUevent_st* event : events) event->pending = false;
  }
  return FailureError(why);
}

uint8_t* Machine::Allocate(uint64_t bytes, bool on_host) {
  if (bytes == 0 || (!on_host && bytes > free_bytes())) return nullptr;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  Poison();
  const auto address = reinterpret_cast<uint64_t>(memory);
  (on_host ? host_ : device_)[address] = bytes;
  if (on_host) {
    std::memset(memory, kUnwritten, bytes);
  } else {
    untouched_ = address;
    used_ += bytes;
  }
  ++counts_.allocations;
  return static_cast<uint8_t*>(memory);
}

bool Machine::Free(uint64_t address, bool on_host) {
  Blocks& all = on_host ? host_ : device_;
  const auto found = all.find(address);
  if (found == all.end()) return false;
  if (!on_host) used_ -= found->second;
  if (address == untouched_) untouched_ = 0;
  munmap(At(address), found->second);
  all.erase(found);
  return true;
}

bool Machine::Holds(uint64_t address, uint64_t bytes, bool on_host) const {
  const Blocks& all = on_host ? host_ : device_;
  auto after = all.upper_bound(address);
  if (after == all.begin()) return false;
  --after;
  const uint64_t offset = address - after->first;
  return offset <= after->second && bytes <= after->second - offset;
}

void Machine::Poison() {
  if (untouched_ == 0) return;
  std::memset(At(untouched_), kUnwritten, device_.at(untouched_));
  untouched_ = 0;
}

bool Machine::Clear(uint64_t address, uint64_t bytes) {
  if (address != untouched_ || untouched_ == 0 || device_.at(address) != bytes) return false;
  untouched_ = 0;
  return true;
}

cuda::Result Machine::Put(cuda::Stream stream, cuda::Task work) {
  Poison();
  stream->work.push_back(std::move(work));
  return cuda::kSuccess;
}

bool Machine::busy() const {
  return std::any_of(streams.begin(), streams.end(),
                     [](const auto& stream) { return !stream->work.empty(); });
}

cuda::Result Machine::RunUntil(const std::function<bool()>& done) {
  for (const std::unique_ptr<cuda::CUstream_st>& stream : streams) {
    while (!done() && !stream->work.empty()) {
      const cuda::Task next = std::move(stream->work.front());
      stream->work.pop_front();
      if (const absl::Status status = next(); !status.ok()) {
        Fail(cuda::kLaunchFailed, std::string(status.message())).IgnoreError();
      }
    }
  }
  return failed_;
}

absl::Status Machine::RunGraph(const cuda::CUgraphExec_st& exec) {
  for (auto& [handle, conditional] : conditionals) {
    if (Outermost(conditional.graph) != exec.source) continue;
    conditional.defined = conditional.restored;
    conditional.value = conditional.initial;
    conditional.setter = nullptr;
  }
  return RunNodes(exec.nodes);
}

absl::Status Machine::RunNodes(absl::Span<const std::shared_ptr<CUgraphNode_st>> nodes) {
  for (const std::shared_ptr<CUgraphNode_st>& node : nodes) {
    running_ = node.get();
    if (node->type == cuda::kConditionalNode) {
      HYDRA_RETURN_IF_ERROR(RunConditional(*node));
    } else if (node->child != nullptr) {
      HYDRA_RETURN_IF_ERROR(RunNodes(node->child->nodes));
    } else if (node->run) {
      HYDRA_RETURN_IF_ERROR(node->run());
    }
  }
  return absl::OkStatus();
}

absl::Status Machine::RunConditional(const CUgraphNode_st& node) {
  const auto read = [&]() -> absl::StatusOr<unsigned> {
    const Conditional& conditional = conditionals.at(node.handle);
    if (!conditional.defined) {
      Broken(cuda::kInvalidValue, "a conditional that nobody set, without a default");
      return Fail(cuda::kLaunchFailed, "a conditional node reads a handle that nobody set");
    }
    if (conditional.setter != nullptr &&
        !IsBefore(conditional.setter, const_cast<GraphNode>(&node))) {
      Broken(cuda::kInvalidValue, "a conditional that does not come behind the one that sets it");
    }
    return conditional.value;
  };
  const auto run = [&](size_t body) -> absl::Status {
    const Graph graph = node.bodies[body].get();
    if (graph->nodes.empty() && profile().empty_body_hangs) {
      return Fail(cuda::kLaunchTimeout,
                  absl::StrCat("a conditional body without nodes hangs with the driver for CUDA ",
                               profile().name, "; put an empty kernel into it"));
    }
    const bool child = std::any_of(graph->nodes.begin(), graph->nodes.end(),
                                   [](const auto& one) { return one->type == cuda::kChildNode; });
    if (child && node.bodies.size() > 1 && profile().child_in_body_breaks) {
      return Fail(cuda::kLaunchFailed,
                  absl::StrCat("a child graph in a node of several bodies gets wrong parents with "
                               "the driver for CUDA ",
                               profile().name));
    }
    return RunNodes(graph->nodes);
  };
  HYDRA_ASSIGN_OR_RETURN(unsigned value, read());
  if (node.kind == cuda::kConditionalWhile) {
    for (int turn = 0; value != 0; ++turn) {
      if (turn == kMostTurns) return Fail(cuda::kLaunchTimeout, "a conditional loop does not end");
      HYDRA_RETURN_IF_ERROR(run(0));
      HYDRA_ASSIGN_OR_RETURN(value, read());
    }
    return absl::OkStatus();
  }
  const size_t body =
      node.kind == cuda::kConditionalSwitch ? value : static_cast<size_t>(value == 0);
  return body < node.bodies.size() ? run(body) : absl::OkStatus();
}

absl::Status Machine::SetConditional(cuda::ConditionalHandle handle, unsigned value) {
  const auto found = conditionals.find(handle);
  if (found == conditionals.end()) {
    return Fail(cuda::kIllegalAddress, "a kernel sets a conditional handle that is none");
  }
  Conditional& conditional = found->second;
  if (conditional.setter != nullptr && conditional.setter != running_ &&
      !IsBefore(conditional.setter, running_)) {
    Broken(cuda::kInvalidValue, "two kernels without order set one conditional handle");
  }
  conditional.defined = true;
  conditional.value = value;
  conditional.setter = running_;
  return absl::OkStatus();
}

absl::Status Machine::Copy(uint64_t target, uint64_t source, uint64_t bytes, bool target_on_host,
                           bool source_on_host) {
  // Host memory that the driver does not know is the caller's own.
  if ((!target_on_host && !Holds(target, bytes, false)) ||
      (!source_on_host && !Holds(source, bytes, false))) {
    Broken(cuda::kIllegalAddress, "a copy outside of an allocation");
    return Fail(cuda::kIllegalAddress, "a copy outside of an allocation");
  }
  std::memmove(At(target), At(source), bytes);
  return absl::OkStatus();
}

absl::Status Machine::Copy(const cuda::Copy3D& copy) {
  for (size_t row = 0; row < copy.height; ++row) {
    HYDRA_RETURN_IF_ERROR(Copy(copy.target + row * copy.target_pitch,
                               copy.source + row * copy.source_pitch, copy.width, false, false));
  }
  return absl::OkStatus();
}

absl::Status Machine::Fill(const cuda::FillParameters& fill) {
  for (size_t row = 0; row < fill.height; ++row) {
    const uint64_t address = fill.target + row * fill.pitch;
    const uint64_t bytes = fill.width * fill.element_bytes;
    if (!Holds(address, bytes, false)) {
      Broken(cuda::kIllegalAddress, "a fill outside of an allocation");
      return Fail(cuda::kIllegalAddress, "a fill outside of an allocation");
    }
    uint8_t* data = At(address);
    if (fill.element_bytes == 1) {
      std::memset(data, static_cast<int>(fill.value), bytes);
    } else {
      std::fill_n(reinterpret_cast<uint32_t*>(data), fill.width, fill.value);
    }
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal::sim
