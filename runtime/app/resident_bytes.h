// Physical memory of this process, as the operating system counts it.
#ifndef HYDRA_RUNTIME_APP_RESIDENT_BYTES_H_
#define HYDRA_RUNTIME_APP_RESIDENT_BYTES_H_

#include <cstdint>

namespace hydra::app {

// Code, libraries and mapped files included. 0 where the system does not say.
struct ResidentBytes {
  uint64_t current = 0;
  uint64_t peak = 0;  // since the process started
};

ResidentBytes MeasureResidentBytes();

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_RESIDENT_BYTES_H_
