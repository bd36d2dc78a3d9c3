// The sim driver: device cuda over the simulated driver (driver_functions.h), with the CUDA
// target's kernels compiled for this processor, to prove both where there is no GPU.
//
// Every launch runs twice from the same memory, under two orders of blocks, warps and lanes
// (simulator.h), and must leave the same bytes. Reported with kernel and place: accesses outside of
// what a launch was given, badly aligned ones, races in shared memory, reads of shared memory that
// nobody wrote, barriers and exchanges that not all threads come to. Rules of the driver API that
// are broken are reported with its own error codes.
//
// It does not prove: speed, registers and spills, the memory model between blocks, the rounding of
// approximate instructions, anything of a library, and of a driver nothing beyond the rules that
// are modelled. Matmul commands are carried out by their definition (library_matmul.h), in place of
// a library.
#ifndef HYDRA_RUNTIME_HAL_SIM_SIM_DEVICE_H_
#define HYDRA_RUNTIME_HAL_SIM_SIM_DEVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/hal/device.h"
#include "runtime/hal/sim/driver_counts.h"

namespace hydra::hal::sim {

// `driver`: a profile of driver_profile.h; "" is the newest. A usage error for another.
absl::StatusOr<std::unique_ptr<Device>> CreateSimDevice(absl::string_view driver = "");

// What was asked of the driver of a device that CreateSimDevice made; null for another.
const DriverCounts* CountsOf(const Device& device);

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_SIM_DEVICE_H_
