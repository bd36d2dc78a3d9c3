// How much of the planned arena holds values while an entry runs.
#ifndef HYDRA_RUNTIME_APP_MEMORY_TIMELINE_H_
#define HYDRA_RUNTIME_APP_MEMORY_TIMELINE_H_

#include <cstdint>
#include <vector>

#include "runtime/artifact/artifact.h"

namespace hydra::app {

struct MemoryTimeline {
  // Of every command of the entry's body (top level): bytes of the arena that hold a value while it
  // runs, from the plan's own liveness.
  std::vector<uint64_t> live;
  uint64_t peak = 0;
  size_t peak_command = 0;
};

// Bytes are alive from the command that first touches them to the last that does, less what the
// planner declares dead in between.
MemoryTimeline TimelineOf(const artifact::EntryInfo& entry);

}  // namespace hydra::app

#endif  // HYDRA_RUNTIME_APP_MEMORY_TIMELINE_H_
