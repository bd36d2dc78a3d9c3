#include "compiler/interpreter/MatrixProduct.h"

#include "compiler/interpreter/ParallelFor.h"

#include <algorithm>
#include <vector>

using namespace mlir::hydra;

namespace {

// Tile held in registers (12 of 32 vectors of 8 doubles, or the compiler's split of it on smaller
// machines), and blocks that stay in the caches: A 64 x 256, B 256 x 1024.
constexpr int64_t kTileRows = 6, kTileColumns = 16;
constexpr int64_t kBlockRows = 60, kBlockColumns = 1024, kBlockDepth = 256;

typedef double Vector __attribute__((vector_size(64), aligned(8)));

// tile[6, 16] = sum over k of a[k][6] b[k][16]. Vectors run along columns, so that the order of
// additions is the same at every vector width.
inline __attribute__((always_inline)) void multiplyTile(int64_t depth, const double *a,
                                                        const double *b, double *tile) {
  Vector sums[kTileRows][2] = {};
  for (int64_t k = 0; k < depth; ++k, a += kTileRows, b += kTileColumns) {
    Vector left = *reinterpret_cast<const Vector *>(b);
    Vector right = *reinterpret_cast<const Vector *>(b + 8);
    for (int64_t i = 0; i < kTileRows; ++i) {
      sums[i][0] += a[i] * left;
      sums[i][1] += a[i] * right;
    }
  }
  for (int64_t i = 0; i < kTileRows; ++i) {
    *reinterpret_cast<Vector *>(tile + i * kTileColumns) = sums[i][0];
    *reinterpret_cast<Vector *>(tile + i * kTileColumns + 8) = sums[i][1];
  }
}

using TileFunction = void (*)(int64_t, const double *, const double *, double *);

void multiplyTileGeneric(int64_t depth, const double *a, const double *b, double *tile) {
  multiplyTile(depth, a, b, tile);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void multiplyTileAvx2(int64_t depth, const double *a,
                                                      const double *b, double *tile) {
  multiplyTile(depth, a, b, tile);
}
__attribute__((target("avx512f"))) void multiplyTileAvx512(int64_t depth, const double *a,
                                                           const double *b, double *tile) {
  multiplyTile(depth, a, b, tile);
}
TileFunction selectTileFunction() {
  if (__builtin_cpu_supports("avx512f"))
    return multiplyTileAvx512;
  return __builtin_cpu_supports("avx2") ? multiplyTileAvx2 : multiplyTileGeneric;
}
#else
TileFunction selectTileFunction() { return multiplyTileGeneric; }
#endif

// Copies a block into panels of `width` rows (or columns), zero-padded: panel[p][k][i].
void pack(const double *source, int64_t count, int64_t stride, int64_t depth, int64_t depthStride,
          int64_t width, double *panels) {
  for (int64_t first = 0; first < count; first += width) {
    int64_t present = std::min(width, count - first);
    for (int64_t k = 0; k < depth; ++k, panels += width) {
      const double *from = source + first * stride + k * depthStride;
      for (int64_t i = 0; i < present; ++i)
        panels[i] = from[i * stride];
      for (int64_t i = present; i < width; ++i)
        panels[i] = 0.0;
    }
  }
}

int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

} // namespace

void mlir::hydra::addMatrixProductSerial(int64_t m, int64_t n, int64_t k, MatrixView a,
                                         MatrixView b, double *c, int64_t cStride) {
  const TileFunction multiply = selectTileFunction();
  int64_t depth = std::min(k, kBlockDepth);
  std::vector<double> aPanels(roundUp(std::min(m, kBlockRows), kTileRows) * depth);
  std::vector<double> bPanels(roundUp(std::min(n, kBlockColumns), kTileColumns) * depth);
  double tile[kTileRows * kTileColumns];
  for (int64_t n0 = 0; n0 < n; n0 += kBlockColumns) {
    int64_t columns = std::min(kBlockColumns, n - n0);
    for (int64_t k0 = 0; k0 < k; k0 += kBlockDepth) {
      depth = std::min(kBlockDepth, k - k0);
      pack(b.data + k0 * b.rowStride + n0 * b.columnStride, columns, b.columnStride, depth,
           b.rowStride, kTileColumns, bPanels.data());
      for (int64_t m0 = 0; m0 < m; m0 += kBlockRows) {
        int64_t rows = std::min(kBlockRows, m - m0);
        pack(a.data + m0 * a.rowStride + k0 * a.columnStride, rows, a.rowStride, depth,
             a.columnStride, kTileRows, aPanels.data());
        for (int64_t j = 0; j < columns; j += kTileColumns)
          for (int64_t i = 0; i < rows; i += kTileRows) {
            multiply(depth, aPanels.data() + i * depth, bPanels.data() + j * depth, tile);
            int64_t iEnd = std::min(kTileRows, rows - i),
                    jEnd = std::min(kTileColumns, columns - j);
            for (int64_t ii = 0; ii < iEnd; ++ii) {
              double *out = c + (m0 + i + ii) * cStride + n0 + j;
              for (int64_t jj = 0; jj < jEnd; ++jj)
                out[jj] += tile[ii * kTileColumns + jj];
            }
          }
      }
    }
  }
}

void mlir::hydra::addMatrixProduct(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
                                   double *c, int64_t cStride) {
  // A thread pays off from about a million multiplications on.
  int64_t grain = std::max<int64_t>(kTileRows, (1 << 20) / std::max<int64_t>(1, n * k));
  parallelFor(m, grain, [&](int64_t begin, int64_t end) {
    addMatrixProductSerial(end - begin, n, k,
                           {a.data + begin * a.rowStride, a.rowStride, a.columnStride}, b,
                           c + begin * cStride, cStride);
  });
}
