// Which forward ops run again in the backward half.
#ifndef HYDRA_PASSES_REMAT_REPEATPLAN_H
#define HYDRA_PASSES_REMAT_REPEATPLAN_H

#include "passes/remat/Carried.h"

namespace mlir::hydra {

// Values below this many bytes are kept: reading them again takes less than a launch.
inline constexpr int64_t kLeastRecomputedBytes = 64 << 10;
// Nor is recomputed what the backward half reads within so many ops.
inline constexpr int64_t kLeastDistance = 16;

// A scope of the forward half whose values are all read by its own adjoint only.
struct RepeatedScope {
  StringAttr name;
  SmallVector<Operation *> ops; // that make carried values, and what these are made of inside
  int64_t bytes = 0;            // no longer carried, less what has to be carried instead
  int64_t flops = 0;            // done again
  Operation *largest = nullptr; // that makes the largest of the values; for remarks
};

// Ops that are always repeated: row programs of values that are there anyway.
llvm::DenseSet<Operation *> repeatCheap(const Carried &carried);

// What else could be, those first that save most for their work. `cheap` is repeated already.
SmallVector<RepeatedScope> repeatableScopes(const Carried &carried,
                                            const llvm::DenseSet<Operation *> &cheap);

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_REPEATPLAN_H
