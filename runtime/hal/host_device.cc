#include "runtime/hal/host_device.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/cpu_detection.h"
#include "runtime/base/cpu_level.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

absl::Status CheckOwn(const Buffer& buffer) {
  if (dynamic_cast<const HostBuffer*>(&buffer) != nullptr) return absl::OkStatus();
  return FailureError("the buffer belongs to another kind of device");
}

}  // namespace

HostDevice::HostDevice()
    : account_(std::make_shared<MemoryAccount>()),
      queue_(std::make_shared<SubmissionQueue>()),
      levels_(RunnableLevels(HostCpu())) {
  capabilities_.asynchronous_host = true;
  capabilities_.kernel_functions = true;
  capabilities_.command_profile = true;
}

absl::StatusOr<std::unique_ptr<Buffer>> HostDevice::Allocate(uint64_t bytes,
                                                             absl::string_view purpose) {
  return HostBuffer::Create(bytes, purpose, account_, queue_);
}

absl::Status HostDevice::Read(const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> target) {
  HYDRA_ASSIGN_OR_RETURN(const uint8_t* data, Access(buffer, offset, target.size()));
  if (!target.empty()) std::memcpy(target.data(), data, target.size());
  return absl::OkStatus();
}

absl::Status HostDevice::Write(Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> source) {
  HYDRA_ASSIGN_OR_RETURN(uint8_t* data, Access(buffer, offset, source.size()));
  if (!source.empty()) std::memcpy(data, source.data(), source.size());
  return absl::OkStatus();
}

absl::Status HostDevice::Fill(Buffer& buffer, uint64_t offset, uint64_t bytes, uint8_t value) {
  HYDRA_ASSIGN_OR_RETURN(uint8_t* data, Access(buffer, offset, bytes));
  if (bytes > 0) std::memset(data, value, bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<CommandList>> HostDevice::Record(
    const Executable& executable, absl::Span<const Recording> recordings,
    absl::Span<const Slot> slots, const RecordOptions& options) {
  const auto* image = dynamic_cast<const KernelImage*>(&executable);
  if (image == nullptr) {
    return FailureError("the executable was loaded by another kind of device");
  }
  for (const Recording& recording : recordings) {
    for (const RegionBinding& region : recording.regions) {
      if (region.buffer != nullptr) HYDRA_RETURN_IF_ERROR(CheckOwn(*region.buffer));
    }
  }
  for (const Slot& slot : slots) {
    if (slot.buffer != nullptr) HYDRA_RETURN_IF_ERROR(CheckOwn(*slot.buffer));
  }
  HYDRA_ASSIGN_OR_RETURN(SlotRing ring, SlotRing::Create(slots, options));
  HYDRA_ASSIGN_OR_RETURN(std::unique_ptr<HostBuffer> memory,
                         HostBuffer::Create(ring.bytes(), "staging rings", account_, nullptr));
  return RecordOwn(*image, recordings, {std::move(ring), std::move(memory), queue_}, options);
}

absl::StatusOr<Ticket> HostDevice::SubmitOwn(HostCommandList* list) {
  if (list == nullptr) return FailureError("the list was recorded by another kind of device");
  HYDRA_RETURN_IF_ERROR(queue_->Await(list->blocker()));
  HYDRA_RETURN_IF_ERROR(queue_->status());
  const Ticket ticket{queue_->pushed() + 1};
  queue_->Push(list, list->Close(ticket));
  return ticket;
}

absl::Status HostDevice::Await(Ticket ticket) {
  if (ticket.sequence <= queue_->pushed()) return queue_->Await(ticket.sequence);
  return FailureError(
      absl::StrCat("ticket ", ticket.sequence, " was never given; the last is ", queue_->pushed()));
}

absl::StatusOr<double> HostDevice::Seconds(Ticket ticket) const {
  const double seconds = queue_->Seconds(ticket.sequence);
  if (seconds >= 0) return seconds;
  return FailureError(absl::StrCat("no time is kept for submission ", ticket.sequence,
                                   "; the last one is ", queue_->pushed()));
}

absl::StatusOr<uint8_t*> HostDevice::Access(const Buffer& buffer, uint64_t offset, uint64_t bytes) {
  HYDRA_RETURN_IF_ERROR(CheckOwn(buffer));
  if (offset > buffer.bytes() || bytes > buffer.bytes() - offset) {
    return FailureError(absl::StrCat("bytes [", offset, ", ", offset + bytes, ") of a buffer of ",
                                     buffer.bytes(), " bytes"));
  }
  HYDRA_RETURN_IF_ERROR(queue_->Await(queue_->pushed()));
  return DataOf(buffer) + offset;
}

}  // namespace hydra::hal
