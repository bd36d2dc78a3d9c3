// Memory of the GPU, and memory of the host that it reaches without a copy in between.
#ifndef HYDRA_RUNTIME_HAL_CUDA_CUDA_MEMORY_H_
#define HYDRA_RUNTIME_HAL_CUDA_CUDA_MEMORY_H_

#include <memory>

#include "runtime/hal/cuda/cuda_context.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cuda {

class CudaBuffer final : public Buffer {
 public:
  // Out of memory, with what was asked for and what is free.
  static absl::StatusOr<std::unique_ptr<CudaBuffer>> Create(uint64_t bytes,
                                                            absl::string_view purpose,
                                                            std::shared_ptr<CudaContext> context);
  // Waits for the stream, whose work may use the memory.
  ~CudaBuffer() override;
  CudaBuffer(const CudaBuffer&) = delete;
  CudaBuffer& operator=(const CudaBuffer&) = delete;

  uint64_t bytes() const override { return bytes_; }
  DevicePointer address() const { return address_; }
  const CudaContext& context() const { return *context_; }

 private:
  explicit CudaBuffer(std::shared_ptr<CudaContext> context) : context_(std::move(context)) {}

  std::shared_ptr<CudaContext> context_;
  DevicePointer address_ = 0;
  uint64_t bytes_ = 0;
  size_t purpose_ = 0;
};

// Pinned host memory.
class PinnedMemory {
 public:
  static absl::StatusOr<std::unique_ptr<PinnedMemory>> Create(uint64_t bytes,
                                                              absl::string_view purpose,
                                                              std::shared_ptr<CudaContext> context);
  // Waits for the stream.
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  uint8_t* data() const { return static_cast<uint8_t*>(data_); }

 private:
  explicit PinnedMemory(std::shared_ptr<CudaContext> context) : context_(std::move(context)) {}

  std::shared_ptr<CudaContext> context_;
  void* data_ = nullptr;
  uint64_t bytes_ = 0;
  size_t purpose_ = 0;
};

}  // namespace hydra::hal::cuda

#endif  // HYDRA_RUNTIME_HAL_CUDA_CUDA_MEMORY_H_
