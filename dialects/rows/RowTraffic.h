// What a row program moves between memory and itself, read off its accesses.
#ifndef HYDRA_DIALECTS_ROWS_ROWTRAFFIC_H
#define HYDRA_DIALECTS_ROWS_ROWTRAFFIC_H

#include "dialects/rows/RowsDialect.h"

namespace mlir::rows {

struct TensorTraffic {
  int64_t bytes;       // read or written, each element once
  int64_t tensorBytes; // of the whole tensor
};
// One for each operand and result, in order, at the planned number of rows. A table whose rows are
// chosen by index is charged as many rows as are read, at most all of it.
SmallVector<TensorTraffic> trafficOf(ProgramOp program);

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWTRAFFIC_H
