// From a fused region of primitives to one row program.
#ifndef HYDRA_DIALECTS_ROWS_ROWPROGRAM_H
#define HYDRA_DIALECTS_ROWS_ROWPROGRAM_H

#include "dialects/rows/RowBuilder.h"

namespace mlir::rows {

// Whether every primitive of a fused block has a row body.
bool hasRowBodies(Block &primitives);

// Merges the bodies of a block of primitives that ends in hydra.yield into one program over
// `inputs`, which stand for the block's arguments, at the builder's insertion point. Values of the
// region are shared; common subexpressions are computed once. Ops of one row or one column fit into
// any domain. Fails where the ops do not make one program (RowRefusal in RowBuilder.h): with a
// diagnostic, or silently into `refusal` if that is given.
FailureOr<ProgramOp> buildRowProgram(OpBuilder &builder, Block &primitives, ValueRange inputs,
                                     RowRefusal *refusal = nullptr);

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWPROGRAM_H
