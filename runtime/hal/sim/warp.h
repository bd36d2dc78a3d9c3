// What the 32 lanes of a warp compute together, from what each of them brings: the meaning of PTX
// shfl.sync, vote.sync and mma.sync.
#ifndef HYDRA_RUNTIME_HAL_SIM_WARP_H_
#define HYDRA_RUNTIME_HAL_SIM_WARP_H_

#include <array>
#include <cstdint>

#include "runtime/base/sim_intrinsics.h"

namespace hydra::hal::sim {

inline constexpr uint32_t kWarp = 32;
// Words that a lane brings at most: the fragments of mma.sync.
inline constexpr uint32_t kWords = 10;

enum class Exchange : uint8_t { kBarrier, kShuffle, kBallot, kMultiply };

// One lane's part of an exchange. `words` are replaced by what it gets.
struct LaneWords {
  Exchange exchange = Exchange::kBarrier;
  uint32_t mask = 0;
  int32_t kind = 0;  // SimShuffle or SimProduct
  uint32_t operand = 0, control = 0;
  const char* place = nullptr;
  std::array<uint32_t, kWords> words = {};
};

// Carries out the exchange of the lanes in `mask`, all of which brought the same kind.
void Carry(std::array<LaneWords, kWarp>& lanes, uint32_t mask);

}  // namespace hydra::hal::sim

#endif  // HYDRA_RUNTIME_HAL_SIM_WARP_H_
