#include "runtime/hal/cuda/cuda_memory.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal::cuda {

absl::StatusOr<std::unique_ptr<CudaBuffer>> CudaBuffer::Create(
    uint64_t bytes, absl::string_view purpose, std::shared_ptr<CudaContext> context) {
  std::unique_ptr<CudaBuffer> buffer(new CudaBuffer(std::move(context)));
  CudaContext& gpu = *buffer->context_;
  buffer->purpose_ = gpu.account().Find(purpose);
  if (bytes == 0) return buffer;
  if (gpu.api().cuMemAlloc_v2(&buffer->address_, bytes) != kSuccess) {
    buffer->address_ = 0;
    size_t free = 0, total = 0;
    gpu.api().cuMemGetInfo_v2(&free, &total);
    return OutOfMemoryError(absl::StrCat("no memory for ", bytes, " bytes of ", purpose, " on ",
                                         gpu.gpu_name(), ", which has ", free, " of ", total,
                                         " bytes free; use a smaller batch or --memory-budget"));
  }
  buffer->bytes_ = bytes;
  gpu.account().Add(buffer->purpose_, static_cast<int64_t>(bytes));
  HYDRA_RETURN_IF_ERROR(gpu.CheckWork(
      gpu.api().cuMemsetD8Async(buffer->address_, 0, bytes, gpu.stream()), "cuMemsetD8Async"));
  return buffer;
}

CudaBuffer::~CudaBuffer() {
  if (address_ == 0 || !context_->Enter().ok()) return;
  context_->Drain().IgnoreError();  // an error stays with the context
  context_->api().cuMemFree_v2(address_);
  context_->account().Add(purpose_, -static_cast<int64_t>(bytes_));
}

absl::StatusOr<std::unique_ptr<PinnedMemory>> PinnedMemory::Create(
    uint64_t bytes, absl::string_view purpose, std::shared_ptr<CudaContext> context) {
  std::unique_ptr<PinnedMemory> memory(new PinnedMemory(std::move(context)));
  CudaContext& gpu = *memory->context_;
  memory->purpose_ = gpu.account().Find(purpose);
  if (bytes == 0) return memory;
  if (gpu.api().cuMemHostAlloc(&memory->data_, bytes, 0) != kSuccess) {
    memory->data_ = nullptr;
    return OutOfMemoryError(absl::StrCat("no pinned memory of the host for ", bytes, " bytes of ",
                                         purpose, "; is `ulimit -l` too small?"));
  }
  memory->bytes_ = bytes;
  gpu.account().Add(memory->purpose_, static_cast<int64_t>(bytes));
  return memory;
}

PinnedMemory::~PinnedMemory() {
  if (data_ == nullptr || !context_->Enter().ok()) return;
  context_->Drain().IgnoreError();
  context_->api().cuMemFreeHost(data_);
  context_->account().Add(purpose_, -static_cast<int64_t>(bytes_));
}

}  // namespace hydra::hal::cuda
