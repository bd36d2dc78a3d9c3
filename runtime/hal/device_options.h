// What a driver is told when it is made.
#ifndef HYDRA_RUNTIME_HAL_DEVICE_OPTIONS_H_
#define HYDRA_RUNTIME_HAL_DEVICE_OPTIONS_H_

#include <string>

namespace hydra::hal {

struct DeviceOptions {
  // Workers; 0 takes every processor this process may use. Results do not depend on it.
  int threads = 0;
  // Puts the checking layer of runtime/hal/validation around the device (`--validate`).
  bool validate = false;
  // Device cpu: names its kernels for perf(1), in /tmp/perf-PID.map.
  bool perf_map = false;
  // Device sim: the driver it has, a profile of runtime/hal/sim/driver_profile.h; "": the newest.
  std::string sim_driver = {};
};

}  // namespace hydra::hal

#endif  // HYDRA_RUNTIME_HAL_DEVICE_OPTIONS_H_
