// The part of the CUDA driver API that this driver uses, declared here so that it builds without
// the CUDA Toolkit: types as the binary interface has them, and the functions by their exported
// names. A test compares the layouts with cuda.h where there is one.
#ifndef HYDRA_RUNTIME_HAL_CUDA_DRIVER_API_H_
#define HYDRA_RUNTIME_HAL_CUDA_DRIVER_API_H_

#include <cstddef>
#include <cstdint>

namespace hydra::hal::cuda {

// The driver's own numbers (CUresult); 0 is success.
using Result = int;
inline constexpr Result kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3,
                        kNoDevice = 100, kInvalidImage = 200, kInvalidContext = 201,
                        kNoBinaryForGpu = 209, kNotFound = 500, kIllegalAddress = 700;

using DeviceNumber = int;
using DevicePointer = unsigned long long;
// NOLINTBEGIN(readability-identifier-naming): cuda.h's names
using Context = struct CUctx_st*;
using Module = struct CUmod_st*;
using Function = struct CUfunc_st*;
using Stream = struct CUstream_st*;
using Event = struct CUevent_st*;
using Graph = struct CUgraph_st*;
using GraphNode = struct CUgraphNode_st*;
using GraphExec = struct CUgraphExec_st*;
// NOLINTEND(readability-identifier-naming)

// CUdevice_attribute
inline constexpr int kMultiprocessors = 16, kCapabilityMajor = 75, kCapabilityMinor = 76;
// CUfunction_attribute: bytes of dynamic shared memory beyond 48 KiB.
inline constexpr int kMaxDynamicSharedBytes = 8;
// CUjit_option
inline constexpr int kErrorLogBuffer = 5, kErrorLogBytes = 6;
// Flags
inline constexpr unsigned kStreamNonBlocking = 1, kEventDefault = 0;
// CUmemorytype
inline constexpr unsigned kDeviceMemory = 2;

// CUDA_MEMCPY3D
struct Copy3D {
  size_t source_x = 0, source_y = 0, source_z = 0, source_level = 0;
  unsigned source_type = kDeviceMemory;
  const void* source_host = nullptr;
  DevicePointer source = 0;
  void* source_array = nullptr;
  void* reserved0 = nullptr;
  size_t source_pitch = 0, source_height = 0;
  size_t target_x = 0, target_y = 0, target_z = 0, target_level = 0;
  unsigned target_type = kDeviceMemory;
  void* target_host = nullptr;
  DevicePointer target = 0;
  void* target_array = nullptr;
  void* reserved1 = nullptr;
  size_t target_pitch = 0, target_height = 0;
  size_t width = 0, height = 1, depth = 1;  // width in bytes
};

// CUDA_MEMSET_NODE_PARAMS
struct FillParameters {
  DevicePointer target = 0;
  size_t pitch = 0;
  unsigned value = 0;
  unsigned element_bytes = 4;
  size_t width = 0;  // in elements
  size_t height = 1;
};

// CUDA_KERNEL_NODE_PARAMS_v2
struct KernelParameters {
  Function function = nullptr;
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
  void** parameters = nullptr;
  void** extra = nullptr;
  void* kernel = nullptr;
  Context context = nullptr;
};

// CUDA_GRAPH_INSTANTIATE_PARAMS
struct InstantiateParameters {
  uint64_t flags = 0;
  Stream upload = nullptr;
  GraphNode error_node = nullptr;
  int error = 0;
};

// FUNCTION(name, parameters): what is looked up in the library.
#define HYDRA_CUDA_FUNCTIONS(FUNCTION)                                                            \
  FUNCTION(cuInit, (unsigned flags))                                                              \
  FUNCTION(cuDriverGetVersion, (int* version))                                                    \
  FUNCTION(cuGetErrorName, (Result result, const char** name))                                    \
  FUNCTION(cuGetErrorString, (Result result, const char** text))                                  \
  FUNCTION(cuDeviceGetCount, (int* count))                                                        \
  FUNCTION(cuDeviceGet, (DeviceNumber * device, int ordinal))                                     \
  FUNCTION(cuDeviceGetName, (char* name, int bytes, DeviceNumber device))                         \
  FUNCTION(cuDeviceTotalMem_v2, (size_t* bytes, DeviceNumber device))                             \
  FUNCTION(cuDeviceGetAttribute, (int* value, int attribute, DeviceNumber device))                \
  FUNCTION(cuDevicePrimaryCtxRetain, (Context * context, DeviceNumber device))                    \
  FUNCTION(cuDevicePrimaryCtxRelease_v2, (DeviceNumber device))                                   \
  FUNCTION(cuCtxSetCurrent, (Context context))                                                    \
  FUNCTION(cuMemGetInfo_v2, (size_t* free, size_t* total))                                        \
  FUNCTION(cuMemAlloc_v2, (DevicePointer * memory, size_t bytes))                                 \
  FUNCTION(cuMemFree_v2, (DevicePointer memory))                                                  \
  FUNCTION(cuMemHostAlloc, (void** memory, size_t bytes, unsigned flags))                         \
  FUNCTION(cuMemFreeHost, (void* memory))                                                         \
  FUNCTION(cuMemcpyHtoDAsync_v2,                                                                  \
           (DevicePointer target, const void* source, size_t bytes, Stream stream))               \
  FUNCTION(cuMemcpyDtoHAsync_v2,                                                                  \
           (void* target, DevicePointer source, size_t bytes, Stream stream))                     \
  FUNCTION(cuMemcpy3DAsync_v2, (const Copy3D* copy, Stream stream))                               \
  FUNCTION(cuMemsetD8Async,                                                                       \
           (DevicePointer target, unsigned char value, size_t bytes, Stream stream))              \
  FUNCTION(cuMemsetD2D32Async, (DevicePointer target, size_t pitch, unsigned value, size_t width, \
                                size_t height, Stream stream))                                    \
  FUNCTION(cuStreamCreate, (Stream * stream, unsigned flags))                                     \
  FUNCTION(cuStreamDestroy_v2, (Stream stream))                                                   \
  FUNCTION(cuStreamSynchronize, (Stream stream))                                                  \
  FUNCTION(cuEventCreate, (Event * event, unsigned flags))                                        \
  FUNCTION(cuEventDestroy_v2, (Event event))                                                      \
  FUNCTION(cuEventRecord, (Event event, Stream stream))                                           \
  FUNCTION(cuEventSynchronize, (Event event))                                                     \
  FUNCTION(cuEventElapsedTime, (float* milliseconds, Event begin, Event end))                     \
  FUNCTION(cuModuleLoadDataEx,                                                                    \
           (Module * module, const void* image, unsigned count, int* options, void** values))     \
  FUNCTION(cuModuleUnload, (Module module))                                                       \
  FUNCTION(cuModuleGetFunction, (Function * function, Module module, const char* name))           \
  FUNCTION(cuFuncSetAttribute, (Function function, int attribute, int value))                     \
  FUNCTION(cuLaunchKernel,                                                                        \
           (Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,                 \
            unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,          \
            Stream stream, void** parameters, void** extra))                                      \
  FUNCTION(cuGraphCreate, (Graph * graph, unsigned flags))                                        \
  FUNCTION(cuGraphDestroy, (Graph graph))                                                         \
  FUNCTION(cuGraphAddKernelNode_v2, (GraphNode * node, Graph graph, const GraphNode* after,       \
                                     size_t count, const KernelParameters* parameters))           \
  FUNCTION(cuGraphAddMemcpyNode, (GraphNode * node, Graph graph, const GraphNode* after,          \
                                  size_t count, const Copy3D* copy, Context context))             \
  FUNCTION(cuGraphAddMemsetNode, (GraphNode * node, Graph graph, const GraphNode* after,          \
                                  size_t count, const FillParameters* fill, Context context))     \
  FUNCTION(cuGraphInstantiateWithParams,                                                          \
           (GraphExec * exec, Graph graph, InstantiateParameters * parameters))                   \
  FUNCTION(cuGraphUpload, (GraphExec exec, Stream stream))                                        \
  FUNCTION(cuGraphLaunch, (GraphExec exec, Stream stream))                                        \
  FUNCTION(cuGraphExecDestroy, (GraphExec exec))

// The functions of an open driver, all of them present.
struct DriverApi {
#define HYDRA_CUDA_MEMBER(name, parameters) Result(*name) parameters = nullptr;
  HYDRA_CUDA_FUNCTIONS(HYDRA_CUDA_MEMBER)
#undef HYDRA_CUDA_MEMBER
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_DRIVER_API_H_
