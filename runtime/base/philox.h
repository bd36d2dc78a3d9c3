// Counter-based random numbers: Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011). Value i of a stream is a pure function of (seed, stream, step, i): no
// state, any order, any number of threads, the same on every device.
//
// Layout, which stored seeds and every device's kernels rely on:
//   key     = { seed low, seed high }
//   counter = { block, step, stream low, stream high },   block = i / 4, lane = i % 4
// A stream names the use ("init:layers.0.attn.q.weight", "data", "moe_noise:1"); Hash64(name)
// makes its id. One (seed, stream, step) has 2^34 values.
#ifndef HYDRA_RUNTIME_BASE_PHILOX_H_
#define HYDRA_RUNTIME_BASE_PHILOX_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace hydra {

using PhiloxBlock = std::array<uint32_t, 4>;

// The cipher's constants, for kernels that compute it themselves.
inline constexpr int kPhiloxRounds = 10;
inline constexpr std::array<uint32_t, 2> kPhiloxMultipliers = {0xD2511F53, 0xCD9E8D57};
inline constexpr std::array<uint32_t, 2> kPhiloxKeySteps = {0x9E3779B9, 0xBB67AE85};

// The raw bijection; the known-answer vectors of Random123 hold for it.
constexpr PhiloxBlock Philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kPhiloxMultipliers[0]} * counter[0];
    const uint64_t product1 = uint64_t{kPhiloxMultipliers[1]} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key = {key[0] + kPhiloxKeySteps[0], key[1] + kPhiloxKeySteps[1]};
  }
  return counter;
}

// Random access to one stream. Immutable, so any number of threads may share it.
class Philox {
 public:
  constexpr Philox(uint64_t seed, uint64_t stream, uint32_t step = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        stream_(stream),
        step_(step) {}

  constexpr PhiloxBlock Block(uint32_t block) const {
    return Philox4x32(
        {block, step_, static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)}, key_);
  }

  // 32 random bits, i < 2^34.
  constexpr uint32_t Bits(uint64_t i) const {
    return Block(static_cast<uint32_t>(i / 4))[static_cast<size_t>(i % 4)];
  }

  // Uniform in [0, 1): the top 24 bits times 2^-24, so every value is exact in float32.
  constexpr float Uniform(uint64_t i) const {
    return static_cast<float>(Bits(i) >> 8) * 0x1.0p-24f;
  }

  // Standard normal by Box-Muller on the pair of lanes (2j, 2j+1) that i falls into, in float64,
  // rounded once: with u = (bits + 1/2) 2^-32 of the two lanes,
  //   even lane: sqrt(-2 ln u0) cos(2 pi u1),   odd lane: sqrt(-2 ln u0) sin(2 pi u1).
  // |value| < 6.8. log, sin and cos are libm's, which is why a checkpoint names library versions.
  float Normal(uint64_t i) const;

  // Uniform integer in [0, bound), bound >= 1: the high word of bound times 64 random bits (values
  // 2i and 2i+1), i < 2^33. The bias is below bound / 2^64.
  uint64_t Below(uint64_t i, uint64_t bound) const;

  // out[j] = low + (high - low) * Uniform(first + j).
  void FillUniform(uint64_t first, float low, float high, absl::Span<float> out) const;

  // out[j] = mean + stddev * Normal(first + j).
  void FillNormal(uint64_t first, float mean, float stddev, absl::Span<float> out) const;

 private:
  std::array<uint32_t, 2> key_;
  uint64_t stream_;
  uint32_t step_;
};

}  // namespace hydra

#endif  // HYDRA_RUNTIME_BASE_PHILOX_H_
