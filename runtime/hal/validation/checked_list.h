// Command lists of the validating device: every command recorded alone, with its checks.
#ifndef HYDRA_RUNTIME_HAL_VALIDATION_CHECKED_LIST_H_
#define HYDRA_RUNTIME_HAL_VALIDATION_CHECKED_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/hal/device.h"
#include "runtime/hal/slot_ring.h"
#include "runtime/hal/validation/guarded_buffer.h"

namespace hydra::hal {

class CheckedList final : public CommandList {
 public:
  // `device` is the wrapped one; the buffers of recordings and slots are GuardedBuffers.
  static absl::StatusOr<std::unique_ptr<CheckedList>> Record(Device& device,
                                                             const Executable& executable,
                                                             absl::Span<const Recording> recordings,
                                                             absl::Span<const Slot> slots,
                                                             const RecordOptions& options);

  absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece) override;
  absl::StatusOr<absl::Span<const uint8_t>> Fetch(Ticket ticket, size_t slot,
                                                  uint32_t piece) override;
  absl::Span<const Segment> segments() const override { return segments_; }
  const std::vector<CommandProfile>& profile() const override { return profile_; }

  // Runs and checks everything as submission `ticket`; the seconds spent in the wrapped device.
  absl::StatusOr<double> Run(Ticket ticket);

 private:
  // Bytes that two different buffers of one command share.
  struct SharedBytes {
    size_t first = 0, second = 0;  // argument numbers
    BufferRef range;
    std::vector<uint8_t> before, after;
  };
  struct Node {
    std::string path;                       // "recording 0, command 3 (kernel rms_norm, scope 7)"
    std::unique_ptr<CommandList> list;      // a leaf
    std::vector<SharedBytes> shared;        // of a leaf
    std::vector<BufferRef> selector;        // one of a switch, else empty
    std::vector<std::vector<Node>> nested;  // cases of a switch, or the body of a capture
    size_t profile = 0;
  };
  // One run of one recording.
  struct Part {
    std::vector<Node> nodes;
    RegionBindings regions;  // of the wrapped device
    std::vector<DeadRange> dead;
    std::vector<const GuardedBuffer*> buffers;
  };
  // Where nodes are recorded.
  struct Place {
    const Executable& executable;
    const Part& part;
    uint32_t recording;
    size_t& profile;  // number of the next command
  };

  CheckedList(Device& device, SlotRing ring, const RecordOptions& options)
      : device_(device), ring_(std::move(ring)), profiling_(options.profile) {
    memory_.resize(ring_.bytes());
    ring_.UseMemory(memory_.data());
  }

  absl::Status RecordRuns(const Executable& executable, const Recording& recording, uint32_t index);
  absl::StatusOr<std::vector<Node>> RecordNodes(const CommandSequence& commands, const Place& place,
                                                const std::string& path);
  std::vector<SharedBytes> FindShared(const KernelCommand& kernel) const;

  absl::Status RunNode(Node& node, const Part& part, double* seconds);
  absl::Status RunLeaf(Node& node, const Part& part, double* seconds);
  absl::Status Poison(const Part& part, const BufferRef& range);
  absl::Status Read(const Part& part, const BufferRef& range, absl::Span<uint8_t> target);

  Device& device_;
  SlotRing ring_;
  std::vector<uint8_t> memory_;  // of the ring
  std::vector<Part> parts_;
  std::vector<CommandProfile> profile_;
  std::vector<Segment> segments_;
  const bool profiling_;
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_VALIDATION_CHECKED_LIST_H_
