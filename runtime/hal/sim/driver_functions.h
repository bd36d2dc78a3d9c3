// The functions of the CUDA driver API over simulated machines, with its rules and error codes.
// Beside what the cuda driver calls there are capture and conditional nodes, as the profile has
// them.
//
// Machines are GPUs of one process: device number n is the one that AddMachine returned n for. What
// is not modelled: cubins and PTX (kernels are functions of this program, made by their owner),
// several contexts on one machine, priorities, memory pools, updates of executable graphs.
#ifndef HYDRA_RUNTIME_HAL_SIM_DRIVER_FUNCTIONS_H_
#define HYDRA_RUNTIME_HAL_SIM_DRIVER_FUNCTIONS_H_

#include "runtime/hal/sim/machine.h"

namespace hydra::hal::sim {

// Plugs a machine in; it stays until Remove. Thread-safe.
cuda::DeviceNumber AddMachine(MachineOptions options);
void RemoveMachine(cuda::DeviceNumber number);
Machine& MachineOf(cuda::DeviceNumber number);

const cuda::DriverApi& SimulatedDriver();
const cuda::GraphApi& SimulatedGraphs();

// Of the calling thread; null before cuCtxSetCurrent.
cuda::Context CurrentContext();

// What every function asks first: a current context. Otherwise returns the error. Declares
// `machine`, locked.
#define HYDRA_FIND_MACHINE()                                                                      \
  if (::hydra::hal::sim::CurrentContext() == nullptr) return ::hydra::hal::cuda::kInvalidContext; \
  ::hydra::hal::sim::Machine& machine = *::hydra::hal::sim::CurrentContext()->machine;            \
  const std::lock_guard<std::recursive_mutex> lock(machine.mutex)
// And that its machine still works; functions that destroy something do not ask.
#define HYDRA_ENTER_MACHINE() \
  HYDRA_FIND_MACHINE();       \
  if (machine.failed() != ::hydra::hal::cuda::kSuccess) return machine.failed()

// Captures (driver_captures.cc). Whether a call that may wait or obtain memory is allowed on this
// thread now; one that is not ends the captures that forbid it.
cuda::Result AllowUnsafeCall(Machine& machine, const char* call);
// The same for work or a question on a stream that is being captured, whatever the mode.
cuda::Result AllowOnCaptured(cuda::Stream stream, const char* call);
// Puts work on a stream, or makes it a node of the graph that the stream is captured into.
cuda::Result PutOrCapture(Machine& machine, cuda::Stream stream, int node_type, cuda::Task work);

// Graphs (driver_graphs.cc): a node behind others of the same graph.
cuda::Result AddNode(Machine& machine, cuda::GraphNode* node, cuda::Graph graph,
                     absl::Span<const cuda::GraphNode> after, int type, cuda::Task run);
// One launch as work; null if nothing would run.
cuda::Task LaunchTask(Machine& machine, cuda::Function function, void** parameters,
                      const LaunchGeometry& geometry);

namespace functions {
// NOLINTBEGIN(readability-identifier-naming, google-build-using-namespace): cuda.h's names
#define HYDRA_DECLARE(name, parameters) cuda::Result name parameters;
using namespace cuda;
HYDRA_CUDA_FUNCTIONS(HYDRA_DECLARE)
HYDRA_CUDA_GRAPH_FUNCTIONS(HYDRA_DECLARE)
#undef HYDRA_DECLARE
// NOLINTEND(readability-identifier-naming, google-build-using-namespace)
}  // namespace functions

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_DRIVER_FUNCTIONS_H_
