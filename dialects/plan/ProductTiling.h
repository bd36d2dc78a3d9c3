// How a product is cut on a device with blocks of threads: a pure function of the op, asked by the
// planner for the launch and by the emitter for its loops.
#ifndef HYDRA_DIALECTS_PLAN_PRODUCTTILING_H
#define HYDRA_DIALECTS_PLAN_PRODUCTTILING_H

#include "dialects/plan/MatmulShape.h"

namespace mlir::plan {

// A block computes one tile of C at a time, `depth` of the contraction per round, and then the tile
// that is `blocks` further on. A tile consists of equal parts: of float32 operands each thread has
// one, and every element of C is one chain of fused multiply-adds in ascending order of the
// contraction; of bf16 operands each warp has one, and the chain is of the tensor cores' products
// of kWarpDepth. So the bits of C depend on nothing but the operands.
struct ProductTiling {
  int64_t rows = 0, columns = 0; // of a tile of C
  int64_t depth = 0;
  int64_t partRows = 0, partColumns = 0;
  int64_t partThreads = 1;
  int64_t tiles = 0; // at most: counts on the device end the loop earlier
  int64_t blocks = 0;

  int64_t threads() const { return rows * columns / (partRows * partColumns) * partThreads; }
};

// Rows, columns and contraction of one product of the tensor cores (mma.sync of bf16).
inline constexpr int64_t kWarpRows = 16, kWarpColumns = 8, kWarpDepth = 16;

ProductTiling tileProduct(Operation *product);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_PRODUCTTILING_H
