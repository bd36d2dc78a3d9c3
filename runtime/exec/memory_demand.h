// Will the memory that recorded lists touch be there? Regions are mapped and not yet touched when
// this is asked: answering now is an error message, finding out later is being killed.
#ifndef HYDRA_RUNTIME_EXEC_MEMORY_DEMAND_H_
#define HYDRA_RUNTIME_EXEC_MEMORY_DEMAND_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "runtime/base/available_memory.h"
#include "runtime/base/status.h"
#include "runtime/hal/command.h"

namespace hydra {

// Grows with every list. Of an artifact's memory only what its lists refer to counts: generating
// with the artifact of a large training run touches a small part of its arena.
class MemoryDemand {
 public:
  MemoryDemand() = default;
  // `available`: before any region was touched. `obtained`: bytes of every region.
  MemoryDemand(AvailableMemory available, const std::array<uint64_t, hal::kRegionCount>& obtained)
      : available_(std::move(available)), obtained_(obtained) {}

  // Adds what the commands refer to; inputs, outputs, record and scratch, which exist once per
  // micro-batch or worker, as a whole.
  void Add(const hal::CommandSequence& commands) { Add(commands, 1); }

  // Bytes that all lists so far touch.
  uint64_t bytes() const;

  // Out of memory if they are more than what was available: says what is needed for what, what
  // there is, and which flag makes the largest part smaller. `label` names the list.
  absl::Status Check(absl::string_view label) const;

 private:
  // `iterations`: of the innermost repeat around them.
  void Add(const hal::CommandSequence& commands, uint64_t iterations);
  void Touch(const hal::BufferRef& ref, uint64_t iterations);

  AvailableMemory available_;
  std::array<uint64_t, hal::kRegionCount> obtained_{};
  std::array<uint64_t, hal::kRegionCount> touched_{};  // from the start of each region
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_MEMORY_DEMAND_H_
