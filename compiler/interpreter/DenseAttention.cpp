#include "compiler/interpreter/DenseAttention.h"

#include "compiler/interpreter/ParallelFor.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::hydra;

void mlir::hydra::rotatePairs(TensorValue &x, int64_t length, int64_t headWidth,
                              const std::vector<float> &table) {
  for (int64_t row = 0; row < x.rows(); ++row)
    for (int64_t c = 0; c < x.columns(); c += 2) {
      const float *angle = table.data() + row % length * headWidth + c % headWidth;
      double even = x.row(row)[c], odd = x.row(row)[c + 1];
      x.row(row)[c] = even * angle[0] - odd * angle[1];
      x.row(row)[c + 1] = even * angle[1] + odd * angle[0];
    }
}

TensorValue mlir::hydra::attendCausally(const TensorValue &q, const TensorValue &k,
                                        const TensorValue &v, const AttentionHeads &sizes) {
  TensorValue result(q.kind(), q.shape());
  int64_t width = sizes.headWidth;
  double scale = 1.0 / std::sqrt(static_cast<double>(width));
  parallelFor(sizes.batch * sizes.heads, 1, [&](int64_t begin, int64_t end) {
    std::vector<double> weights(sizes.length);
    for (int64_t item = begin; item < end; ++item) {
      int64_t first = item / sizes.heads * sizes.length, h = item % sizes.heads;
      int64_t kvHead = h / (sizes.heads / sizes.kvHeads);
      for (int64_t t = 0; t < sizes.length; ++t) {
        const double *query = q.row(first + t) + h * width;
        double maximum = -INFINITY, sum = 0.0;
        for (int64_t u = 0; u <= t; ++u) {
          const double *key = k.row(first + u) + kvHead * width;
          double score = 0.0;
          for (int64_t c = 0; c < width; ++c)
            score += query[c] * key[c];
          weights[u] = score * scale;
          maximum = std::max(maximum, weights[u]);
        }
        for (int64_t u = 0; u <= t; ++u)
          sum += weights[u] = std::exp(weights[u] - maximum);
        double *out = result.row(first + t) + h * width;
        for (int64_t u = 0; u <= t; ++u)
          for (int64_t c = 0; c < width; ++c)
            out[c] += weights[u] / sum * v.row(first + u)[kvHead * width + c];
      }
    }
  });
  return result;
}
