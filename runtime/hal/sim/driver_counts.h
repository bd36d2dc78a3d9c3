// What a program asked of the simulated driver.
#ifndef HYDRA_RUNTIME_HAL_SIM_DRIVER_COUNTS_H_
#define HYDRA_RUNTIME_HAL_SIM_DRIVER_COUNTS_H_

#include <cstdint>

namespace hydra::hal::sim {

struct DriverCounts {
  uint64_t graph_launches = 0, graph_nodes = 0;   // nodes: of the graphs launched
  uint64_t kernel_launches = 0;                   // outside of graphs
  uint64_t host_copies = 0, host_copy_bytes = 0;  // to the host
  uint64_t waits = 0;                             // of the host, for streams and events
  uint64_t allocations = 0;                       // of memory, host and device
  char broken[256] = {};                          // the first rule that was broken; empty: none
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_DRIVER_COUNTS_H_
