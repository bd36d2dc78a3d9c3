#include "runtime/hal/sim/sim_device.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/cpu_level.h"
#include "runtime/base/gpu_launch.h"
#include "runtime/base/status.h"
#include "runtime/hal/host_device.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/sim/command_list.h"
#include "runtime/hal/sim/simulator.h"

namespace hydra::hal::sim {
namespace {

class SimDevice final : public HostDevice {
 public:
  SimDevice() {
    capabilities_.matmul_types = {ElementType::kF32, ElementType::kBf16};
    capabilities_.scratch_parts = kGpuScratchParts;
  }
  ~SimDevice() override { queue_->Stop(); }

  absl::Status Start() {
    return queue_->Start(&RunSubmission, this, [] {});
  }

  absl::string_view name() const override { return "sim"; }
  std::string description() const override {
    return absl::StrCat("a simulated CUDA device on ", ProcessorName(HostCpu()), ", ",
                        levels_.empty() ? "no supported level" : levels_.front());
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
    return KernelImage::FromCode(*level, code, entries);
  }
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override {
    return KernelImage::FromFunctions(CpuLevels().front(), functions);
  }

  absl::StatusOr<Ticket> Submit(CommandList& list) override {
    return SubmitOwn(dynamic_cast<SimCommandList*>(&list));
  }

 protected:
  absl::StatusOr<std::unique_ptr<HostCommandList>> RecordOwn(
      const KernelImage& image, absl::Span<const Recording> recordings, HostRing ring,
      const RecordOptions& options) override {
    return SimCommandList::Create(image, recordings, std::move(ring), options);
  }

 private:
  static absl::Status RunSubmission(void* context, void* item, uint64_t entry) {
    auto* list = static_cast<HostCommandList*>(item);
    return static_cast<SimCommandList*>(list)->Run(entry,
                                                   static_cast<SimDevice*>(context)->simulator_);
  }

  Simulator simulator_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateSimDevice() {
  auto device = std::make_unique<SimDevice>();
  HYDRA_RETURN_IF_ERROR(device->Start());
  return device;
}

}  // namespace hydra::hal::sim
