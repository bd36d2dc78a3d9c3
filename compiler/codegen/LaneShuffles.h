// Interleaving of vectors: elements of (channel, phase) pairs, the phase fastest.
#ifndef HYDRA_COMPILER_CODEGEN_LANESHUFFLES_H
#define HYDRA_COMPILER_CODEGEN_LANESHUFFLES_H

#include "compiler/codegen/KernelEmitter.h"

namespace mlir::hydra {

// Elements part*16 .. part*16+15 of the interleaved vectors.
Value interleaveLanes(KernelEmitter &e, ArrayRef<Value> vectors, int64_t part);
// The inverse: lanes phase, phase + width, phase + 2 width, ... of `width` consecutive vectors.
Value deinterleaveLanes(KernelEmitter &e, ArrayRef<Value> vectors, int64_t phase);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_LANESHUFFLES_H
