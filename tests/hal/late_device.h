// A device that is as unlike the cpu as the interface allows, around one that is not: nobody sees
// its memory, its work starts late on another thread, and memory of a ring is poisoned as soon as
// the interface stops promising what it holds. What works on it needs no luck on a GPU.
#ifndef HYDRA_TESTS_HAL_LATE_DEVICE_H_
#define HYDRA_TESTS_HAL_LATE_DEVICE_H_

#include <cstddef>
#include <memory>
#include <semaphore>

#include "runtime/hal/device.h"

namespace hydra::hal {

// Each submission takes one before it starts: whoever holds them back sees what waits for what.
using Permits = std::counting_semaphore<>;

// `permits`: null for as many as are wanted; must outlive the device otherwise.
std::unique_ptr<Device> MakeLateDevice(std::unique_ptr<Device> inner, Permits* permits = nullptr);

}  // namespace hydra::hal

#endif  // HYDRA_TESTS_HAL_LATE_DEVICE_H_
