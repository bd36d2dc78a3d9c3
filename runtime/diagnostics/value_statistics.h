// What a piece of memory holds, as numbers.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_VALUE_STATISTICS_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_VALUE_STATISTICS_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "runtime/base/command.h"

namespace hydra {

struct ValueStatistics {
  int64_t values = 0, nans = 0, infinities = 0;
  double least = 0, most = 0, mean = 0;  // of the finite ones
  int64_t first_bad = -1;                // element number of the first that is not finite; -1: none

  bool finite() const { return nans == 0 && infinities == 0; }
  double magnitude() const { return least < -most ? -least : most; }
  // "4096 values from -1.2 to 3.4, mean 0.01, 2 NaN, first at 17".
  std::string Text() const;
};

// Of f32, bf16, f64 or i32 elements. In memory of unknown type, given as f32, the words of the
// integers -65536 to -1 (no expert, a target to ignore) count as these: as floats they would be
// NaNs that arithmetic never makes.
ValueStatistics StatisticsOf(absl::Span<const uint8_t> bytes, hal::ElementType type);

// Whether an element is not finite in `after` and had other bits in `before`. Memory may hold such
// values from earlier that nobody reads.
bool BecameNotFinite(absl::Span<const uint8_t> before, absl::Span<const uint8_t> after,
                     hal::ElementType type);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_VALUE_STATISTICS_H_
