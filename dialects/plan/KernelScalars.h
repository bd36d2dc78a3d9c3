// Scalar attributes that are operands of kernels, so that kernels which differ only in them merge.
#ifndef HYDRA_DIALECTS_PLAN_KERNELSCALARS_H
#define HYDRA_DIALECTS_PLAN_KERNELSCALARS_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::plan {

// A scalar of an op in a kernel body: eps, scale, factors, AdamW's parameter index, the group of
// grouped_weight_grad. Sizes and numbers of heads shape the loops and stay in the body.
struct KernelScalar {
  Operation *op;
  StringAttr attribute;
};

// Whether an attribute of a primitive is a scalar of its kernel.
bool isKernelScalar(Operation *op, NamedAttribute attribute);

// The scalars of a kernel body, in the order in which they appear in a launch: the rows.scalar ops
// of a row program in block order; for primitives, ops in block order and within an op its own (not
// discardable) FloatAttr attributes, AdamW's `index` and grouped_weight_grad's `group` by ascending
// attribute name.
SmallVector<KernelScalar> collectKernelScalars(Block &body);

// The same for a region of primitives whose kernel is `kernelBody`: rows.scalar ops name their
// source.
SmallVector<KernelScalar> scalarsOfLaunch(Block &primitives, Block &kernelBody);

// The 64 bits a launch passes for a scalar: an integer, or those of a double.
int64_t kernelScalarBits(const KernelScalar &scalar);

// Replaces floats by one and indices by zero: values that every op verifier accepts (eps > 0).
// Kernels are compared in this form.
void neutralizeKernelScalars(Block &body);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_KERNELSCALARS_H
