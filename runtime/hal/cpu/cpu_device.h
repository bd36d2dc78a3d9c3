// The cpu driver: kernels compiled ahead of time, matmuls from oneDNN on planned tile shapes, an
// own thread pool.
//
// Floating point: the environment of its threads is the one they start with (round to nearest,
// subnormals kept: neither FTZ nor DAZ is set), so that results equal the interpreter's on
// subnormal values too.
//
// Submissions run in order on a thread of the device, which is worker 0 of the pool.
#ifndef HYDRA_RUNTIME_HAL_CPU_CPU_DEVICE_H_
#define HYDRA_RUNTIME_HAL_CPU_CPU_DEVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/hal/device.h"

namespace hydra::hal::cpu {

// `threads` >= 1 workers; 0 takes every processor this process may use. A usage error for a
// negative number or more than 1024; a failure if the system refuses to start them. `perf_map`: see
// DeviceOptions.
absl::StatusOr<std::unique_ptr<Device>> CreateCpuDevice(int threads, bool perf_map);

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_CPU_DEVICE_H_
