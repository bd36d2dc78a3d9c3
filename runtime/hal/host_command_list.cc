#include "runtime/hal/host_command_list.h"

#include <cstring>
#include <utility>

#include "runtime/base/status.h"

namespace hydra::hal {

HostCommandList::HostCommandList(HostRing ring, const RecordOptions& options)
    : profiling_(options.profile),
      ring_(std::move(ring)),
      entry_bytes_(ring_.slots.bytes() / static_cast<uint64_t>(options.ring)) {
  ring_.slots.UseMemory(ring_.memory->data());
}

absl::StatusOr<absl::Span<uint8_t>> HostCommandList::Stage(size_t slot, uint32_t piece) {
  HYDRA_RETURN_IF_ERROR(ring_.queue->Await(ring_.slots.blocker()));
  return ring_.slots.Stage(slot, piece);
}

absl::StatusOr<absl::Span<const uint8_t>> HostCommandList::Fetch(Ticket ticket, size_t slot,
                                                                 uint32_t piece) {
  HYDRA_ASSIGN_OR_RETURN(const size_t entry, ring_.slots.Find(ticket));
  HYDRA_RETURN_IF_ERROR(ring_.queue->Await(ticket.sequence));
  return ring_.slots.Output(entry, slot, piece);
}

absl::Status HostCommandList::TakeInputs(size_t entry) {
  return ring_.slots.TakeStaged(
      entry, [](Buffer& buffer, uint64_t offset, absl::Span<const uint8_t> bytes) {
        if (!bytes.empty()) std::memcpy(DataOf(buffer) + offset, bytes.data(), bytes.size());
        return absl::OkStatus();
      });
}

absl::Status HostCommandList::GiveOutputs(size_t entry) {
  return ring_.slots.GiveOutputs(
      entry, [](const Buffer& buffer, uint64_t offset, absl::Span<uint8_t> bytes) {
        if (!bytes.empty()) std::memcpy(bytes.data(), DataOf(buffer) + offset, bytes.size());
        return absl::OkStatus();
      });
}

absl::Span<uint8_t> HostCommandList::EntryMemory(size_t entry) const {
  return {ring_.memory->data() + entry * entry_bytes_, entry_bytes_};
}

}  // namespace hydra::hal
