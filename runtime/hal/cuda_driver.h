// The factory of the cuda driver; runtime/hal/cuda_absent defines it where there is none.
#ifndef HYDRA_RUNTIME_HAL_CUDA_DRIVER_H_
#define HYDRA_RUNTIME_HAL_CUDA_DRIVER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/hal/device.h"
#include "runtime/hal/device_options.h"

namespace hydra::hal {

// Unavailable, with what to install, in builds without CUDA.
absl::StatusOr<std::unique_ptr<Device>> CreateCudaDevice(const DeviceOptions& options);

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_CUDA_DRIVER_H_
