#include "passes/remat/LossChunk.h"

#include "llvm/Support/MathExtras.h"
#include <algorithm>

// The logits of a small vocabulary are no burden.
static constexpr int64_t kWholeBytes = 16 << 20;
static constexpr int64_t kLeastRows = 128;
static constexpr int64_t kMostChunks = 8;
// Rows of a matmul's register block, and whole cache lines of whatever has one element per row.
static constexpr int64_t kRowGrain = 16;

int64_t mlir::hydra::evenLossChunk(int64_t rows, int64_t wanted) {
  auto chunks = static_cast<int64_t>(llvm::divideCeil(rows, std::max<int64_t>(wanted, 1)));
  auto even = static_cast<int64_t>(llvm::divideCeil(rows, std::max<int64_t>(chunks, 1)));
  return std::min(rows, static_cast<int64_t>(llvm::alignTo(even, kRowGrain)));
}

int64_t mlir::hydra::chooseLossChunk(int64_t rows, int64_t vocabulary) {
  constexpr int64_t kFloatBytes = 4;
  if (rows * vocabulary * kFloatBytes <= kWholeBytes)
    return rows;
  auto wanted = static_cast<int64_t>(llvm::divideCeil(rows, kMostChunks));
  return evenLossChunk(rows, std::max(kLeastRows, wanted));
}
