// What a recording asks of the GPU, resolved: addresses instead of regions, repeats written out.
// The same work becomes nodes of a graph or is put on the stream piece by piece.
#ifndef HYDRA_RUNTIME_HAL_CUDA_WORK_H_
#define HYDRA_RUNTIME_HAL_CUDA_WORK_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "runtime/hal/cuda/cuda_executable.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cuda {

// A launch; every parameter has eight bytes (runtime/base/gpu_launch.h).
struct KernelWork {
  Function function = nullptr;
  LaunchGeometry geometry;
  std::vector<uint64_t> parameters;
};

struct Work;
// The host reads an i32 on the device and picks a case.
struct ChoiceWork {
  DevicePointer selector = 0;
  std::vector<std::vector<Work>> cases;
};

struct Work {
  std::variant<KernelWork, Copy3D, FillParameters, ChoiceWork> body;
  size_t line = 0;  // of its command in the list's profile
};

// The work of run `run` of a recording that CheckForGraph passed, added to `work`. `line` is that
// of the recording's first command. What has nothing to do (no items, no bytes, a collective in a
// world of one) is left out.
void AddWork(const Recording& recording, uint32_t run, const CudaExecutable& executable,
             size_t line, std::vector<Work>& work);

// Before a kernel is launched, from a graph or not: lets it have its dynamic shared memory where
// that is more than a function has by itself. A failure if the GPU has less.
absl::Status AllowSharedMemory(const KernelWork& kernel, CudaContext& context);

// Puts a kernel, copy or fill on the stream.
absl::Status PutOnStream(const Work& work, CudaContext& context);

// Commands of a list and of the lists inside it: the lines that its profile has.
size_t CountLines(const CommandSequence& commands);

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_WORK_H_
