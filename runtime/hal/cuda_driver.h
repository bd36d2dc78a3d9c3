// The factory of the cuda driver, and what it finds on this machine.
#ifndef HYDRA_RUNTIME_HAL_CUDA_DRIVER_H_
#define HYDRA_RUNTIME_HAL_CUDA_DRIVER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/hal/device.h"
#include "runtime/hal/device_options.h"

namespace hydra::hal {

// The first GPU that NVIDIA's driver shows. An input error, with what to install, on machines
// without driver or supported GPU.
absl::StatusOr<std::unique_ptr<Device>> CreateCudaDevice(const DeviceOptions& options);

// A GPU of this machine, or what kept the driver from listing them.
struct GpuFinding {
  std::string name;
  std::string detail;             // what it is, or why it is not supported
  std::string architecture = {};  // of --arch, whose machine code it runs; "" if only PTX does
  bool supported = false;
};

// In the driver's order; nothing without a driver. Makes no device.
std::vector<GpuFinding> FindGpus();

// The GPU that device cuda takes, as FindGpus describes it; nothing where there is none.
std::optional<GpuFinding> GpuInUse();

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_CUDA_DRIVER_H_
