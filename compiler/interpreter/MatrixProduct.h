// Float64 matrix products, fast enough to interpret models of real size.
#ifndef HYDRA_COMPILER_INTERPRETER_MATRIXPRODUCT_H
#define HYDRA_COMPILER_INTERPRETER_MATRIXPRODUCT_H

#include <cstdint>

namespace mlir::hydra {

/// A matrix in memory: element (i, j) is data[i * rowStride + j * columnStride]. Does not own it.
struct MatrixView {
  const double *data;
  int64_t rowStride;
  int64_t columnStride;
};

/// C[m, n] += A[m, k] B[k, n]; row i of C starts at c + i * cStride. C overlaps neither operand.
/// Each element is a sum over k in ascending order within blocks of 256, without fused
/// multiply-adds: the same on every machine, for any number of threads, and for any m and n.
void addMatrixProduct(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, double *c,
                      int64_t cStride);

/// The same on the calling thread alone.
void addMatrixProductSerial(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, double *c,
                            int64_t cStride);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_MATRIXPRODUCT_H
