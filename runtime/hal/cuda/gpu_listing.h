// The GPUs of this machine, and which code they run.
#ifndef HYDRA_RUNTIME_HAL_CUDA_GPU_LISTING_H_
#define HYDRA_RUNTIME_HAL_CUDA_GPU_LISTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/hal/cuda/driver_library.h"

namespace hydra::hal::cuda {

struct Gpu {
  std::string name;
  int capability = 0;  // 10 x major + minor
  int multiprocessors = 0;
  uint64_t bytes = 0;  // of its memory
};

// The GPU that the driver counts as `number`.
absl::StatusOr<Gpu> DescribeGpu(const Driver& driver, int number);
// In the driver's order. An open driver without any is no error.
absl::StatusOr<std::vector<Gpu>> ListGpus(const Driver& driver);

// Why it is not supported; "" if it is.
std::string WhyNot(const Gpu& gpu);

// The sections of an artifact that such a GPU runs, best first: cubins of its own generation that
// are not newer than it, then PTX of everything that is not (runtime/artifact/gpu_image.h).
std::vector<std::string> RunnableCode(int capability);

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_GPU_LISTING_H_
