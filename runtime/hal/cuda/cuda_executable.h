// A loaded module: the kernels of an artifact on the GPU.
#ifndef HYDRA_RUNTIME_HAL_CUDA_CUDA_EXECUTABLE_H_
#define HYDRA_RUNTIME_HAL_CUDA_CUDA_EXECUTABLE_H_

#include <memory>
#include <string>
#include <vector>

#include "runtime/hal/cuda/cuda_context.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cuda {

struct CudaKernel {
  Function function = nullptr;
  std::string name;
  std::string location;  // of the first op it was made for; empty if unknown
};

class CudaExecutable final : public Executable {
 public:
  // `code` is a cubin, or PTX that ends in a zero byte. An input error, with the driver's own
  // words, if it does not take the code or a kernel is missing.
  static absl::StatusOr<std::unique_ptr<CudaExecutable>> Load(absl::string_view level,
                                                              absl::Span<const uint8_t> code,
                                                              absl::Span<const KernelEntry> entries,
                                                              std::shared_ptr<CudaContext> context);
  // Waits for the stream.
  ~CudaExecutable() override;
  CudaExecutable(const CudaExecutable&) = delete;
  CudaExecutable& operator=(const CudaExecutable&) = delete;

  uint64_t kernel_count() const override { return kernels_.size(); }
  const CudaKernel& kernel(uint64_t index) const { return kernels_[index]; }
  const CudaContext& context() const { return *context_; }

 private:
  explicit CudaExecutable(std::shared_ptr<CudaContext> context) : context_(std::move(context)) {}

  std::shared_ptr<CudaContext> context_;
  Module module_ = nullptr;
  std::vector<CudaKernel> kernels_;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_CUDA_EXECUTABLE_H_
