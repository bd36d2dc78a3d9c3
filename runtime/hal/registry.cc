#include "runtime/hal/registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status.h"
#include "runtime/hal/cpu/cpu_device.h"
#include "runtime/hal/cuda_driver.h"
#include "runtime/hal/sim/sim_device.h"
#include "runtime/hal/validation/validating_device.h"

namespace hydra::hal {
namespace {

absl::StatusOr<std::unique_ptr<Device>> CreatePlain(absl::string_view name,
                                                    const DeviceOptions& options) {
  if (name == "cpu") return cpu::CreateCpuDevice(options.threads, options.perf_map);
  if (name == "cuda") return CreateCudaDevice(options);
  if (name == "sim") {
    if (options.threads > 1) {
      return UsageError("device sim runs on one thread; leave --threads out");
    }
    return sim::CreateSimDevice(options.sim_driver);
  }
  return UsageError(absl::StrCat("unknown device '", name,
                                 "'; expected one of: ", absl::StrJoin(DeviceNames(), ", ")));
}

}  // namespace

std::vector<std::string> DeviceNames() { return {"cpu", "cuda", "sim"}; }

absl::StatusOr<std::unique_ptr<Device>> CreateDevice(absl::string_view name,
                                                     const DeviceOptions& options) {
  if (!options.sim_driver.empty() && name != "sim") {
    return UsageError(absl::StrCat("--sim-driver chooses the driver of device sim, found device ",
                                   name, "; drop it or compile with --target=sim"));
  }
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, CreatePlain(name, options));
  if (options.validate) return WithValidation(std::move(device));
  return device;
}

}  // namespace hydra::hal
