// Shared memory of one simulated block: poisoned at its start, and every byte remembers who touched
// it since the last barrier.
#ifndef HYDRA_RUNTIME_HAL_SIM_SHARED_MEMORY_H_
#define HYDRA_RUNTIME_HAL_SIM_SHARED_MEMORY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace hydra::hal::sim {

// Static shared memory of a block on every architecture.
inline constexpr uint64_t kSharedBytes = 48 << 10;

// Who accesses: a thread, after so many barriers of its block and of its warp.
struct Accessor {
  uint32_t thread = 0;
  uint32_t block_barriers = 0;
  uint32_t warp_barriers = 0;
};

class SharedMemory {
 public:
  SharedMemory() : bytes_(kSharedBytes), shadow_(kSharedBytes) {}

  // A new block: everything is NaN and was written by nobody.
  void Poison();
  uint8_t* data() { return bytes_.data(); }
  // Whether the address is one of this memory.
  bool Contains(const void* address) const;

  // Notes an access to bytes inside. What is wrong with it, or empty: a race with a thread that no
  // barrier separates, a read of what nobody wrote.
  std::string Access(const void* address, uint64_t bytes, bool write, const Accessor& who);

 private:
  static constexpr uint32_t kNobody = ~uint32_t{0};
  struct Shadow {
    Accessor writer{kNobody};
    Accessor readers[2] = {{kNobody}, {kNobody}};  // two different ones since the last barrier
  };
  // Whether a barrier lies between `earlier` and `now`, or they are one thread.
  static bool Ordered(const Accessor& earlier, const Accessor& now);

  alignas(64) std::vector<uint8_t> bytes_;
  std::vector<Shadow> shadow_;
  uint64_t touched_ = 0;  // bytes from the start on that are to be poisoned again
};

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_SHARED_MEMORY_H_
