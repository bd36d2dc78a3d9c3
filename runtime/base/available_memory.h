// How much memory this process can still use before the system ends it: the least of what the
// machine has free and what every control group above the process leaves.
#ifndef HYDRA_RUNTIME_BASE_AVAILABLE_MEMORY_H_
#define HYDRA_RUNTIME_BASE_AVAILABLE_MEMORY_H_

#include <cstdint>
#include <string>

namespace hydra {

struct AvailableMemory {
  uint64_t bytes = UINT64_MAX;
  std::string bound = "no known limit";  // what bounds it, for messages
};

// Reads MemAvailable and SwapFree, and the limits of control groups of version 1 and 2, whichever
// are there. Page cache counts as available, since the system gives it up first. `root` is where
// /proc and /sys are, for tests. What cannot be read bounds nothing.
AvailableMemory FindAvailableMemory(const std::string& root = "");

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_AVAILABLE_MEMORY_H_
