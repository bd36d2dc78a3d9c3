// Runs one kernel launch: blocks one after the other, the threads of a block as fibres that take
// turns at barriers and exchanges of their warp.
#ifndef HYDRA_RUNTIME_HAL_SIM_SIMULATOR_H_
#define HYDRA_RUNTIME_HAL_SIM_SIMULATOR_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime/base/command.h"
#include "runtime/base/sim_intrinsics.h"
#include "runtime/hal/sim/fibers.h"
#include "runtime/hal/sim/memory_ranges.h"
#include "runtime/hal/sim/shared_memory.h"
#include "runtime/hal/sim/warp.h"

namespace hydra::hal::sim {

// In which order blocks, warps and lanes get their turns. A correct kernel does the same in all.
enum class Order : uint8_t {
  kTogether,  // all warps advance to their next exchange, the first ones first
  kGreedy,    // the last warp runs until it needs the others, last lanes and blocks first
};

struct Launch {
  std::string name;  // of the kernel, for messages
  KernelFunction function = nullptr;
  void* const* args = nullptr;
  KernelContext context = {};  // its intrinsics are those of the simulator
  LaunchGeometry geometry;
  // Threads at and beyond this one do not run; for launches by items.
  uint64_t threads = ~uint64_t{0};
  const MemoryRanges* ranges = nullptr;  // null: accesses are not checked
};

class Simulator : private SimIntrinsics {
 public:
  Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  // A failure says kernel, place and threads: an access outside of what the launch was given or
  // badly aligned, a race in shared memory, threads that wait for others which never come.
  absl::Status Run(const Launch& launch, Order order);

 private:
  enum class State : uint8_t { kReady, kAtBarrier, kInWarp, kDone };
  struct Thread {
    State state = State::kReady;
    const char* place = nullptr;  // where it waits
    uint32_t block_barriers = 0, warp_barriers = 0;
  };
  struct Warp {
    uint32_t waiting = 0;  // lanes in an exchange
    std::array<LaneWords, kWarp> lanes;
  };

  static Simulator& Of(const SimIntrinsics* self) {
    return *const_cast<Simulator*>(static_cast<const Simulator*>(self));
  }
  static void RunThread(void* self, uint32_t thread);
  absl::Status RunBlock();
  // Runs the lanes of a warp that can run and completes its exchange; whether anything happened.
  bool Advance(uint32_t warp);
  bool Exchange(uint32_t warp);
  bool ReleaseBarrier();
  absl::Status Stuck() const;
  uint32_t LanesOf(uint32_t warp) const;
  std::string NameOf(uint32_t thread) const;

  // From inside a thread.
  uint32_t Wait(LaneWords words);
  void Check(const void* address, uint64_t bytes, int32_t kind, const char* place);
  // Ends the launch; does not return.
  void Fail(const char* place, std::string what);

  Fibers fibers_;
  SharedMemory shared_;
  const Launch* launch_ = nullptr;
  Order order_ = Order::kTogether;
  uint32_t threads_ = 0;  // of a block
  std::array<uint32_t, 3> block_ = {};
  uint64_t block_number_ = 0;
  std::vector<Thread> states_;
  std::vector<Warp> warps_;
  absl::Status failure_;
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_SIMULATOR_H_
