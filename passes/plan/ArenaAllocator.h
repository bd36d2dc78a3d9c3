// Static memory plan of one arena from the lifetimes of its blocks.
#ifndef HYDRA_PASSES_PLAN_ARENAALLOCATOR_H
#define HYDRA_PASSES_PLAN_ARENAALLOCATOR_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace mlir::plan {

// Every block starts at a multiple of this many bytes: a cache line, and the widest vector.
inline constexpr int64_t kAlignment = 64;

inline int64_t alignUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A block that holds data from step `first` to step `last`, both included.
struct LiveBlock {
  int64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;
};

struct ArenaPlan {
  SmallVector<int64_t> offsets; // one per block
  int64_t bytes = 0;            // of the whole arena
};

// Places blocks so that those alive at the same step do not overlap. Tries a few orders (largest
// first, largest area of bytes x steps first, first come first served), puts each block into the
// tightest gap that fits, and keeps the smallest plan. Depends on nothing but the blocks. O(n^2).
ArenaPlan planArena(ArrayRef<LiveBlock> blocks);

// The largest sum of aligned bytes alive at one step: no plan can be smaller.
int64_t peakLiveBytes(ArrayRef<LiveBlock> blocks);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_ARENAALLOCATOR_H
