// The functions of the driver API over FakeMachine.
#include "tests/hal/cuda/fake_driver.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "tests/hal/cuda/fake_machine.h"

using namespace hydra::hal::cuda;
using hydra::hal::testing::FakeCudaCounts;
using hydra::hal::testing::FakeMachine;

namespace {

thread_local Context current = nullptr;

#define FAKE extern "C" __attribute__((visibility("default"))) Result

// In every function that needs a context.
#define ENTER_CONTEXT()                                                                   \
  FakeMachine& machine = FakeMachine::Get();                                              \
  const std::lock_guard<std::recursive_mutex> lock(machine.mutex);                        \
  if (current == nullptr)                                                                 \
    return machine.Broken(kInvalidContext, std::string(__func__) + " without a context"); \
  if (machine.failed != kSuccess) return machine.failed

double Now() {
  const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
  return now.count();
}

Result Put(Stream stream, std::function<void()> work) {
  FakeMachine& machine = FakeMachine::Get();
  const bool known = std::any_of(machine.streams.begin(), machine.streams.end(),
                                 [&](const auto& one) { return one.get() == stream; });
  if (!known) return machine.Broken(kInvalidValue, "work on a stream that is none");
  stream->work.push_back(std::move(work));
  return kSuccess;
}

Result AddNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
               std::function<void()> run) {
  FakeMachine& machine = FakeMachine::Get();
  for (size_t i = 0; i < count; ++i) {
    if (after[i] == nullptr || after[i]->graph != graph) {
      return machine.Broken(kInvalidValue, "a node behind one of another graph");
    }
  }
  if (!graph->nodes.empty() && count == 0) {
    return machine.Broken(kInvalidValue, "a node without order among others");
  }
  graph->nodes.push_back(std::make_unique<CUgraphNode_st>(CUgraphNode_st{graph, std::move(run)}));
  *node = graph->nodes.back().get();
  return kSuccess;
}

std::function<void()> LaunchOf(Function function, void** parameters, const unsigned* grid,
                               const unsigned* block) {
  std::vector<uint64_t> values;
  for (size_t i = 0; i < function->parameters; ++i) {
    values.push_back(*static_cast<const uint64_t*>(parameters[i]));
  }
  const bool valid = grid[0] * grid[1] * grid[2] > 0 && block[0] * block[1] * block[2] > 0 &&
                     block[0] * block[1] * block[2] <= 1024;
  if (!valid) return nullptr;
  return [name = function->name, values, blocks = grid[0]] {
    FakeMachine::Get().Launch(name, values, blocks);
  };
}

// The kernels of PTX with the number of their parameters; those of a cubin are not looked for.
void ReadKernels(CUmod_st& module) {
  const std::string& text = module.image;
  for (size_t at = 0; (at = text.find(".entry ", at)) != std::string::npos;) {
    at += std::strlen(".entry ");
    const size_t open = text.find('(', at), close = text.find(')', at);
    auto function = std::make_unique<CUfunc_st>();
    function->name = text.substr(at, open - at);
    function->module = &module;
    for (size_t p = open; (p = text.find(".param", p)) < close; ++p) ++function->parameters;
    module.functions[function->name] = std::move(function);
  }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void HydraReadFakeCuda(FakeCudaCounts* counts) {
  FakeMachine& machine = FakeMachine::Get();
  const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
  *counts = machine.counts;
}

FAKE cuInit(unsigned) {
  FakeMachine::Get().initialized = true;
  return FakeMachine::Get().Setting("gpus") > 0 ? kSuccess : kNoDevice;
}
FAKE cuDriverGetVersion(int* version) {
  *version = FakeMachine::Get().Setting("driver");
  return kSuccess;
}
FAKE cuGetErrorName(Result result, const char** name) {
  *name = result == kOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == kNoDevice       ? "CUDA_ERROR_NO_DEVICE"
          : result == kIllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                      : "CUDA_ERROR";
  return kSuccess;
}
FAKE cuGetErrorString(Result, const char** text) {
  *text = FakeMachine::Get().counts.broken;
  return kSuccess;
}
FAKE cuDeviceGetCount(int* count) {
  if (!FakeMachine::Get().initialized) return kNotInitialized;
  *count = FakeMachine::Get().Setting("gpus");
  return kSuccess;
}
FAKE cuDeviceGet(DeviceNumber* device, int ordinal) {
  *device = ordinal;
  return ordinal < FakeMachine::Get().Setting("gpus") ? kSuccess : kInvalidValue;
}
FAKE cuDeviceGetName(char* name, int bytes, DeviceNumber device) {
  std::snprintf(name, static_cast<size_t>(bytes), "Fake GPU %d", device);
  return kSuccess;
}
FAKE cuDeviceTotalMem_v2(size_t* bytes, DeviceNumber) {
  *bytes = FakeMachine::Get().memory_bytes();
  return kSuccess;
}
FAKE cuDeviceGetAttribute(int* value, int attribute, DeviceNumber) {
  const int capability = FakeMachine::Get().Setting("capability");
  *value = attribute == kCapabilityMajor   ? capability / 10
           : attribute == kCapabilityMinor ? capability % 10
                                           : 4;
  return kSuccess;
}
FAKE cuDevicePrimaryCtxRetain(Context* context, DeviceNumber) {
  *context = &FakeMachine::Get().context;
  return kSuccess;
}
FAKE cuDevicePrimaryCtxRelease_v2(DeviceNumber) {
  FakeMachine& machine = FakeMachine::Get();
  if (machine.busy())
    return machine.Broken(kInvalidValue, "a context released while work is queued");
  return kSuccess;
}
FAKE cuCtxSetCurrent(Context context) {
  current = context;
  return kSuccess;
}
FAKE cuMemGetInfo_v2(size_t* free, size_t* total) {
  ENTER_CONTEXT();
  *free = machine.free_bytes();
  *total = machine.memory_bytes();
  return kSuccess;
}
FAKE cuMemAlloc_v2(DevicePointer* memory, size_t bytes) {
  ENTER_CONTEXT();
  const uint8_t* allocated = machine.Allocate(bytes, false);
  *memory = reinterpret_cast<DevicePointer>(allocated);
  return allocated == nullptr ? kOutOfMemory : kSuccess;
}
FAKE cuMemFree_v2(DevicePointer memory) {
  ENTER_CONTEXT();
  if (machine.busy()) return machine.Broken(kInvalidValue, "memory freed while work is queued");
  return machine.Free(memory, false) ? kSuccess
                                     : machine.Broken(kInvalidValue, "a free of nothing");
}
FAKE cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  ENTER_CONTEXT();
  *memory = machine.Allocate(bytes, true);
  return *memory == nullptr ? kOutOfMemory : kSuccess;
}
FAKE cuMemFreeHost(void* memory) {
  ENTER_CONTEXT();
  if (machine.busy())
    return machine.Broken(kInvalidValue, "host memory freed while work is queued");
  return machine.Free(reinterpret_cast<uint64_t>(memory), true)
             ? kSuccess
             : machine.Broken(kInvalidValue, "a free of nothing");
}
FAKE cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, size_t bytes, Stream stream) {
  ENTER_CONTEXT();
  const auto from = reinterpret_cast<uint64_t>(source);
  const auto copy = [=] { FakeMachine::Get().Copy(target, from, bytes, false, true); };
  if (machine.Holds(from, bytes, true)) return Put(stream, copy);
  // Memory that is not pinned is taken before the call returns.
  std::vector<uint8_t> taken(static_cast<const uint8_t*>(source),
                             static_cast<const uint8_t*>(source) + bytes);
  return Put(stream, [=] {
    FakeMachine::Get().Copy(target, reinterpret_cast<uint64_t>(taken.data()), bytes, false, true);
  });
}
FAKE cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, size_t bytes, Stream stream) {
  ENTER_CONTEXT();
  ++machine.counts.host_copies;
  machine.counts.host_copy_bytes += bytes;
  return Put(stream, [=] {
    FakeMachine::Get().Copy(reinterpret_cast<uint64_t>(target), source, bytes, true, false);
  });
}
FAKE cuMemcpy3DAsync_v2(const Copy3D* copy, Stream stream) {
  ENTER_CONTEXT();
  return Put(stream, [copy = *copy] { FakeMachine::Get().Copy(copy); });
}
FAKE cuMemsetD8Async(DevicePointer target, unsigned char value, size_t bytes, Stream stream) {
  ENTER_CONTEXT();
  const FillParameters fill{target, bytes, value, 1, bytes, 1};
  return Put(stream, [=] { FakeMachine::Get().Fill(fill); });
}
FAKE cuMemsetD2D32Async(DevicePointer target, size_t pitch, unsigned value, size_t width,
                        size_t height, Stream stream) {
  ENTER_CONTEXT();
  const FillParameters fill{target, pitch, value, 4, width, height};
  return Put(stream, [=] { FakeMachine::Get().Fill(fill); });
}
FAKE cuStreamCreate(Stream* stream, unsigned) {
  ENTER_CONTEXT();
  machine.streams.push_back(std::make_unique<CUstream_st>());
  *stream = machine.streams.back().get();
  return kSuccess;
}
FAKE cuStreamDestroy_v2(Stream stream) {
  ENTER_CONTEXT();
  if (!stream->work.empty()) return machine.Broken(kInvalidValue, "a busy stream destroyed");
  std::erase_if(machine.streams, [&](const auto& one) { return one.get() == stream; });
  return kSuccess;
}
FAKE cuStreamSynchronize(Stream stream) {
  ENTER_CONTEXT();
  ++machine.counts.waits;
  return machine.RunUntil([=] { return stream->work.empty(); });
}
FAKE cuEventCreate(Event* event, unsigned) {
  ENTER_CONTEXT();
  *event = new CUevent_st;
  return kSuccess;
}
FAKE cuEventDestroy_v2(Event event) {
  ENTER_CONTEXT();
  if (event->pending) return machine.Broken(kInvalidValue, "an event destroyed before its work");
  delete event;
  return kSuccess;
}
FAKE cuEventRecord(Event event, Stream stream) {
  ENTER_CONTEXT();
  event->pending = true;
  return Put(stream, [=] {
    event->pending = false;
    event->seconds = Now();
  });
}
FAKE cuEventSynchronize(Event event) {
  ENTER_CONTEXT();
  ++machine.counts.waits;
  return machine.RunUntil([=] { return !event->pending; });
}
FAKE cuEventElapsedTime(float* milliseconds, Event begin, Event end) {
  ENTER_CONTEXT();
  if (begin->pending || end->pending) return 600;  // CUDA_ERROR_NOT_READY
  *milliseconds = static_cast<float>((end->seconds - begin->seconds) * 1e3);
  return kSuccess;
}
FAKE cuModuleLoadDataEx(Module* module, const void* image, unsigned, int*, void**) {
  ENTER_CONTEXT();
  const auto* bytes = static_cast<const char*>(image);
  const bool cubin = std::memcmp(bytes, "\177ELF", 4) == 0;
  auto loaded = std::make_unique<CUmod_st>();
  if (!cubin) loaded->image = bytes;
  if (!cubin && loaded->image.find(".version") == std::string::npos) return kInvalidImage;
  ReadKernels(*loaded);
  machine.modules.push_back(std::move(loaded));
  *module = machine.modules.back().get();
  return kSuccess;
}
FAKE cuModuleUnload(Module module) {
  ENTER_CONTEXT();
  if (machine.busy())
    return machine.Broken(kInvalidValue, "a module unloaded while work is queued");
  std::erase_if(machine.modules, [&](const auto& one) { return one.get() == module; });
  return kSuccess;
}
FAKE cuModuleGetFunction(Function* function, Module module, const char* name) {
  ENTER_CONTEXT();
  std::unique_ptr<CUfunc_st>& found = module->functions[name];
  if (found == nullptr) {
    if (!module->image.empty()) return kNotFound;
    found = std::make_unique<CUfunc_st>(CUfunc_st{name, 0, module});
  }
  *function = found.get();
  return kSuccess;
}
FAKE cuFuncSetAttribute(Function, int, int) { return kSuccess; }
FAKE cuLaunchKernel(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                    unsigned block_x, unsigned block_y, unsigned block_z, unsigned, Stream stream,
                    void** parameters, void**) {
  ENTER_CONTEXT();
  const unsigned grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
  ++machine.counts.kernel_launches;
  std::function<void()> run = LaunchOf(function, parameters, grid, block);
  return run ? Put(stream, std::move(run))
             : machine.Broken(kInvalidValue, "a launch of no threads");
}
FAKE cuGraphCreate(Graph* graph, unsigned) {
  ENTER_CONTEXT();
  *graph = new CUgraph_st;
  return kSuccess;
}
FAKE cuGraphDestroy(Graph graph) {
  ENTER_CONTEXT();
  delete graph;
  return kSuccess;
}
FAKE cuGraphAddKernelNode_v2(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                             const KernelParameters* p) {
  ENTER_CONTEXT();
  std::function<void()> run = LaunchOf(p->function, p->parameters, p->grid, p->block);
  if (!run) return machine.Broken(kInvalidValue, "a kernel node of no threads");
  return AddNode(node, graph, after, count, std::move(run));
}
FAKE cuGraphAddMemcpyNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                          const Copy3D* copy, Context context) {
  ENTER_CONTEXT();
  if (context != current) return machine.Broken(kInvalidContext, "a node of another context");
  return AddNode(node, graph, after, count, [copy = *copy] { FakeMachine::Get().Copy(copy); });
}
FAKE cuGraphAddMemsetNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                          const FillParameters* fill, Context context) {
  ENTER_CONTEXT();
  if (context != current) return machine.Broken(kInvalidContext, "a node of another context");
  return AddNode(node, graph, after, count, [fill = *fill] { FakeMachine::Get().Fill(fill); });
}
FAKE cuGraphInstantiateWithParams(GraphExec* exec, Graph graph, InstantiateParameters*) {
  ENTER_CONTEXT();
  *exec = new CUgraphExec_st;
  for (const auto& node : graph->nodes) (*exec)->nodes.push_back(node->run);
  return kSuccess;
}
FAKE cuGraphUpload(GraphExec, Stream) { return kSuccess; }
FAKE cuGraphLaunch(GraphExec exec, Stream stream) {
  ENTER_CONTEXT();
  ++machine.counts.graph_launches;
  machine.counts.graph_nodes += exec->nodes.size();
  return Put(stream, [exec] {
    for (const std::function<void()>& node : exec->nodes) node();
  });
}
FAKE cuGraphExecDestroy(GraphExec exec) {
  ENTER_CONTEXT();
  if (machine.busy())
    return machine.Broken(kInvalidValue, "a graph destroyed while work is queued");
  delete exec;
  return kSuccess;
}
