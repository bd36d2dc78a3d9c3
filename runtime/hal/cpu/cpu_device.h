// The cpu driver: kernels compiled ahead of time, matmuls from oneDNN on planned tile shapes, an own
// thread pool.
//
// Floating point: the environment of the calling thread is left alone (round to nearest, subnormals kept:
// neither FTZ nor DAZ is set), so that results equal the interpreter's on subnormal values too.
//
// Submit runs the list to its end on the calling thread and the pool's; Wait only reports.
#ifndef HYDRA_RUNTIME_HAL_CPU_CPU_DEVICE_H_
#define HYDRA_RUNTIME_HAL_CPU_CPU_DEVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cpu {

// `threads` >= 1 workers, the submitting thread included; 0 takes every processor this process may use.
// InvalidArgument for a negative number or more than 1024.
absl::StatusOr<std::unique_ptr<Device>> CreateCpuDevice(int threads);

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_CPU_DEVICE_H_
