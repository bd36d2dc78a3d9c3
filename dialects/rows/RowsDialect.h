// The rows dialect: row programs. See RowsBase.td for its story.
#ifndef HYDRA_DIALECTS_ROWS_ROWSDIALECT_H
#define HYDRA_DIALECTS_ROWS_ROWSDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::rows {

class RowBuilder; // RowBuilder.h

// Where a row-wise op works: rows x (segments x width).
struct RowDomain {
  int64_t rows = 1, segments = 1, width = 1;
  // The scalar i32 that bounds the rows; null if all are defined.
  Value rowsOperand;
  int64_t columns() const { return segments * width; }
};

} // namespace mlir::rows

#include "dialects/rows/RowsDialect.h.inc"
#include "dialects/rows/RowsEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/rows/RowsAttributes.h.inc"

#include "dialects/rows/RowBodyInterface.h.inc"

#define GET_OP_CLASSES
#include "dialects/rows/RowsOps.h.inc"

namespace mlir::rows {
// Attaches RowBodyOpInterface to every row-wise primitive. What an op computes is a fact of the op
// and therefore stands in this folder: planner, interpreter and the emitters of all targets read
// it.
void registerRowBodyExternalModels(DialectRegistry &registry);
} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWSDIALECT_H
