// The float64 matrix product against the plain triple loop, and its independence of how rows are
// split.
#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "compiler/interpreter/MatrixProduct.h"
#include "gtest/gtest.h"

using namespace mlir::hydra;

namespace {

std::vector<double> randomValues(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<double> values(count);
  for (double& value : values) value = generator() / 2147483648.0 - 1.0;
  return values;
}

TEST(MatrixProduct, AgreesWithTheTripleLoop) {
  for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                         {7, 17, 3},
                         {6, 16, 256},
                         {61, 33, 257},
                         {130, 1030, 20},
                         {3, 5, 600},
                         {0, 4, 4},
                         {4, 4, 0}}) {
    std::vector<double> a = randomValues(m * k, 1), b = randomValues(k * n, 2);
    std::vector<double> c(m * n, 0.5), transposed(m * n, 0.5);
    addMatrixProduct(m, n, k, {a.data(), k, 1}, {b.data(), n, 1}, c.data(), n);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0.5;
        for (int64_t l = 0; l < k; ++l) sum += a[i * k + l] * b[l * n + j];
        ASSERT_NEAR(c[i * n + j], sum, 1e-12)
            << m << "x" << n << "x" << k << " at " << i << "," << j;
      }
  }
}

TEST(MatrixProduct, EveryRowIsTheSameHoweverRowsAreSplit) {
  constexpr int64_t m = 200, n = 150, k = 500;
  std::vector<double> a = randomValues(m * k, 3), b = randomValues(k * n, 4);
  std::vector<double> whole(m * n), parts(m * n);
  addMatrixProduct(m, n, k, {a.data(), k, 1}, {b.data(), n, 1}, whole.data(), n);
  for (int64_t begin = 0, size = 1; begin < m; begin += size++) {
    int64_t rows = std::min(size, m - begin);
    addMatrixProductSerial(rows, n, k, {a.data() + begin * k, k, 1}, {b.data(), n, 1},
                           parts.data() + begin * n, n);
  }
  EXPECT_EQ(whole, parts);
}

TEST(MatrixProduct, StridesTranspose) {
  constexpr int64_t m = 9, n = 20, k = 31;
  std::vector<double> a = randomValues(m * k, 5), b = randomValues(k * n, 6);
  std::vector<double> at(m * k), bt(k * n), c(m * n), ct(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l) at[l * m + i] = a[i * k + l];
  for (int64_t l = 0; l < k; ++l)
    for (int64_t j = 0; j < n; ++j) bt[j * k + l] = b[l * n + j];
  addMatrixProduct(m, n, k, {a.data(), k, 1}, {b.data(), n, 1}, c.data(), n);
  addMatrixProduct(m, n, k, {at.data(), 1, m}, {bt.data(), 1, k}, ct.data(), n);
  EXPECT_EQ(c, ct);
}

}  // namespace
