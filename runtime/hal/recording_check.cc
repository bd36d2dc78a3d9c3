#include "runtime/hal/recording_check.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/command_check.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

absl::Status CheckRegion(const Recording& recording, Region region) {
  using Wide = unsigned __int128;
  const RegionBinding& binding = recording.regions[static_cast<int>(region)];
  const uint64_t size = binding.buffer == nullptr ? 0 : binding.buffer->bytes();
  const uint64_t stride = StrideOf(recording, region);
  const Wide end = Wide{binding.offset} + Wide{recording.repeat - 1} * stride + binding.bytes;
  if (binding.offset > size || end > size) {
    return FailureError(
        absl::StrCat("region ", RegionName(region), " is bound to bytes [", binding.offset, ", ",
                     binding.offset + binding.bytes, ") of a buffer of ", size, " bytes",
                     recording.repeat == 1
                         ? ""
                         : absl::StrCat(", ", recording.repeat, " times at a stride of ", stride)));
  }
  if (binding.offset % 64 != 0 || stride % 64 != 0) {
    return FailureError(absl::StrCat("region ", RegionName(region), " is bound at offset ",
                                     binding.offset, " and stride ", stride,
                                     ", expected multiples of 64"));
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t StrideOf(const Recording& recording, Region region) {
  switch (region) {
    case Region::kInputs:
      return recording.input_stride;
    case Region::kOutputs:
      return recording.output_stride;
    case Region::kRecord:
      return recording.record_stride;
    default:
      return 0;
  }
}

absl::Status CheckRecording(const Recording& recording) {
  if (recording.commands == nullptr) {
    return FailureError("a recording needs commands");
  }
  if (recording.repeat < 1) {
    return FailureError("a recording runs at least once, found repeat 0");
  }
  for (int i = 0; i < kRegionCount; ++i) {
    HYDRA_RETURN_IF_ERROR(CheckRegion(recording, static_cast<Region>(i)));
  }
  return absl::OkStatus();
}

}  // namespace hydra::hal
