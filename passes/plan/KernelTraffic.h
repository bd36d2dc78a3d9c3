// What a launch of a kernel reads and writes, tensor by tensor.
#ifndef HYDRA_PASSES_PLAN_KERNELTRAFFIC_H
#define HYDRA_PASSES_PLAN_KERNELTRAFFIC_H

#include "dialects/rows/RowTraffic.h"
#include "mlir/IR/Block.h"

namespace mlir::plan {

// Of all stages of a kernel with this body: each element once; the partial results of
// `partialBytes`, which one stage writes and the next one reads, come last if there are any.
SmallVector<rows::TensorTraffic> trafficOf(Block &body, int64_t partialBytes);

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_KERNELTRAFFIC_H
