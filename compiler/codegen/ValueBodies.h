// Value-level bodies of the elementwise primitives, on vectors of 16: what an op contributes
// inside the loops that a fusion kind owns.
#ifndef HYDRA_COMPILER_CODEGEN_VALUEBODIES_H
#define HYDRA_COMPILER_CODEGEN_VALUEBODIES_H

#include "compiler/codegen/KernelEmitter.h"

namespace mlir::hydra {

Value sigmoidBody(KernelEmitter &e, Value x);
Value unaryBody(KernelEmitter &e, UnaryKind kind, Value x);
// Both operands f32 or both i32; comparisons give 1 or 0 of the same type.
Value binaryBody(KernelEmitter &e, BinaryKind kind, Value a, Value c);
// The lanes where `mask` (f32 or i32) is not zero.
Value isNotZero(KernelEmitter &e, Value mask);
// Converts between f32 and i32 as hydra.cast says.
Value castBody(KernelEmitter &e, Value x, Type element);
// 1 / sqrt(mean(x^2) + eps) of the row of `width` elements at `start`.
Value inverseRms(KernelEmitter &e, Value x, Value start, int64_t width, Value eps);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_VALUEBODIES_H
