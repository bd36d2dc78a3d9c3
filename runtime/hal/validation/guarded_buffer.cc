#include "runtime/hal/validation/guarded_buffer.h"

#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

constexpr uint8_t kPattern = 0xa5;

// Offset of the first byte that is not the pattern, or kZone.
uint64_t FirstChanged(const uint8_t* zone) {
  for (uint64_t i = 0; i < GuardedBuffer::kZone; ++i) {
    if (zone[i] != kPattern) return i;
  }
  return GuardedBuffer::kZone;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GuardedBuffer>> GuardedBuffer::Create(Device& device, uint64_t bytes,
                                                                     absl::string_view purpose) {
  if (bytes > std::numeric_limits<uint64_t>::max() - 2 * kZone) {
    return OutOfMemoryError(absl::StrCat("no memory for ", purpose));
  }
  std::unique_ptr<GuardedBuffer> buffer(new GuardedBuffer);
  HYDRA_ASSIGN_OR_RETURN(buffer->inner_, device.Allocate(bytes + 2 * kZone, purpose));
  buffer->bytes_ = bytes;
  buffer->purpose_ = std::string(purpose);
  uint8_t* data = buffer->inner_->host_data();
  if (data == nullptr) {
    return FailureError(absl::StrCat("--validate needs memory that the host can see; device ",
                                     device.name(), " has none"));
  }
  std::memset(data, kPattern, kZone);
  std::memset(data + kZone + bytes, kPattern, kZone);
  return buffer;
}

absl::Status GuardedBuffer::Check() const {
  const uint8_t* data = inner_->host_data();
  const uint64_t before = FirstChanged(data);
  if (before < kZone) {
    return FailureError(absl::StrCat("wrote ", static_cast<int>(data[before]), " to a byte ",
                                     kZone - before, " bytes before the start of ", purpose_));
  }
  const uint8_t* tail = data + kZone + bytes_;
  const uint64_t after = FirstChanged(tail);
  if (after < kZone) {
    return FailureError(absl::StrCat("wrote ", static_cast<int>(tail[after]), " to a byte ", after,
                                     " bytes after the end of ", purpose_, " (", bytes_,
                                     " bytes)"));
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal
