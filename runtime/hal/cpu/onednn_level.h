// Holds oneDNN to the instruction-set level of the kernels that run beside it, so that the results
// of an artifact depend on its level and not on what else the processor could do. The library is
// told once per process, before anything else uses it; its environment variables have no say.
#ifndef HYDRA_RUNTIME_HAL_CPU_ONEDNN_LEVEL_H_
#define HYDRA_RUNTIME_HAL_CPU_ONEDNN_LEVEL_H_

#include <string>

#include "absl/status/status.h"
#include "runtime/base/cpu_level.h"

namespace hydra::hal::cpu {

// Thread-safe. A usage error, with both names and what to do, if the process is held to another
// level already; an input error if the library does not reach this one here.
absl::Status HoldOneDnn(const CpuLevel& level);

// "2.6.3".
std::string OneDnnVersion();

}  // namespace hydra::hal::cpu

#endif  // HYDRA_RUNTIME_HAL_CPU_ONEDNN_LEVEL_H_
