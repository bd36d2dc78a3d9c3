#include "dialects/hydra/RopeTable.h"

#include <cmath>

std::vector<float> mlir::hydra::ropeTable(int64_t positions, int64_t headDim, double theta) {
  std::vector<float> frequencies(headDim / 2);
  for (int64_t i = 0; i < headDim / 2; ++i) {
    // Two roundings, as in 1 / theta^(2i/d) evaluated in float32: the exponent, then the power.
    float exponent = static_cast<float>(2 * i) / static_cast<float>(headDim);
    float power = static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    frequencies[i] = 1.0f / power;
  }
  std::vector<float> table(positions * headDim);
  for (int64_t t = 0; t < positions; ++t)
    for (int64_t i = 0; i < headDim / 2; ++i) {
      float angle = static_cast<float>(t) * frequencies[i];
      table[t * headDim + 2 * i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      table[t * headDim + 2 * i + 1] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  return table;
}
