// The layer behind `--validate`: a device around a device that runs one command at a time and
// checks each.
//
//   * the arena is filled with NaN (all bits set) before each run of a recording, and every
//     DeadRange before its command, so that a read of something never written shows in the results;
//   * every buffer has a red zone on both sides, compared after each command;
//   * buffers of one kernel command may be equal or disjoint; where they overlap in part, the
//     shared bytes are compared before and after: a kernel may read such bytes, not write them.
//
// An error is a failure that names the recording, the command with its kernel and scope, and the
// bytes. It costs much time and some memory. Submit returns when the work is done.
#ifndef HYDRA_RUNTIME_HAL_VALIDATION_VALIDATING_DEVICE_H_
#define HYDRA_RUNTIME_HAL_VALIDATION_VALIDATING_DEVICE_H_

#include <memory>

#include "runtime/hal/device.h"

namespace hydra::hal {

std::unique_ptr<Device> WithValidation(std::unique_ptr<Device> device);

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_VALIDATION_VALIDATING_DEVICE_H_
