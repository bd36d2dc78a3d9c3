// Transforms from Philox bits to normal and bounded values.
#include "runtime/base/philox.h"

#include <cmath>
#include <numbers>

namespace hydra {
namespace {

struct NormalPair {
  float even;
  float odd;
};

// Box-Muller. The half keeps both arguments inside (0, 1), so the logarithm is finite.
NormalPair BoxMuller(uint32_t bits0, uint32_t bits1) {
  const double u0 = (static_cast<double>(bits0) + 0.5) * 0x1.0p-32;
  const double u1 = (static_cast<double>(bits1) + 0.5) * 0x1.0p-32;
  const double radius = std::sqrt(-2.0 * std::log(u0));
  const double angle = 2.0 * std::numbers::pi * u1;
  return {static_cast<float>(radius * std::cos(angle)),
          static_cast<float>(radius * std::sin(angle))};
}

}  // namespace

float Philox::Normal(uint64_t i) const {
  const PhiloxBlock block = Block(static_cast<uint32_t>(i / 4));
  const size_t lane = static_cast<size_t>(i % 4);
  const NormalPair pair = BoxMuller(block[lane & ~size_t{1}], block[lane | 1]);
  return lane % 2 == 0 ? pair.even : pair.odd;
}

uint64_t Philox::Below(uint64_t i, uint64_t bound) const {
  const PhiloxBlock block = Block(static_cast<uint32_t>(i / 2));
  const size_t lane = static_cast<size_t>(i % 2) * 2;
  // bound * bits >> 64 from 32-bit halves, since standard C++ has no 128-bit integer.
  const uint64_t low = bound & 0xFFFFFFFFu;
  const uint64_t high = bound >> 32;
  const uint64_t bits_low = block[lane];
  const uint64_t bits_high = block[lane + 1];
  const uint64_t middle = high * bits_low + (low * bits_low >> 32);
  const uint64_t carry = (middle & 0xFFFFFFFFu) + low * bits_high;
  return high * bits_high + (middle >> 32) + (carry >> 32);
}

void Philox::FillUniform(uint64_t first, float low, float high, absl::Span<float> out) const {
  const float range = high - low;
  for (size_t j = 0; j < out.size(); ++j) out[j] = low + range * Uniform(first + j);
}

void Philox::FillNormal(uint64_t first, float mean, float stddev, absl::Span<float> out) const {
  size_t j = 0;
  // Whole blocks share one Philox call and two transforms; the ends go one by one.
  for (; j < out.size() && (first + j) % 4 != 0; ++j) out[j] = mean + stddev * Normal(first + j);
  for (; j + 4 <= out.size(); j += 4) {
    const PhiloxBlock block = Block(static_cast<uint32_t>((first + j) / 4));
    const NormalPair front = BoxMuller(block[0], block[1]);
    const NormalPair back = BoxMuller(block[2], block[3]);
    out[j] = mean + stddev * front.even;
    out[j + 1] = mean + stddev * front.odd;
    out[j + 2] = mean + stddev * back.even;
    out[j + 3] = mean + stddev * back.odd;
  }
  for (; j < out.size(); ++j) out[j] = mean + stddev * Normal(first + j);
}

}  // namespace hydra
