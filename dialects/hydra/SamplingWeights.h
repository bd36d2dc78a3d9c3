// The arithmetic of hydra.sample's weights, step by step, so that every implementation has the same
// bits: float64, each operation rounded once (IEEE 754), products fused only where fma is written.
//
//   scale = kLog2E / temperature             temperature widened from float32
//   y     = max((l - max) * scale, kLowest)  l and max widened from float32
//   n     = y rounded to the nearest integer, ties to even;   f = y - n
//   p     = kExp2[10], then p = fma(p, f, kExp2[k]) for k = 9 .. 0: 2^f within 10^-12
//   w     = p * 2^(n + kWeightBits), rounded to the nearest integer, ties to even
//
// w of the most likely token is 2^40; sums of 2^22 of them fit an int64.
//
// Of a total weight, top_p (widened to float64) keeps ceil(top_p * total), the total rounded to
// float64, at least 1 and at most the total.
#ifndef HYDRA_DIALECTS_HYDRA_SAMPLINGWEIGHTS_H
#define HYDRA_DIALECTS_HYDRA_SAMPLINGWEIGHTS_H

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mlir::hydra {

inline constexpr int64_t kWeightBits = 40;
inline constexpr double kLog2E = 0x1.71547652b82fep+0;
// Below it weights are 0.
inline constexpr double kLowestExponent = -64.0;
// ln(2)^k / k!
inline constexpr double kExp2Coefficients[] = {
    0x1.0000000000000p+0,  0x1.62e42fefa39efp-1,  0x1.ebfbdff82c58fp-3,  0x1.c6b08d704a0c0p-5,
    0x1.3b2ab6fba4e77p-7,  0x1.5d87fe78a6731p-10, 0x1.430912f86c787p-13, 0x1.ffcbfc588b0c7p-17,
    0x1.62c0223a5c824p-20, 0x1.b5253d395e7c4p-24, 0x1.e4cf5158b8ecap-28};

inline int64_t nucleusWeight(float topP, int64_t total) {
  double wanted = std::ceil(static_cast<double>(topP) * static_cast<double>(total));
  if (!(wanted >= 1))
    return 1;
  return wanted >= static_cast<double>(total) ? total : static_cast<int64_t>(wanted);
}

// The last word of the Philox counter of hydra.sample: what its random numbers are for ("SAMP").
inline constexpr uint32_t kSampleStream = 0x53414D50;

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_SAMPLINGWEIGHTS_H
