// What drivers that run on the host share: memory with an account, a queue that runs submissions in
// order, and the checks of what belongs to whom. A driver adds how it records and runs lists.
#ifndef HYDRA_RUNTIME_HAL_HOST_DEVICE_H_
#define HYDRA_RUNTIME_HAL_HOST_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/hal/device.h"
#include "runtime/hal/host_buffer.h"
#include "runtime/hal/host_command_list.h"
#include "runtime/hal/kernel_image.h"
#include "runtime/hal/submission_queue.h"

namespace hydra::hal {

class HostDevice : public Device {
 public:
  const Capabilities& capabilities() const final { return capabilities_; }
  const std::vector<std::string>& isa_levels() const final { return levels_; }

  absl::StatusOr<std::unique_ptr<Buffer>> Allocate(uint64_t bytes, absl::string_view purpose) final;
  absl::Status Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) final;
  absl::Status Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) final;
  absl::Status Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) final;

  absl::StatusOr<std::unique_ptr<CommandList>> Record(const Executable& executable,
                                                      absl::Span<const Recording> recordings,
                                                      absl::Span<const Slot> slots,
                                                      const RecordOptions& options) final;

  absl::Status Await(Ticket ticket) final;
  absl::StatusOr<double> Seconds(Ticket ticket) const final;

  std::vector<MemoryUse> memory_use() const final { return account_->uses(); }
  AvailableMemory available_memory() const final { return FindAvailableMemory(); }

 protected:
  HostDevice();

  // Resolves recordings whose buffers are this kind of device's.
  virtual absl::StatusOr<std::unique_ptr<HostCommandList>> RecordOwn(
      const KernelImage& image, absl::Span<const Recording> recordings, HostRing ring,
      const RecordOptions& options) = 0;
  // Pushes a list of the driver's own kind, a HostCommandList* to the queue's work; null is a
  // failure.
  absl::StatusOr<Ticket> SubmitOwn(HostCommandList* list);

  std::shared_ptr<MemoryAccount> account_;
  std::shared_ptr<SubmissionQueue> queue_;  // buffers and lists wait for it
  std::vector<std::string> levels_;
  Capabilities capabilities_;

 private:
  // The bytes of a range once every submission is done.
  absl::StatusOr<uint8_t*> Access(const Buffer& buffer, uint64_t offset, uint64_t bytes);
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_HOST_DEVICE_H_
