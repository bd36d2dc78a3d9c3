#include "runtime/hal/validation/guarded_buffer.h"

#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

constexpr uint8_t kPattern = 0xa5;

using Zone = std::array<uint8_t, GuardedBuffer::kZone>;

// Offset of the first byte that is not the pattern, or kZone.
uint64_t FirstChanged(const Zone& zone) {
  for (uint64_t i = 0; i < zone.size(); ++i) {
    if (zone[i] != kPattern) return i;
  }
  return zone.size();
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
  HYDRA_RETURN_IF_ERROR(device.Fill(*buffer->inner_, 0, kZone, kPattern));
  HYDRA_RETURN_IF_ERROR(device.Fill(*buffer->inner_, kZone + bytes, kZone, kPattern));
  return buffer;
}

absl::Status GuardedBuffer::Check(Device& device) const {
  Zone zone;
  HYDRA_RETURN_IF_ERROR(device.Read(*inner_, 0, absl::MakeSpan(zone)));
  const uint64_t before = FirstChanged(zone);
  if (before < kZone) {
    return FailureError(absl::StrCat("wrote ", static_cast<int>(zone[before]), " to a byte ",
                                     kZone - before, " bytes before the start of ", purpose_));
  }
  HYDRA_RETURN_IF_ERROR(device.Read(*inner_, kZone + bytes_, absl::MakeSpan(zone)));
  const uint64_t after = FirstChanged(zone);
  if (after < kZone) {
    return FailureError(absl::StrCat("wrote ", static_cast<int>(zone[after]), " to a byte ", after,
                                     " bytes after the end of ", purpose_, " (", bytes_,
                                     " bytes)"));
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal
