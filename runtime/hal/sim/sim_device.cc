#include "runtime/hal/sim/sim_device.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/available_memory.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/cpu_level.h"
#include "runtime/base/status.h"
#include "runtime/hal/cuda/cuda_device.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/sim/driver_functions.h"
#include "runtime/hal/sim/sim_executable.h"
#include "runtime/hal/sim/simulator.h"

namespace hydra::hal::sim {
namespace {

class SimDevice final : public cuda::CudaDevice {
 public:
  SimDevice(std::shared_ptr<cuda::CudaContext> context, Machine& machine)
      : CudaDevice(std::move(context)), machine_(machine) {
    levels_ = RunnableLevels(HostCpu());
    capabilities_.kernel_functions = true;
    capabilities_.matmul_types = {ElementType::kF32, ElementType::kBf16};
  }

  absl::string_view name() const override { return "sim"; }
  std::string description() const override {
    return absl::StrCat("a simulated CUDA device on ", ProcessorName(HostCpu()), ", ",
                        levels_.empty() ? "no supported level" : levels_.front(),
                        ", driver for CUDA ", machine_.profile().name);
  }
  // Nothing but the artifact: sums have one order, and no library takes part.
  std::vector<RuntimeFact> RuntimeFacts() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) override {
    const CpuLevel* level = FindCpuLevel(isa_level);
    const std::string why_not = level == nullptr ? absl::StrCat("the levels are ", CpuLevelNames())
                                                 : WhyNot(*level, HostCpu());
    if (!why_not.empty()) {
      return InputError(absl::StrCat("simulated kernels for ", isa_level,
                                     " do not run on this processor: ", why_not,
                                     "; compile with --target=sim --arch=native"));
    }
    HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<KernelImage> image,
                           KernelImage::FromCode(*level, code, entries));
    return std::make_unique<SimExecutable>(std::move(image), entries, context_, simulator_);
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override {
    return std::make_unique<SimExecutable>(
        KernelImage::FromFunctions(CpuLevels().front(), functions), absl::Span<const KernelEntry>(),
        context_, simulator_);
  }

  AvailableMemory available_memory() const override { return FindAvailableMemory(); }
  const DriverCounts& counts() const { return machine_.counts(); }

 private:
  Machine& machine_;
  std::shared_ptr<Simulator> simulator_ = std::make_shared<Simulator>();
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateSimDevice(absl::string_view driver) {
  const DriverProfile* profile = FindDriverProfile(driver);
  if (profile == nullptr) {
    return UsageError(absl::StrCat("unknown simulated driver '", driver,
                                   "'; expected one of: ", DriverProfileNames()));
  }
  MachineOptions options;
  options.driver = profile->version;
  const cuda::DeviceNumber number = AddMachine(options);
  // The driver of each profile stays as long as the program.
  static const auto& drivers = *new std::map<int, cuda::Driver>([] {
    std::map<int, cuda::Driver> all;
    for (const DriverProfile& one : kDriverProfiles) {
      all[one.version] = {SimulatedDriver(), one.version};
    }
    return all;
  }());
  HYDRA_ASSIGN_OR_RETURN(std::shared_ptr<cuda::CudaContext> context,
                         cuda::CudaContext::Create(drivers.at(profile->version), number));
  // Buffers and lists may outlive the device: the machine goes with the last of them.
  cuda::CudaContext* shared = context.get();
  std::shared_ptr<cuda::CudaContext> owner(
      shared, [context = std::move(context), number](cuda::CudaContext*) mutable {
        context.reset();
        RemoveMachine(number);
      });
  return std::make_unique<SimDevice>(std::move(owner), MachineOf(number));
}

const DriverCounts* CountsOf(const Device& device) {
  const auto* own = dynamic_cast<const SimDevice*>(&device);
  return own == nullptr ? nullptr : &own->counts();
}

}  // namespace hydra::hal::sim
