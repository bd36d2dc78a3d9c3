// Splits independent work over the processors.
#ifndef HYDRA_COMPILER_INTERPRETER_PARALLELFOR_H
#define HYDRA_COMPILER_INTERPRETER_PARALLELFOR_H

#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>

namespace mlir::hydra {

/// Calls `body(begin, end)` on disjoint ranges that cover 0 .. count-1, each at least `grain` long
/// unless it is the only one, and returns when all are done. The number of ranges depends on the
/// machine; so `body` must treat every index on its own for results to be the same everywhere.
void parallelFor(int64_t count, int64_t grain,
                 llvm::function_ref<void(int64_t begin, int64_t end)> body);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_PARALLELFOR_H
