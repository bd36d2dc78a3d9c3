#include "runtime/hal/sim/driver_functions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hydra::hal::sim {
namespace {

struct Machines {
  std::mutex mutex;
  std::vector<std::unique_ptr<Machine>> all;  // null: unplugged
};
Machines& Plugged() {
  static Machines& machines = *new Machines;
  return machines;
}

thread_local cuda::Context current = nullptr;

double Now() {
  const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
  return now.count();
}

struct NamedResult {
  cuda::Result result;
  const char* name;
  const char* text;
};
constexpr NamedResult kResults[] = {
    {cuda::kSuccess, "CUDA_SUCCESS", "no error"},
    {cuda::kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {cuda::kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {cuda::kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {cuda::kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {cuda::kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {cuda::kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {cuda::kIllegalState, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed now"},
    {cuda::kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {cuda::kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {cuda::kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access"},
    {cuda::kLaunchTimeout, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out"},
    {cuda::kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {cuda::kNotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {cuda::kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {cuda::kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {cuda::kCaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {cuda::kCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {cuda::kCaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capturing stream has unjoined work"},
    {cuda::kCaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {cuda::kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cuda::kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {cuda::kCaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
};

const NamedResult& Named(cuda::Result result) {
  for (const NamedResult& named : kResults) {
    if (named.result == result) return named;
  }
  static constexpr NamedResult kUnknown = {999, "CUDA_ERROR_UNKNOWN", "unknown error"};
  return kUnknown;
}

}  // namespace

cuda::DeviceNumber AddMachine(MachineOptions options) {
  Machines& machines = Plugged();
  const std::lock_guard<std::mutex> lock(machines.mutex);
  const auto place = std::find(machines.all.begin(), machines.all.end(), nullptr);
  const auto number = static_cast<cuda::DeviceNumber>(place - machines.all.begin());
  if (place == machines.all.end()) machines.all.emplace_back();
  machines.all[static_cast<size_t>(number)] = std::make_unique<Machine>(std::move(options));
  return number;
}

void RemoveMachine(cuda::DeviceNumber number) {
  Machines& machines = Plugged();
  const std::lock_guard<std::mutex> lock(machines.mutex);
  machines.all[static_cast<size_t>(number)] = nullptr;
}

Machine& MachineOf(cuda::DeviceNumber number) {
  Machines& machines = Plugged();
  const std::lock_guard<std::mutex> lock(machines.mutex);
  return *machines.all[static_cast<size_t>(number)];
}

cuda::Context CurrentContext() { return current; }

const cuda::DriverApi& SimulatedDriver() {
  static const cuda::DriverApi api = {
#define HYDRA_FUNCTION(name, parameters) .name = functions::name,
      HYDRA_CUDA_FUNCTIONS(HYDRA_FUNCTION)
#undef HYDRA_FUNCTION
  };
  return api;
}

const cuda::GraphApi& SimulatedGraphs() {
  static const cuda::GraphApi api = {
#define HYDRA_FUNCTION(name, parameters) .name = functions::name,
      HYDRA_CUDA_GRAPH_FUNCTIONS(HYDRA_FUNCTION)
#undef HYDRA_FUNCTION
  };
  return api;
}

namespace functions {

Result cuInit(unsigned) { return kSuccess; }
Result cuDriverGetVersion(int* version) {
  Machines& machines = Plugged();
  const std::lock_guard<std::mutex> lock(machines.mutex);
  *version = kDriverProfiles.back().version;
  for (const std::unique_ptr<Machine>& machine : machines.all) {
    if (machine != nullptr) *version = machine->options().driver;
  }
  return kSuccess;
}
Result cuGetErrorName(Result result, const char** name) {
  *name = Named(result).name;
  return kSuccess;
}
// Of work that failed, why, in words of the simulator.
Result cuGetErrorString(Result result, const char** text) {
  *text = Named(result).text;
  if (current == nullptr) return kSuccess;
  const Machine& machine = *current->machine;
  if (result == machine.failed()) *text = machine.failure().c_str();
  return kSuccess;
}
Result cuDeviceGetCount(int* count) {
  Machines& machines = Plugged();
  const std::lock_guard<std::mutex> lock(machines.mutex);
  *count = static_cast<int>(machines.all.size());
  return kSuccess;
}
Result cuDeviceGet(DeviceNumber* device, int ordinal) {
  int count = 0;
  cuDeviceGetCount(&count);
  *device = ordinal;
  return ordinal < count ? kSuccess : kInvalidValue;
}
Result cuDeviceGetName(char* name, int bytes, DeviceNumber device) {
  std::snprintf(name, static_cast<size_t>(bytes), "%s", MachineOf(device).options().name.c_str());
  return kSuccess;
}
Result cuDeviceTotalMem_v2(size_t* bytes, DeviceNumber device) {
  *bytes = MachineOf(device).options().bytes;
  return kSuccess;
}
Result cuDeviceGetAttribute(int* value, int attribute, DeviceNumber device) {
  constexpr int kFewMultiprocessors = 4;
  const int capability = MachineOf(device).options().capability;
  *value = attribute == kCapabilityMajor   ? capability / 10
           : attribute == kCapabilityMinor ? capability % 10
                                           : kFewMultiprocessors;
  return kSuccess;
}
Result cuDevicePrimaryCtxRetain(Context* context, DeviceNumber device) {
  *context = &MachineOf(device).context;
  return kSuccess;
}
Result cuDevicePrimaryCtxRelease_v2(DeviceNumber device) {
  Machine& machine = MachineOf(device);
  if (current == &machine.context) current = nullptr;
  return machine.busy() ? machine.Broken(kInvalidValue, "a context released while work is queued")
                        : kSuccess;
}
Result cuCtxSetCurrent(Context context) {
  current = context;
  return kSuccess;
}

Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  HYDRA_ENTER_MACHINE();
  *free = machine.free_bytes();
  *total = machine.options().bytes;
  return kSuccess;
}
Result cuMemAlloc_v2(DevicePointer* memory, size_t bytes) {
  HYDRA_ENTER_MACHINE();
  if (const Result result = AllowUnsafeCall(machine, "cuMemAlloc"); result != kSuccess) {
    return result;
  }
  const uint8_t* allocated = machine.Allocate(bytes, false);
  *memory = reinterpret_cast<DevicePointer>(allocated);
  return allocated == nullptr ? kOutOfMemory : kSuccess;
}
Result cuMemFree_v2(DevicePointer memory) {
  HYDRA_FIND_MACHINE();
  if (const Result result = AllowUnsafeCall(machine, "cuMemFree"); result != kSuccess) {
    return result;
  }
  if (machine.busy()) return machine.Broken(kInvalidValue, "memory freed while work is queued");
  return machine.Free(memory, false) ? kSuccess
                                     : machine.Broken(kInvalidValue, "a free of nothing");
}
Result cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  HYDRA_ENTER_MACHINE();
  if (const Result result = AllowUnsafeCall(machine, "cuMemHostAlloc"); result != kSuccess) {
    return result;
  }
  *memory = machine.Allocate(bytes, true);
  return *memory == nullptr ? kOutOfMemory : kSuccess;
}
Result cuMemFreeHost(void* memory) {
  HYDRA_FIND_MACHINE();
  if (machine.busy()) {
    return machine.Broken(kInvalidValue, "host memory freed while work is queued");
  }
  return machine.Free(reinterpret_cast<uint64_t>(memory), true)
             ? kSuccess
             : machine.Broken(kInvalidValue, "a free of nothing");
}

Result cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, size_t bytes, Stream stream) {
  HYDRA_ENTER_MACHINE();
  const auto from = reinterpret_cast<uint64_t>(source);
  if (machine.Holds(from, bytes, true)) {
    return PutOrCapture(machine, stream, kMemcpyNode, [&machine, target, from, bytes] {
      return machine.Copy(target, from, bytes, false, true);
    });
  }
  if (const Result result = AllowOnCaptured(stream, "a copy from memory that is not pinned");
      result != kSuccess) {
    return result;
  }
  // Memory that is not pinned is taken before the call returns.
  const auto* first = static_cast<const uint8_t*>(source);
  return PutOrCapture(machine, stream, kMemcpyNode,
                      [&machine, target, taken = std::vector<uint8_t>(first, first + bytes)] {
                        return machine.Copy(target, reinterpret_cast<uint64_t>(taken.data()),
                                            taken.size(), false, true);
                      });
}
Result cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, size_t bytes, Stream stream) {
  HYDRA_ENTER_MACHINE();
  const auto to = reinterpret_cast<uint64_t>(target);
  if (!machine.Holds(to, bytes, true)) {
    if (const Result result = AllowOnCaptured(stream, "a copy to memory that is not pinned");
        result != kSuccess) {
      return result;
    }
  }
  ++machine.counts().host_copies;
  machine.counts().host_copy_bytes += bytes;
  return PutOrCapture(machine, stream, kMemcpyNode, [&machine, to, source, bytes] {
    return machine.Copy(to, source, bytes, true, false);
  });
}
Result cuMemcpy3DAsync_v2(const Copy3D* copy, Stream stream) {
  HYDRA_ENTER_MACHINE();
  return PutOrCapture(machine, stream, kMemcpyNode,
                      [&machine, copy = *copy] { return machine.Copy(copy); });
}
Result cuMemsetD8Async(DevicePointer target, unsigned char value, size_t bytes, Stream stream) {
  HYDRA_ENTER_MACHINE();
  if (value == 0 && machine.Clear(target, bytes)) return kSuccess;
  const FillParameters fill{target, bytes, value, 1, bytes, 1};
  return PutOrCapture(machine, stream, kMemsetNode,
                      [&machine, fill] { return machine.Fill(fill); });
}
Result cuMemsetD2D32Async(DevicePointer target, size_t pitch, unsigned value, size_t width,
                          size_t height, Stream stream) {
  HYDRA_ENTER_MACHINE();
  const FillParameters fill{target, pitch, value, 4, width, height};
  return PutOrCapture(machine, stream, kMemsetNode,
                      [&machine, fill] { return machine.Fill(fill); });
}

Result cuStreamCreate(Stream* stream, unsigned flags) {
  HYDRA_ENTER_MACHINE();
  auto made = std::make_unique<CUstream_st>();
  made->machine = &machine;
  made->blocking = (flags & kStreamNonBlocking) == 0;
  *stream = made.get();
  machine.streams.push_back(std::move(made));
  return kSuccess;
}
Result cuStreamDestroy_v2(Stream stream) {
  HYDRA_FIND_MACHINE();
  if (stream->capture != nullptr) {
    return machine.Broken(kCaptureUnsupported, "a stream destroyed while it is captured");
  }
  if (!stream->work.empty()) return machine.Broken(kInvalidValue, "a busy stream destroyed");
  std::erase_if(machine.streams, [&](const auto& one) { return one.get() == stream; });
  return kSuccess;
}
Result cuStreamSynchronize(Stream stream) {
  HYDRA_ENTER_MACHINE();
  if (const Result result = AllowOnCaptured(stream, "cuStreamSynchronize"); result != kSuccess) {
    return result;
  }
  ++machine.counts().waits;
  return machine.RunUntil([=] { return stream->work.empty(); });
}
Result cuStreamQuery(Stream stream) {
  HYDRA_ENTER_MACHINE();
  if (const Result result = AllowOnCaptured(stream, "cuStreamQuery"); result != kSuccess) {
    return result;
  }
  return stream->work.empty() ? kSuccess : kNotReady;
}

Result cuEventCreate(Event* event, unsigned) {
  HYDRA_ENTER_MACHINE();
  *event = new CUevent_st;
  machine.events.insert(*event);
  return kSuccess;
}
Result cuEventDestroy_v2(Event event) {
  HYDRA_FIND_MACHINE();
  if (event->pending) return machine.Broken(kInvalidValue, "an event destroyed before its work");
  machine.events.erase(event);
  delete event;
  return kSuccess;
}
Result cuEventRecord(Event event, Stream stream) {
  HYDRA_ENTER_MACHINE();
  if (stream != nullptr && stream->capture != nullptr) {
    event->capture = stream->capture;
    event->after = stream->after;
    return stream->capture->invalid ? kCaptureInvalidated : kSuccess;
  }
  event->capture = nullptr;
  event->pending = true;
  return PutOrCapture(machine, stream, kEventRecordNode, [event] {
    event->pending = false;
    event->seconds = Now();
    return absl::OkStatus();
  });
}
Result cuEventSynchronize(Event event) {
  HYDRA_ENTER_MACHINE();
  if (event->capture != nullptr) {
    event->capture->invalid = true;
    return machine.Broken(kCapturedEvent, "cuEventSynchronize of an event of a capture");
  }
  ++machine.counts().waits;
  return machine.RunUntil([=] { return !event->pending; });
}
Result cuEventQuery(Event event) {
  HYDRA_ENTER_MACHINE();
  if (event->capture != nullptr) {
    event->capture->invalid = true;
    return machine.Broken(kCapturedEvent, "cuEventQuery of an event of a capture");
  }
  return event->pending ? kNotReady : kSuccess;
}
Result cuEventElapsedTime(float* milliseconds, Event begin, Event end) {
  HYDRA_ENTER_MACHINE();
  if (begin->pending || end->pending) return kNotReady;
  *milliseconds = static_cast<float>((end->seconds - begin->seconds) * 1e3);
  return kSuccess;
}

// Kernels of a simulated machine are functions of this program, made by who loads them.
Result cuModuleLoadDataEx(Module*, const void*, unsigned, int*, void**) { return kNotSupported; }
Result cuModuleUnload(Module) { return kNotSupported; }
Result cuModuleGetFunction(Function*, Module, const char*) { return kNotSupported; }
Result cuFuncSetAttribute(Function, int, int) { return kSuccess; }
Result cuLaunchKernel(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                      Stream stream, void** parameters, void**) {
  HYDRA_ENTER_MACHINE();
  LaunchGeometry geometry;
  geometry.grid = {grid_x, grid_y, grid_z};
  geometry.block = {block_x, block_y, block_z};
  geometry.shared_bytes = shared_bytes;
  ++machine.counts().kernel_launches;
  Task run = LaunchTask(machine, function, parameters, geometry);
  return run ? PutOrCapture(machine, stream, kKernelNode, std::move(run))
             : machine.Broken(kInvalidValue, "a launch of no threads");
}

}  // namespace functions
}  // namespace hydra::hal::sim
