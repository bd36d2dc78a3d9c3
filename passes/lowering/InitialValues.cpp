#include "passes/lowering/InitialValues.h"

#include <algorithm>
#include <cmath>

namespace mlir::hydra {

double clippedLogit(double probability) {
  double p = std::clamp(probability, 1e-4, 1 - 1e-4);
  return std::log(p / (1 - p));
}

double residualScale(int64_t updates) {
  return 1.0 / std::sqrt(2.0 * static_cast<double>(updates));
}

double recursionTarget(int64_t block, int64_t blocks, double depthScale) {
  double base = 0.2 + 0.3 * static_cast<double>(block) /
                          static_cast<double>(std::max<int64_t>(1, blocks - 1));
  return 1.0 - (1.0 - base) / depthScale;
}

double depthScale(int64_t width, int64_t reference, double alpha, double maximum) {
  if (alpha <= 0 || width <= reference)
    return 1.0;
  return std::min(std::pow(static_cast<double>(width) / static_cast<double>(reference), alpha),
                  maximum);
}

} // namespace mlir::hydra
