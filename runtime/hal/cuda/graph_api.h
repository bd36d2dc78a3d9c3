// The part of the CUDA driver API for captured streams and conditional nodes, which a driver may
// lack (12.3 or newer has all of it). The cuda driver calls none of it: a step is a plain graph of
// explicit nodes. The simulated driver keeps its rules, and tests/gpu/first_day tries it on
// hardware.
#ifndef HYDRA_RUNTIME_HAL_CUDA_GRAPH_API_H_
#define HYDRA_RUNTIME_HAL_CUDA_GRAPH_API_H_

#include "runtime/hal/cuda/driver_api.h"

namespace hydra::hal::cuda {

// CUresult
inline constexpr Result kIllegalState = 401, kNotReady = 600, kLaunchTimeout = 702,
                        kLaunchFailed = 719, kNotSupported = 801, kCaptureUnsupported = 900,
                        kCaptureInvalidated = 901, kCaptureMerge = 902, kCaptureUnmatched = 903,
                        kCaptureUnjoined = 904, kCaptureIsolation = 905, kCaptureImplicit = 906,
                        kCapturedEvent = 907, kCaptureWrongThread = 908;

// CUstreamCaptureMode
inline constexpr int kCaptureGlobal = 0, kCaptureThreadLocal = 1, kCaptureRelaxed = 2;
// CUstreamCaptureStatus
inline constexpr int kNotCapturing = 0, kCapturing = 1, kInvalidCapture = 2;

// CUgraphNodeType
inline constexpr int kKernelNode = 0, kMemcpyNode = 1, kMemsetNode = 2, kHostNode = 3,
                     kChildNode = 4, kEmptyNode = 5, kEventWaitNode = 6, kEventRecordNode = 7,
                     kConditionalNode = 13;

// CUgraphInstantiateResult
inline constexpr int kInstantiated = 0, kInstantiateError = 1, kInvalidStructure = 2,
                     kNodeNotSupported = 3, kConditionalUnused = 5;

// CUgraphConditionalNodeType, and the flag that restores a handle's default at each launch.
inline constexpr int kConditionalIf = 0, kConditionalWhile = 1, kConditionalSwitch = 2;
inline constexpr unsigned kAssignDefault = 1;
using ConditionalHandle = unsigned long long;

// CUDA_HOST_NODE_PARAMS
struct HostParameters {
  void (*function)(void*) = nullptr;
  void* data = nullptr;
};

// CUgraphNodeParams of a conditional node.
struct ConditionalParameters {
  int type = kConditionalNode;
  int reserved0[3] = {};
  ConditionalHandle handle = 0;
  int kind = kConditionalIf;
  unsigned size = 1;
  Graph* bodies = nullptr;  // out: the driver's own array of `size` graphs
  Context context = nullptr;
  long long reserved1[25] = {};
  long long reserved2 = 0;
};

#define HYDRA_CUDA_GRAPH_FUNCTIONS(FUNCTION)                                                     \
  FUNCTION(cuStreamQuery, (Stream stream))                                                       \
  FUNCTION(cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))                      \
  FUNCTION(cuEventQuery, (Event event))                                                          \
  FUNCTION(cuStreamBeginCapture_v2, (Stream stream, int mode))                                   \
  FUNCTION(cuStreamBeginCaptureToGraph, (Stream stream, Graph graph, const GraphNode* after,     \
                                         const void* edges, size_t count, int mode))             \
  FUNCTION(cuStreamEndCapture, (Stream stream, Graph * graph))                                   \
  FUNCTION(cuStreamIsCapturing, (Stream stream, int* status))                                    \
  FUNCTION(cuGraphAddEmptyNode,                                                                  \
           (GraphNode * node, Graph graph, const GraphNode* after, size_t count))                \
  FUNCTION(cuGraphAddChildGraphNode,                                                             \
           (GraphNode * node, Graph graph, const GraphNode* after, size_t count, Graph child))   \
  FUNCTION(cuGraphAddHostNode, (GraphNode * node, Graph graph, const GraphNode* after,           \
                                size_t count, const HostParameters* parameters))                 \
  FUNCTION(cuGraphAddEventRecordNode,                                                            \
           (GraphNode * node, Graph graph, const GraphNode* after, size_t count, Event event))   \
  FUNCTION(cuGraphAddEventWaitNode,                                                              \
           (GraphNode * node, Graph graph, const GraphNode* after, size_t count, Event event))   \
  FUNCTION(cuGraphClone, (Graph * clone, Graph graph))                                           \
  FUNCTION(cuGraphGetNodes, (Graph graph, GraphNode * nodes, size_t* count))                     \
  FUNCTION(cuGraphNodeGetType, (GraphNode node, int* type))                                      \
  FUNCTION(cuGraphConditionalHandleCreate, (ConditionalHandle * handle, Graph graph,             \
                                            Context context, unsigned initial, unsigned flags))  \
  FUNCTION(cuGraphAddNode, (GraphNode * node, Graph graph, const GraphNode* after, size_t count, \
                            ConditionalParameters* parameters))

// Null where a driver lacks the function.
struct GraphApi {
#define HYDRA_CUDA_MEMBER(name, parameters) Result(*name) parameters = nullptr;
  HYDRA_CUDA_GRAPH_FUNCTIONS(HYDRA_CUDA_MEMBER)
#undef HYDRA_CUDA_MEMBER
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_GRAPH_API_H_
