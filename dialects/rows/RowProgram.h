// From a fused region of primitives to one row program.
#ifndef HYDRA_DIALECTS_ROWS_ROWPROGRAM_H
#define HYDRA_DIALECTS_ROWS_ROWPROGRAM_H

#include "dialects/rows/RowsDialect.h"

namespace mlir::rows {

// Whether every primitive of a fused block has a row body.
bool hasRowBodies(Block &primitives);

// Merges the bodies of a block of primitives that ends in hydra.yield into one program over
// `inputs`, which stand for the block's arguments, at the builder's insertion point. Values of the
// region are shared; common subexpressions are computed once. Fails with a diagnostic that names
// the op and the reason: an op without a body (NO_BODY), domains that do not agree
// (DOMAIN_MISMATCH, SEGMENT_MISMATCH, ROWS_DIFFER), or a value of the region that is read by a map
// that needs memory (ROW_ESCAPE, COLUMN_ESCAPE, MEMORY).
FailureOr<ProgramOp> buildRowProgram(OpBuilder &builder, Block &primitives, ValueRange inputs);

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWPROGRAM_H
