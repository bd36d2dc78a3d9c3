#include "runtime/diagnostics/float_statistics.h"

#include <algorithm>
#include <cmath>

namespace hydra {

FloatStatistics StatisticsOfFloats(absl::Span<const float> values) {
  FloatStatistics result;
  result.values = static_cast<int64_t>(values.size());
  double sum = 0, squares = 0, magnitudes = 0;
  int64_t finite = 0;
  for (const float element : values) {
    const double value = element;
    if (!std::isfinite(value)) {
      ++result.not_finite;
      continue;
    }
    result.zeros += value == 0;
    result.least = finite == 0 ? value : std::min(result.least, value);
    result.most = finite == 0 ? value : std::max(result.most, value);
    sum += value;
    squares += value * value;
    magnitudes += std::abs(value);
    ++finite;
  }
  if (finite == 0) return result;
  const double count = static_cast<double>(finite);
  result.mean = sum / count;
  result.norm = std::sqrt(squares);
  // In a second pass: the difference of two large sums would be noise where values hardly differ.
  double distances = 0;
  for (const float element : values) {
    const double distance = static_cast<double>(element) - result.mean;
    if (std::isfinite(element)) distances += distance * distance;
  }
  result.deviation = std::sqrt(distances / count);
  if (finite > result.zeros) {
    result.mean_magnitude = magnitudes / static_cast<double>(finite - result.zeros);
  }
  return result;
}

double RelativeChange(absl::Span<const float> before, absl::Span<const float> after) {
  double change = 0, size = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    change += std::abs(static_cast<double>(after[i]) - before[i]);
    size += std::abs(static_cast<double>(before[i]));
  }
  return size > 0 ? change / size : change;
}

}  // namespace hydra
