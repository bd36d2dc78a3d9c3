#include "runtime/hal/slot_ring.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

constexpr uint64_t kAlignment = 64;

absl::Status CheckSlot(const Slot& slot) {
  const auto wrong = [&](absl::string_view what) {
    return FailureError(absl::StrCat("slot '", slot.name, "': ", what));
  };
  if (slot.buffer == nullptr) return wrong("has no buffer");
  if (slot.pieces == 0) return wrong("has no pieces; expected at least 1");
  if (slot.pieces > 1 && slot.stride < slot.bytes) {
    return wrong(
        absl::StrCat("pieces of ", slot.bytes, " bytes overlap at a stride of ", slot.stride));
  }
  const auto last = static_cast<unsigned __int128>(slot.offset) +
                    static_cast<unsigned __int128>(slot.pieces - 1) * slot.stride + slot.bytes;
  if (last > slot.buffer->bytes()) {
    return wrong(absl::StrCat(slot.pieces, " pieces of ", slot.bytes, " bytes from byte ",
                              slot.offset, " at a stride of ", slot.stride, " exceed a buffer of ",
                              slot.buffer->bytes(), " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SlotRing> SlotRing::Create(absl::Span<const Slot> slots,
                                          const RecordOptions& options) {
  constexpr int kMaxDepth = 64;
  if (options.ring < 1 || options.ring > kMaxDepth) {
    return FailureError(
        absl::StrCat("a ring of ", options.ring, " submissions; expected 1 to ", kMaxDepth));
  }
  SlotRing ring;
  ring.slots_.assign(slots.begin(), slots.end());
  size_t pieces = 0;
  for (const Slot& slot : slots) {
    HYDRA_RETURN_IF_ERROR(CheckSlot(slot));
    ring.first_piece_.push_back(pieces);
    ring.offset_.push_back(ring.entry_bytes_);
    ring.piece_bytes_.push_back((slot.bytes + kAlignment - 1) / kAlignment * kAlignment);
    ring.entry_bytes_ += slot.pieces * ring.piece_bytes_.back();
    pieces += slot.pieces;
  }
  ring.entries_.resize(options.ring);
  for (Entry& entry : ring.entries_) entry.staged.resize(pieces);
  return ring;
}

absl::Status SlotRing::Check(size_t slot, uint32_t piece, SlotDirection direction) const {
  if (slot >= slots_.size()) {
    return FailureError(absl::StrCat("slot ", slot, "; the list has ", slots_.size(), " slots"));
  }
  if (slots_[slot].direction != direction) {
    return FailureError(absl::StrCat("slot '", slots_[slot].name, "' is ",
                                     direction == SlotDirection::kIn ? "no input" : "no output"));
  }
  if (piece >= slots_[slot].pieces) {
    return FailureError(absl::StrCat("piece ", piece, " of slot '", slots_[slot].name,
                                     "', which has ", slots_[slot].pieces));
  }
  return absl::OkStatus();
}

absl::Span<uint8_t> SlotRing::Bytes(size_t entry, size_t slot, uint32_t piece) const {
  return absl::MakeSpan(memory_ + entry * entry_bytes_ + offset_[slot] + piece * piece_bytes_[slot],
                        slots_[slot].bytes);
}

absl::StatusOr<absl::Span<uint8_t>> SlotRing::Stage(size_t slot, uint32_t piece) {
  HYDRA_RETURN_IF_ERROR(Check(slot, piece, SlotDirection::kIn));
  entries_[next_].staged[first_piece_[slot] + piece] = 1;
  return Bytes(next_, slot, piece);
}

size_t SlotRing::Close(Ticket ticket) {
  const size_t entry = next_;
  entries_[entry].ticket = ticket.sequence;
  next_ = (next_ + 1) % entries_.size();
  return entry;
}

absl::StatusOr<size_t> SlotRing::Find(Ticket ticket) const {
  uint64_t oldest = std::numeric_limits<uint64_t>::max(), newest = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const uint64_t held = entries_[i].ticket;
    if (held != 0 && held == ticket.sequence) return i;
    if (held != 0) oldest = std::min(oldest, held);
    newest = std::max(newest, held);
  }
  if (ticket.sequence != 0 && ticket.sequence < oldest && newest != 0) {
    return FailureError(absl::StrCat(
        "outputs of submission ", ticket.sequence, " are gone; a ring of ", entries_.size(),
        " keeps submissions ", oldest, " to ", newest, " of this list"));
  }
  return FailureError(
      absl::StrCat("submission ", ticket.sequence, " is none of this list; its last is ", newest));
}

absl::StatusOr<absl::Span<const uint8_t>> SlotRing::Output(size_t entry, size_t slot,
                                                           uint32_t piece) const {
  HYDRA_RETURN_IF_ERROR(Check(slot, piece, SlotDirection::kOut));
  return Bytes(entry, slot, piece);
}

}  // namespace hydra::hal
