// What command lists of drivers that run on the host share: rings whose pieces the thread of the
// queue copies to and from buffers, segments and a profile.
#ifndef HYDRA_RUNTIME_HAL_HOST_COMMAND_LIST_H_
#define HYDRA_RUNTIME_HAL_HOST_COMMAND_LIST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/hal/device.h"
#include "runtime/hal/host_buffer.h"
#include "runtime/hal/slot_ring.h"
#include "runtime/hal/submission_queue.h"

namespace hydra::hal {

// The bytes of a buffer of a driver that runs on the host.
inline uint8_t* DataOf(const Buffer& buffer) {
  return static_cast<const HostBuffer&>(buffer).data();
}

// A ring, its memory, and the queue that whoever uses it waits for.
struct HostRing {
  SlotRing slots;
  std::unique_ptr<HostBuffer> memory;
  std::shared_ptr<SubmissionQueue> queue;
};

// Stage and Fetch belong to the caller's thread, the rest while it runs to the queue's.
class HostCommandList : public CommandList {
 public:
  HostCommandList(const HostCommandList&) = delete;
  HostCommandList& operator=(const HostCommandList&) = delete;

  absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece) final;
  absl::StatusOr<absl::Span<const uint8_t>> Fetch(Ticket ticket, size_t slot, uint32_t piece) final;
  absl::Span<const Segment> segments() const final { return segments_; }
  const std::vector<CommandProfile>& profile() const final { return profile_; }

  // The submission that must be done before the next one may start; 0 if there is none.
  uint64_t blocker() const { return ring_.slots.blocker(); }
  // The next submission is the one of `ticket`; returns the entry of the ring that it uses.
  size_t Close(Ticket ticket) { return ring_.slots.Close(ticket); }

 protected:
  HostCommandList(HostRing ring, const RecordOptions& options);

  // Waits for every submission. A derived class calls it in its destructor: its members go first.
  void Drain() { ring_.queue->Drain(); }

  // Copies what was staged for the entry to its buffers.
  absl::Status TakeInputs(size_t entry);
  // Copies the bytes of output slots to the entry.
  absl::Status GiveOutputs(size_t entry);
  // The host memory of an entry.
  absl::Span<uint8_t> EntryMemory(size_t entry) const;

  // Adds the time since `start` to a line of the profile.
  void AddRun(size_t line, double seconds) { profile_[line].Add(seconds); }

  const bool profiling_;
  std::vector<CommandProfile> profile_;
  std::vector<Segment> segments_;

 private:
  HostRing ring_;
  uint64_t entry_bytes_;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_HOST_COMMAND_LIST_H_
