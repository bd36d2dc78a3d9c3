// Device cuda: one GPU behind a table of driver functions, NVIDIA's own or the simulated driver's,
// whose device (runtime/hal/sim) is this one with other kernels.
#ifndef HYDRA_RUNTIME_HAL_CUDA_CUDA_DEVICE_H_
#define HYDRA_RUNTIME_HAL_CUDA_CUDA_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "runtime/hal/cuda/cuda_context.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cuda {

class CudaDevice : public Device {
 public:
  explicit CudaDevice(std::shared_ptr<CudaContext> context);

  absl::string_view name() const override { return "cuda"; }
  std::string description() const override;
  const Capabilities& capabilities() const final { return capabilities_; }
  const std::vector<std::string>& isa_levels() const final { return levels_; }
  std::vector<RuntimeFact> RuntimeFacts() const override;

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes, absl::string_view purpose) final;
  absl::Status Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) final;
  absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) final;
  absl::Status Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) final;

  absl::StatusOr<std::unique_ptr<Executable>> LoadKernels(
      absl::string_view isa_level, absl::Span<const uint8_t> code,
      absl::Span<const KernelEntry> entries) override;
  absl::StatusOr<std::unique_ptr<Executable>> LoadKernelFunctions(
      absl::Span<const NamedKernelFunction> functions) override;
  absl::StatusOr<std::unique_ptr<CommandList>> Record(const Executable& executable,
                                                      absl::Span<const Recording> recordings,
                                                      absl::Span<const Slot> slots,
                                                      const RecordOptions& options) final;

  absl::StatusOr<Ticket> Submit(CommandList& list) final;
  absl::Status Await(Ticket ticket) final;
  absl::StatusOr<double> Seconds(Ticket ticket) const final;

  std::vector<MemoryUse> memory_use() const final { return context_->account().uses(); }
  AvailableMemory available_memory() const override;

 protected:
  std::shared_ptr<CudaContext> context_;
  std::vector<std::string> levels_;
  Capabilities capabilities_;

 private:
  // The address of a range once every submission is done.
  absl::StatusOr<DevicePointer> Access(const Buffer& buffer, uint64_t offset, uint64_t bytes);
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_CUDA_DEVICE_H_
