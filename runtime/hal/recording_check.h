// Checks of recordings that every driver makes, beside those of their commands (command_check.h).
#ifndef HYDRA_RUNTIME_HAL_RECORDING_CHECK_H_
#define HYDRA_RUNTIME_HAL_RECORDING_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "runtime/hal/device.h"

namespace hydra::hal {

// Bytes by which a region moves from one run of a repeated recording to the next.
uint64_t StrideOf(const Recording& recording, Region region);

// OK if every region of every run lies in its buffer and starts at a multiple of 64 bytes, and
// there is at least one run. A failure names the region.
absl::Status CheckRecording(const Recording& recording);

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_RECORDING_CHECK_H_
