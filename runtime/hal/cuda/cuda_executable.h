// Kernels on the GPU, and those of an artifact as a loaded module.
#ifndef HYDRA_RUNTIME_HAL_CUDA_CUDA_EXECUTABLE_H_
#define HYDRA_RUNTIME_HAL_CUDA_CUDA_EXECUTABLE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/hal/cuda/cuda_context.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cuda {

struct CudaKernel {
  Function function = nullptr;
  std::string name;
  std::string location;  // of the first op it was made for; empty if unknown
};

// The kernels of a list, however they came to the GPU.
class CudaExecutable : public Executable {
 public:
  uint64_t kernel_count() const final { return kernels_.size(); }
  const CudaKernel& kernel(uint64_t index) const { return kernels_[index]; }
  const CudaContext& context() const { return *context_; }

  // The function that a command of this recording launches, with the parameters of gpu_launch.h.
  virtual Function FunctionOf(const Recording&, const KernelCommand& command) const {
    return kernels_[command.kernel].function;
  }
  // Its geometry; nothing if it was compiled for another kind of device.
  virtual std::optional<LaunchGeometry> GeometryOf(const KernelCommand& command) const {
    return command.geometry;
  }
  // The function for a product that is left to a library, with the addresses of A, B, C, row count
  // and offsets (0 where there is none) as parameters. An input error if there is no such library.
  virtual absl::StatusOr<Function> FunctionOf(const MatmulCommand& command) const;

 protected:
  explicit CudaExecutable(std::shared_ptr<CudaContext> context) : context_(std::move(context)) {}

  std::shared_ptr<CudaContext> context_;
  std::vector<CudaKernel> kernels_;
};

class CudaModule final : public CudaExecutable {
 public:
  // `code` is a cubin, or PTX that ends in a zero byte. An input error, with the driver's own
  // words, if it does not take the code or a kernel is missing.
  static absl::StatusOr<std::unique_ptr<CudaModule>> Load(absl::string_view level,
                                                          absl::Span<const uint8_t> code,
                                                          absl::Span<const KernelEntry> entries,
                                                          std::shared_ptr<CudaContext> context);
  // Waits for the stream.
  ~CudaModule() override;
  CudaModule(const CudaModule&) = delete;
  CudaModule& operator=(const CudaModule&) = delete;

 private:
  using CudaExecutable::CudaExecutable;

  Module module_ = nullptr;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_CUDA_EXECUTABLE_H_
