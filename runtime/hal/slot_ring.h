// The book-keeping of a command list's rings, the same for every driver: which host memory belongs
// to which slot and submission, what was staged, and what may still be fetched. The driver gives
// the memory (pinned, where that matters) and moves the bytes.
//
// The ring has `depth` entries; submission n of the list (from 0) uses entry n mod depth.
#ifndef HYDRA_RUNTIME_HAL_SLOT_RING_H_
#define HYDRA_RUNTIME_HAL_SLOT_RING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/hal/device.h"

namespace hydra::hal {

// The caller's thread uses Stage, Close and Find; the thread that runs entry e uses ForEachStaged
// and ForEachOutput of e while the submission is in flight. Nothing allocates after Create.
class SlotRing {
 public:
  // A failure names a slot that has no buffer, exceeds it, or whose pieces overlap.
  static absl::StatusOr<SlotRing> Create(absl::Span<const Slot> slots,
                                         const RecordOptions& options);

  // Host memory that the ring needs, aligned to 64 bytes; must be given before anything is staged.
  uint64_t bytes() const { return entry_bytes_ * entries_.size(); }
  void UseMemory(uint8_t* memory) { memory_ = memory; }

  // The submission that must be done before the next one may be staged; 0 if there is none.
  uint64_t blocker() const { return entries_[next_].ticket; }
  // Host memory of a piece for the next submission, from now on staged.
  absl::StatusOr<absl::Span<uint8_t>> Stage(size_t slot, uint32_t piece);
  // The next submission is the one of `ticket`; returns its entry.
  size_t Close(Ticket ticket);

  // The entry that still holds what `ticket` gave out. A failure if it was overwritten,
  // or if the list had no such submission.
  absl::StatusOr<size_t> Find(Ticket ticket) const;
  absl::StatusOr<absl::Span<const uint8_t>> Output(size_t entry, size_t slot, uint32_t piece) const;

  // Calls move(buffer, offset, host bytes) for every piece staged for the entry, in slot order, and
  // forgets that they were. Stops at the first error.
  template <typename Move>
  absl::Status TakeStaged(size_t entry, Move&& move) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].direction != SlotDirection::kIn) continue;
      for (uint32_t piece = 0; piece < slots_[i].pieces; ++piece) {
        uint8_t& staged = entries_[entry].staged[first_piece_[i] + piece];
        if (staged == 0) continue;
        staged = 0;
        absl::Status status = move(*slots_[i].buffer, slots_[i].offset + piece * slots_[i].stride,
                                   Bytes(entry, i, piece));
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }
  // Calls move(buffer, offset, host bytes) for every piece of every output slot.
  template <typename Move>
  absl::Status GiveOutputs(size_t entry, Move&& move) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].direction != SlotDirection::kOut) continue;
      for (uint32_t piece = 0; piece < slots_[i].pieces; ++piece) {
        absl::Status status = move(*slots_[i].buffer, slots_[i].offset + piece * slots_[i].stride,
                                   Bytes(entry, i, piece));
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Span<const Slot> slots() const { return slots_; }

 private:
  struct Entry {
    uint64_t ticket = 0;          // of the last submission that used it
    std::vector<uint8_t> staged;  // per piece of the whole list of slots
  };

  absl::Status Check(size_t slot, uint32_t piece, SlotDirection direction) const;
  absl::Span<uint8_t> Bytes(size_t entry, size_t slot, uint32_t piece) const;

  std::vector<Slot> slots_;
  std::vector<size_t> first_piece_;    // of each slot, in `staged`
  std::vector<uint64_t> offset_;       // of piece 0 of each slot, in an entry
  std::vector<uint64_t> piece_bytes_;  // distance of its pieces in an entry
  uint64_t entry_bytes_ = 0;
  uint8_t* memory_ = nullptr;
  std::vector<Entry> entries_;
  size_t next_ = 0;  // entry of the next submission
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_SLOT_RING_H_
