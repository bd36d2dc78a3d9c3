#include "runtime/hal/cuda/gpu_listing.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/gpu_architecture.h"
#include "runtime/base/status.h"

namespace hydra::hal::cuda {
namespace {

constexpr int kOldest = kGpuArchitectures[0].capability;

}  // namespace

absl::StatusOr<Gpu> DescribeGpu(const Driver& driver, int number) {
  const DriverApi& api = driver.api;
  DeviceNumber device = 0;
  char name[256] = {};
  size_t bytes = 0;
  int major = 0, minor = 0;
  Gpu gpu;
  HYDRA_RETURN_IF_ERROR(Check(driver, api.cuDeviceGet(&device, number), "cuDeviceGet"));
  HYDRA_RETURN_IF_ERROR(
      Check(driver, api.cuDeviceGetName(name, sizeof(name) - 1, device), "cuDeviceGetName"));
  HYDRA_RETURN_IF_ERROR(Check(driver, api.cuDeviceTotalMem_v2(&bytes, device), "cuDeviceTotalMem"));
  const std::pair<int, int*> attributes[] = {{kCapabilityMajor, &major},
                                             {kCapabilityMinor, &minor},
                                             {kMultiprocessors, &gpu.multiprocessors}};
  for (const auto& [attribute, value] : attributes) {
    HYDRA_RETURN_IF_ERROR(
        Check(driver, api.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute"));
  }
  gpu.name = name;
  gpu.capability = 10 * major + minor;
  gpu.bytes = bytes;
  return gpu;
}

absl::StatusOr<std::vector<Gpu>> ListGpus(const Driver& driver) {
  int count = 0;
  const Result counted = driver.api.cuDeviceGetCount(&count);
  if (counted != kNoDevice) HYDRA_RETURN_IF_ERROR(Check(driver, counted, "cuDeviceGetCount"));
  std::vector<Gpu> gpus;
  for (int i = 0; i < count; ++i) {
    HYDRA_ASSIGN_OR_RETURN(gpus.emplace_back(), DescribeGpu(driver, i));
  }
  return gpus;
}

std::string WhyNot(const Gpu& gpu) {
  if (gpu.capability >= kOldest) return "";
  return absl::StrCat("compute capability ", gpu.capability / 10, ".", gpu.capability % 10,
                      " is older than 8.0, the first that is supported; use --target=cpu");
}

std::vector<std::string> RunnableCode(int capability) {
  std::vector<std::string> levels;
  for (int of = capability; of >= capability / 10 * 10; --of) {
    levels.push_back(absl::StrCat("sm_", of));
  }
  for (int of = capability; of >= kOldest; --of) levels.push_back(absl::StrCat("compute_", of));
  return levels;
}

}  // namespace hydra::hal::cuda
