// A device that is as unlike the cpu as the interface allows, around one that is not: nobody sees
// its memory, its work starts late on another thread, and memory of a ring is poisoned as soon as
// the interface stops promising what it holds. What works on it needs no luck on a GPU.
#ifndef HYDRA_TESTS_HAL_LATE_DEVICE_H_
#define HYDRA_TESTS_HAL_LATE_DEVICE_H_

#include <memory>

#include "runtime/hal/device.h"

namespace hydra::hal {

std::unique_ptr<Device> MakeLateDevice(std::unique_ptr<Device> inner);

}  // namespace hydra::hal

#endif  // HYDRA_TESTS_HAL_LATE_DEVICE_H_
