// Makes devices by name. The only header of hal that sees the drivers.
#ifndef HYDRA_RUNTIME_HAL_REGISTRY_H_
#define HYDRA_RUNTIME_HAL_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/hal/device.h"
#include "runtime/hal/device_options.h"

namespace hydra::hal {

// "cpu", "cuda", "sim": the names CreateDevice knows, present on this machine or not.
std::vector<std::string> DeviceNames();

// A usage error for an unknown name; an input error, with what to install, for a device that this
// machine lacks.
absl::StatusOr<std::unique_ptr<Device>> CreateDevice(absl::string_view name,
                                                     const DeviceOptions& options);

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_REGISTRY_H_
