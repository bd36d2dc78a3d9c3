// The proof before a graph is built: nothing in a list of commands makes the host wait, obtains
// memory or reads memory of the host. What does is named with its op and its place in the spec.
#ifndef HYDRA_RUNTIME_HAL_CUDA_GRAPH_CHECK_H_
#define HYDRA_RUNTIME_HAL_CUDA_GRAPH_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "runtime/hal/cuda/cuda_executable.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cuda {

// "command 12 (kernel rms_norm_1a2b3c4d of models/nano.mlir:12:5, scope layers.3.norm1)"
std::string NameOf(const Recording& recording, size_t index, const Command& command,
                   const CudaExecutable& executable);

// OK if every command can be a node of a graph or, for a switch, be chosen by the host between two
// graphs. An input error for what this driver cannot do on the device: products left to a library,
// kernels without a launch geometry or in clusters; a failure for regions outside of the GPU.
absl::Status CheckForGraph(const Recording& recording, const CudaExecutable& executable);

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_GRAPH_CHECK_H_
