// Physical memory of this process, as the operating system counts it.
#ifndef HYDRA_TOOLS_HYDRA_RUN_RESIDENT_BYTES_H_
#define HYDRA_TOOLS_HYDRA_RUN_RESIDENT_BYTES_H_

#include <cstdint>

namespace hydra::tools {

// Code, libraries and mapped files included. 0 where the system does not say.
struct ResidentBytes {
  uint64_t current = 0;
  uint64_t peak = 0;  // since the process started
};

ResidentBytes MeasureResidentBytes();

}  // namespace hydra::tools

#endif  // HYDRA_TOOLS_HYDRA_RUN_RESIDENT_BYTES_H_
