// What many floating-point values come to: what the checks of weights, outputs and gradients judge.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_FLOAT_STATISTICS_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_FLOAT_STATISTICS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace hydra {

struct FloatStatistics {
  int64_t values = 0, not_finite = 0, zeros = 0;
  // Of the finite ones; 0 if there are none. The deviation is that of the values themselves, the
  // norm is the 2-norm.
  double least = 0, most = 0, mean = 0, deviation = 0, norm = 0;
  double mean_magnitude = 0;  // of those that are not zero

  double magnitude() const { return least < -most ? -least : most; }
};

// Sums in float64, in order: the same values give the same bits.
FloatStatistics StatisticsOfFloats(absl::Span<const float> values);

// The mean of |after - before| over that of |before|; both have the same size.
double RelativeChange(absl::Span<const float> before, absl::Span<const float> after);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_FLOAT_STATISTICS_H_
