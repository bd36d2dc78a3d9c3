// Memory of drivers that run on the host, and its account by purpose.
#ifndef HYDRA_RUNTIME_HAL_HOST_BUFFER_H_
#define HYDRA_RUNTIME_HAL_HOST_BUFFER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/hal/device.h"
#include "runtime/hal/submission_queue.h"

namespace hydra::hal {

// Sums of obtained bytes. Purposes stay listed after their memory is freed.
class MemoryAccount {
 public:
  // Index of the purpose, added if new.
  size_t Find(absl::string_view purpose);
  void Add(size_t index, int64_t bytes) { uses_[index].bytes += static_cast<uint64_t>(bytes); }
  const std::vector<MemoryUse>& uses() const { return uses_; }

 private:
  std::vector<MemoryUse> uses_;
};

// Zeroed host memory aligned to 64 bytes; from 2 MiB on, mapped, aligned to 2 MiB and offered to
// the system for huge pages. Account and queue must outlive the buffer; they are shared for that
// reason.
class HostBuffer final : public Buffer {
 public:
  static absl::StatusOr<std::unique_ptr<HostBuffer>> Create(uint64_t bytes,
                                                            absl::string_view purpose,
                                                            std::shared_ptr<MemoryAccount> account,
                                                            std::shared_ptr<SubmissionQueue> queue);
  // Waits for the queue, whose submissions may use the memory.
  ~HostBuffer() override;
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  uint64_t bytes() const override { return bytes_; }
  uint8_t* data() const { return data_; }

 private:
  HostBuffer() = default;

  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
  uint64_t obtained_ = 0;  // what the account was charged
  bool mapped_ = false;
  size_t purpose_ = 0;
  std::shared_ptr<MemoryAccount> account_;
  std::shared_ptr<SubmissionQueue> queue_;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_HOST_BUFFER_H_
