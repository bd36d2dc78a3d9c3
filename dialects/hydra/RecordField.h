// Fields of the step record: results that the host reads steps later, of all micro-batches
// together.
#ifndef HYDRA_DIALECTS_HYDRA_RECORDFIELD_H
#define HYDRA_DIALECTS_HYDRA_RECORDFIELD_H

#include "llvm/ADT/StringRef.h"

namespace mlir::hydra {

// String, on results bound to an output: the result is a field of the step record, and the host
// makes one value of those of all micro-batches by this reduction: last, sum, mean, max or min.
inline constexpr llvm::StringLiteral kReduceAttrName = "hydra.reduce";

} // namespace mlir::hydra

#endif // HYDRA_DIALECTS_HYDRA_RECORDFIELD_H
