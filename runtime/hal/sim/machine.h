// The simulated GPU behind the simulated driver (driver_functions.h): memory, streams, graphs and
// what is queued. Work that is put on a stream runs when somebody waits for it, not before, so that
// it is always late. The first rule of the driver API that a caller breaks is remembered.
#ifndef HYDRA_RUNTIME_HAL_SIM_MACHINE_H_
#define HYDRA_RUNTIME_HAL_SIM_MACHINE_H_

#include <bit>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "runtime/base/command.h"
#include "runtime/hal/cuda/graph_api.h"
#include "runtime/hal/sim/driver_counts.h"
#include "runtime/hal/sim/driver_profile.h"

namespace hydra::hal::sim {
class Machine;
}

namespace hydra::hal::cuda {

// The handles of the driver API, which a caller sees as pointers only.
struct CUctx_st {
  sim::Machine* machine = nullptr;
};

// One launch of a kernel as its function sees it.
struct LaunchCall {
  sim::Machine& machine;
  absl::Span<const uint64_t> parameters;
  const LaunchGeometry& geometry;
};
struct CUfunc_st {
  std::string name;
  size_t parameters = 0;  // of eight bytes each
  // A failure ends everything on the machine.
  std::function<absl::Status(const LaunchCall&)> run;
};
struct CUmod_st {
  std::string image;
  std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};

using Task = std::function<absl::Status()>;

struct CUgraphNode_st {
  CUgraph_st* graph = nullptr;
  int type = kEmptyNode;
  std::vector<GraphNode> after;
  Task run;
  // Of a conditional node.
  ConditionalHandle handle = 0;
  int kind = kConditionalIf;
  std::vector<std::unique_ptr<CUgraph_st>> bodies;
  std::vector<Graph> body_handles;
  std::shared_ptr<CUgraph_st> child;  // of a child graph node: a copy
};
struct CUgraph_st {
  std::vector<std::shared_ptr<CUgraphNode_st>> nodes;  // behind those they come after
  CUgraphNode_st* owner = nullptr;                     // of a conditional's body
  std::set<ConditionalHandle> handles;                 // made for it
  int references = 1;                                  // by its owner and by executable graphs
  int instantiations = 0;
};
struct CUgraphExec_st {
  Graph source = nullptr;
  std::vector<std::shared_ptr<CUgraphNode_st>> nodes;
  bool conditional = false;
};

// A capture in progress, of one stream or of several that joined it.
struct Capture {
  Stream origin = nullptr;
  Graph graph = nullptr;
  bool own_graph = false;  // made by the capture
  int mode = kCaptureGlobal;
  bool invalid = false;
  std::thread::id thread;
};
struct CUevent_st {
  bool pending = false;
  double seconds = 0;                // of its last record
  std::shared_ptr<Capture> capture;  // of the capture that it was last recorded in
  std::vector<GraphNode> after;      // there
};
struct CUstream_st {
  sim::Machine* machine = nullptr;
  bool blocking = false;  // ordered with the legacy stream
  std::deque<Task> work;
  std::shared_ptr<Capture> capture;
  std::vector<GraphNode> after;  // what the next captured node comes behind
};

}  // namespace hydra::hal::cuda

namespace hydra::hal::sim {

// Addresses of the simulated GPU are the host's.
template <typename T = uint8_t>
T* At(uint64_t address) {
  return std::bit_cast<T*>(address);
}

struct MachineOptions {
  std::string name = "a simulated GPU";
  int driver = kDriverProfiles.back().version;
  int capability = 90;
  uint64_t bytes = uint64_t{1} << 40;
};

class Machine {
 public:
  explicit Machine(MachineOptions options);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const MachineOptions& options() const { return options_; }
  const DriverProfile& profile() const { return ProfileOf(options_.driver); }
  DriverCounts& counts() { return counts_; }

  // Remembers the first broken rule and returns `result`.
  cuda::Result Broken(cuda::Result result, const std::string& rule);
  // Ends everything: nothing runs afterwards, and every later call returns `result`.
  absl::Status Fail(cuda::Result result, const std::string& why);
  // Why, for people; empty while nothing failed.
  const std::string& failure() const { return failure_; }
  cuda::Result failed() const { return failed_; }

  // Memory. Bytes that nobody wrote are 0xcd.
  uint8_t* Allocate(uint64_t bytes, bool on_host);
  bool Free(uint64_t address, bool on_host);
  // Whether [address, address + bytes) lies in one allocation.
  bool Holds(uint64_t address, uint64_t bytes, bool on_host) const;
  uint64_t free_bytes() const { return options_.bytes - used_; }
  // Whether these bytes are the allocation made last, untouched, which then is zero for free: large
  // memory that is cleared and never used costs nothing.
  bool Clear(uint64_t address, uint64_t bytes);

  cuda::Result Put(cuda::Stream stream, cuda::Task work);
  // Runs what is queued on every stream, until `done` says so.
  cuda::Result RunUntil(const std::function<bool()>& done);
  bool busy() const;
  // One launch of an executable graph: nodes in order, conditional ones by their values.
  absl::Status RunGraph(const cuda::CUgraphExec_st& exec);
  // From inside a kernel: cudaGraphSetConditional. A failure for a handle that is none.
  absl::Status SetConditional(cuda::ConditionalHandle handle, unsigned value);

  // Work of a queue.
  absl::Status Copy(uint64_t target, uint64_t source, uint64_t bytes, bool target_on_host,
                    bool source_on_host);
  absl::Status Copy(const cuda::Copy3D& copy);
  absl::Status Fill(const cuda::FillParameters& fill);

  std::recursive_mutex mutex;
  cuda::CUctx_st context;
  std::vector<std::unique_ptr<cuda::CUstream_st>> streams;
  std::vector<std::unique_ptr<cuda::CUmod_st>> modules;
  std::set<cuda::Event> events;
  std::vector<std::shared_ptr<cuda::Capture>> captures;  // in progress

  struct Conditional {
    cuda::Graph graph = nullptr;
    unsigned initial = 0;
    bool restored = false;  // to `initial`, at each launch
    cuda::GraphNode node = nullptr;
    // During a launch.
    bool defined = false;
    unsigned value = 0;
    cuda::GraphNode setter = nullptr;
  };
  std::map<cuda::ConditionalHandle, Conditional> conditionals;

 private:
  using Blocks = std::map<uint64_t, uint64_t>;  // bytes by address

  // Fills the allocation made last unless it was cleared.
  void Poison();

  absl::Status RunNodes(absl::Span<const std::shared_ptr<cuda::CUgraphNode_st>> nodes);
  absl::Status RunConditional(const cuda::CUgraphNode_st& node);

  MachineOptions options_;
  DriverCounts counts_;
  Blocks device_, host_;
  uint64_t used_ = 0;
  uint64_t untouched_ = 0;  // address of the allocation made last, while its pages are fresh
  cuda::Result failed_ = cuda::kSuccess;  // sticky, as the driver's own
  std::string failure_;
  cuda::GraphNode running_ = nullptr;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_MACHINE_H_
