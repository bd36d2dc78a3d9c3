// Stands in for the cuda driver in builds without the CUDA Toolkit.
#include "runtime/hal/cuda_driver.h"

#include "runtime/base/status.h"

namespace hydra::hal {

absl::StatusOr<std::unique_ptr<Device>> CreateCudaDevice(const DeviceOptions&) {
  return FailureError(
      "device cuda: this build has no CUDA driver, because CMake found no CUDA Toolkit; install "
      "version 12.8 or newer (nvcc on PATH or CUDAToolkit_ROOT set) and build again, or use cpu or "
      "sim");
}

}  // namespace hydra::hal
