// Initial values of model.md 12 that are formulas rather than constants.
#ifndef HYDRA_PASSES_LOWERING_INITIALVALUES_H
#define HYDRA_PASSES_LOWERING_INITIALVALUES_H

#include <cstdint>

namespace mlir::hydra {

// Standard deviation of every matrix, embedding and filter.
inline constexpr double kMatrixDeviation = 0.02;

// log(p / (1 - p)) with p clipped to [1e-4, 1 - 1e-4].
double clippedLogit(double probability);

// 1 / sqrt(2 N R): scale of matrices that write into the residual stream, `updates` = N R.
double residualScale(int64_t updates);

// pi_i = 1 - (1 - b_i) / sigma, b_i = 0.2 + 0.3 i / max(1, N - 1): the target of the recursion
// router of block i of N.
double recursionTarget(int64_t block, int64_t blocks, double depthScale);

// sigma: 1 if alpha <= 0 or width <= reference, else min((width / reference)^alpha, maximum).
double depthScale(int64_t width, int64_t reference, double alpha, double maximum);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_LOWERING_INITIALVALUES_H
