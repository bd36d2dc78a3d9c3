// The sim driver: the CUDA target's kernels on this processor, to prove them where there is no GPU.
//
// Every launch runs twice from the same memory, under two orders of blocks, warps and lanes
// (simulator.h), and must leave the same bytes. Reported with kernel and place: accesses outside of
// what a launch was given, badly aligned ones, races in shared memory, reads of shared memory that
// nobody wrote, barriers and exchanges that not all threads come to.
//
// It does not prove: speed, registers and spills, the memory model between blocks, the rounding of
// approximate instructions, anything of a real driver or library. Matmul commands are carried out
// by their definition (library_matmul.h), in place of a library.
#ifndef HYDRA_RUNTIME_HAL_SIM_SIM_DEVICE_H_
#define HYDRA_RUNTIME_HAL_SIM_SIM_DEVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/hal/device.h"

namespace hydra::hal::sim {

// A failure if the system refuses to start a thread.
absl::StatusOr<std::unique_ptr<Device>> CreateSimDevice();

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_SIM_DEVICE_H_
