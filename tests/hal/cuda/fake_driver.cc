// The functions of the driver API as a library exports them.
#include "tests/hal/cuda/fake_driver.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <sstream>

#include "runtime/hal/sim/driver_functions.h"
#include "tests/hal/cuda/fake_modules.h"

// NOLINTBEGIN(google-build-using-namespace)
using namespace hydra::hal::cuda;
// NOLINTEND(google-build-using-namespace)
using hydra::hal::sim::CurrentContext;
using hydra::hal::sim::Machine;
namespace functions = hydra::hal::sim::functions;

namespace {

// HYDRA_FAKE_CUDA over what holds without it.
std::map<std::string, uint64_t> Settings() {
  std::map<std::string, uint64_t> settings = {
      {"capability", 90}, {"driver", 13000}, {"gpus", 1}, {"bytes", uint64_t{1} << 30}};
  const char* text = std::getenv("HYDRA_FAKE_CUDA");
  std::istringstream stream(text == nullptr ? "" : text);
  for (std::string part; std::getline(stream, part, ',');) {
    const size_t equals = part.find('=');
    settings[part.substr(0, equals)] = std::strtoull(part.c_str() + equals + 1, nullptr, 10);
  }
  return settings;
}

// Plugs the machines in, once; how many there are.
uint64_t Gpus() {
  static const uint64_t gpus = [] {
    const std::map<std::string, uint64_t> settings = Settings();
    for (uint64_t i = 0; i < settings.at("gpus"); ++i) {
      hydra::hal::sim::AddMachine(
          {"Fake GPU " + std::to_string(i), static_cast<int>(settings.at("driver")),
           static_cast<int>(settings.at("capability")), settings.at("bytes")});
    }
    return settings.at("gpus");
  }();
  return gpus;
}

}  // namespace

#define FAKE extern "C" __attribute__((visibility("default"))) Result

extern "C" __attribute__((visibility("default"))) void HydraReadFakeCuda(
    hydra::hal::testing::FakeCudaCounts* counts) {
  *counts =
      Gpus() == 0 ? hydra::hal::testing::FakeCudaCounts() : hydra::hal::sim::MachineOf(0).counts();
}

FAKE cuInit(unsigned) { return Gpus() > 0 ? kSuccess : kNoDevice; }
FAKE cuDriverGetVersion(int* version) {
  *version = static_cast<int>(Settings().at("driver"));
  return kSuccess;
}
FAKE cuModuleLoadDataEx(Module* module, const void* image, unsigned, int*, void**) {
  HYDRA_ENTER_MACHINE();
  return hydra::hal::testing::LoadModule(machine, image, module);
}
FAKE cuModuleUnload(Module module) {
  HYDRA_ENTER_MACHINE();
  if (machine.busy()) {
    return machine.Broken(kInvalidValue, "a module unloaded while work is queued");
  }
  std::erase_if(machine.modules, [&](const auto& one) { return one.get() == module; });
  return kSuccess;
}
FAKE cuModuleGetFunction(Function* function, Module module, const char* name) {
  HYDRA_ENTER_MACHINE();
  return hydra::hal::testing::FindFunction(module, name, function);
}

// Everything else is the simulated driver's.
FAKE cuGetErrorName(Result result, const char** name) {
  return functions::cuGetErrorName(result, name);
}
FAKE cuGetErrorString(Result result, const char** text) {
  return functions::cuGetErrorString(result, text);
}
FAKE cuDeviceGetCount(int* count) { return functions::cuDeviceGetCount(count); }
FAKE cuDeviceGet(DeviceNumber* device, int ordinal) {
  return functions::cuDeviceGet(device, ordinal);
}
FAKE cuDeviceGetName(char* name, int bytes, DeviceNumber device) {
  return functions::cuDeviceGetName(name, bytes, device);
}
FAKE cuDeviceTotalMem_v2(size_t* bytes, DeviceNumber device) {
  return functions::cuDeviceTotalMem_v2(bytes, device);
}
FAKE cuDeviceGetAttribute(int* value, int attribute, DeviceNumber device) {
  return functions::cuDeviceGetAttribute(value, attribute, device);
}
FAKE cuDevicePrimaryCtxRetain(Context* context, DeviceNumber device) {
  return functions::cuDevicePrimaryCtxRetain(context, device);
}
FAKE cuDevicePrimaryCtxRelease_v2(DeviceNumber device) {
  return functions::cuDevicePrimaryCtxRelease_v2(device);
}
FAKE cuCtxSetCurrent(Context context) { return functions::cuCtxSetCurrent(context); }
FAKE cuMemGetInfo_v2(size_t* free, size_t* total) {
  return functions::cuMemGetInfo_v2(free, total);
}
FAKE cuMemAlloc_v2(DevicePointer* memory, size_t bytes) {
  return functions::cuMemAlloc_v2(memory, bytes);
}
FAKE cuMemFree_v2(DevicePointer memory) { return functions::cuMemFree_v2(memory); }
FAKE cuMemHostAlloc(void** memory, size_t bytes, unsigned flags) {
  return functions::cuMemHostAlloc(memory, bytes, flags);
}
FAKE cuMemFreeHost(void* memory) { return functions::cuMemFreeHost(memory); }
FAKE cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, size_t bytes, Stream stream) {
  return functions::cuMemcpyHtoDAsync_v2(target, source, bytes, stream);
}
FAKE cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, size_t bytes, Stream stream) {
  return functions::cuMemcpyDtoHAsync_v2(target, source, bytes, stream);
}
FAKE cuMemcpy3DAsync_v2(const Copy3D* copy, Stream stream) {
  return functions::cuMemcpy3DAsync_v2(copy, stream);
}
FAKE cuMemsetD8Async(DevicePointer target, unsigned char value, size_t bytes, Stream stream) {
  return functions::cuMemsetD8Async(target, value, bytes, stream);
}
FAKE cuMemsetD2D32Async(DevicePointer target, size_t pitch, unsigned value, size_t width,
                        size_t height, Stream stream) {
  return functions::cuMemsetD2D32Async(target, pitch, value, width, height, stream);
}
FAKE cuStreamCreate(Stream* stream, unsigned flags) {
  return functions::cuStreamCreate(stream, flags);
}
FAKE cuStreamDestroy_v2(Stream stream) { return functions::cuStreamDestroy_v2(stream); }
FAKE cuStreamSynchronize(Stream stream) { return functions::cuStreamSynchronize(stream); }
FAKE cuEventCreate(Event* event, unsigned flags) { return functions::cuEventCreate(event, flags); }
FAKE cuEventDestroy_v2(Event event) { return functions::cuEventDestroy_v2(event); }
FAKE cuEventRecord(Event event, Stream stream) { return functions::cuEventRecord(event, stream); }
FAKE cuEventSynchronize(Event event) { return functions::cuEventSynchronize(event); }
FAKE cuEventElapsedTime(float* milliseconds, Event begin, Event end) {
  return functions::cuEventElapsedTime(milliseconds, begin, end);
}
FAKE cuFuncSetAttribute(Function function, int attribute, int value) {
  return functions::cuFuncSetAttribute(function, attribute, value);
}
FAKE cuLaunchKernel(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                    unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                    Stream stream, void** parameters, void** extra) {
  return functions::cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                                   shared_bytes, stream, parameters, extra);
}
FAKE cuGraphCreate(Graph* graph, unsigned flags) { return functions::cuGraphCreate(graph, flags); }
FAKE cuGraphDestroy(Graph graph) { return functions::cuGraphDestroy(graph); }
FAKE cuGraphAddKernelNode_v2(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                             const KernelParameters* parameters) {
  return functions::cuGraphAddKernelNode_v2(node, graph, after, count, parameters);
}
FAKE cuGraphAddMemcpyNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                          const Copy3D* copy, Context context) {
  return functions::cuGraphAddMemcpyNode(node, graph, after, count, copy, context);
}
FAKE cuGraphAddMemsetNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                          const FillParameters* fill, Context context) {
  return functions::cuGraphAddMemsetNode(node, graph, after, count, fill, context);
}
FAKE cuGraphInstantiateWithParams(GraphExec* exec, Graph graph, InstantiateParameters* parameters) {
  return functions::cuGraphInstantiateWithParams(exec, graph, parameters);
}
FAKE cuGraphUpload(GraphExec exec, Stream stream) { return functions::cuGraphUpload(exec, stream); }
FAKE cuGraphLaunch(GraphExec exec, Stream stream) { return functions::cuGraphLaunch(exec, stream); }
FAKE cuGraphExecDestroy(GraphExec exec) { return functions::cuGraphExecDestroy(exec); }
FAKE cuStreamQuery(Stream stream) { return functions::cuStreamQuery(stream); }
FAKE cuStreamWaitEvent(Stream stream, Event event, unsigned flags) {
  return functions::cuStreamWaitEvent(stream, event, flags);
}
FAKE cuEventQuery(Event event) { return functions::cuEventQuery(event); }
FAKE cuStreamBeginCapture_v2(Stream stream, int mode) {
  return functions::cuStreamBeginCapture_v2(stream, mode);
}
FAKE cuStreamBeginCaptureToGraph(Stream stream, Graph graph, const GraphNode* after,
                                 const void* edges, size_t count, int mode) {
  return functions::cuStreamBeginCaptureToGraph(stream, graph, after, edges, count, mode);
}
FAKE cuStreamEndCapture(Stream stream, Graph* graph) {
  return functions::cuStreamEndCapture(stream, graph);
}
FAKE cuStreamIsCapturing(Stream stream, int* status) {
  return functions::cuStreamIsCapturing(stream, status);
}
FAKE cuGraphAddEmptyNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count) {
  return functions::cuGraphAddEmptyNode(node, graph, after, count);
}
FAKE cuGraphAddChildGraphNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                              Graph child) {
  return functions::cuGraphAddChildGraphNode(node, graph, after, count, child);
}
FAKE cuGraphAddHostNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                        const HostParameters* parameters) {
  return functions::cuGraphAddHostNode(node, graph, after, count, parameters);
}
FAKE cuGraphAddEventRecordNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                               Event event) {
  return functions::cuGraphAddEventRecordNode(node, graph, after, count, event);
}
FAKE cuGraphAddEventWaitNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                             Event event) {
  return functions::cuGraphAddEventWaitNode(node, graph, after, count, event);
}
FAKE cuGraphClone(Graph* clone, Graph graph) { return functions::cuGraphClone(clone, graph); }
FAKE cuGraphGetNodes(Graph graph, GraphNode* nodes, size_t* count) {
  return functions::cuGraphGetNodes(graph, nodes, count);
}
FAKE cuGraphNodeGetType(GraphNode node, int* type) {
  return functions::cuGraphNodeGetType(node, type);
}
FAKE cuGraphConditionalHandleCreate(ConditionalHandle* handle, Graph graph, Context context,
                                    unsigned initial, unsigned flags) {
  return functions::cuGraphConditionalHandleCreate(handle, graph, context, initial, flags);
}
FAKE cuGraphAddNode(GraphNode* node, Graph graph, const GraphNode* after, size_t count,
                    ConditionalParameters* parameters) {
  return functions::cuGraphAddNode(node, graph, after, count, parameters);
}
