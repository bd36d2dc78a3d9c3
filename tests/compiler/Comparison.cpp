#include "tests/compiler/Comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mlir::hydra::testing {

Deviation compareTensors(const TensorValue& expected, const TensorValue& actual, int64_t rows) {
  Deviation result;
  if (expected.shape() != actual.shape() || expected.kind() != actual.kind()) {
    result.difference = std::numeric_limits<double>::infinity();
    return result;
  }
  int64_t count = rows < 0 ? expected.size() : std::min(rows, expected.rows()) * expected.columns();
  for (int64_t i = 0; i < count; ++i) {
    double a = expected[i], b = actual[i], difference = std::abs(a - b);
    // Infinities of one sign are equal; a value that is not a number is never expected.
    if (a == b && !std::isnan(a)) difference = 0;
    if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
    if (std::isfinite(a)) result.magnitude = std::max(result.magnitude, std::abs(a));
    if (difference > result.difference) {
      result.difference = difference;
      result.index = i;
    }
  }
  return result;
}

}  // namespace mlir::hydra::testing
