// How the files of this folder attach bodies to the ops. Private to this folder.
#ifndef HYDRA_DIALECTS_ROWS_ROWBODIES_H
#define HYDRA_DIALECTS_ROWS_ROWBODIES_H

#include "dialects/hydra/HydraDialect.h"
#include "dialects/rows/RowBuilder.h"

namespace mlir::rows {

// The external model of an op whose domain and body are two functions.
template <typename OpT, RowDomain (*Domain)(OpT), void (*Body)(OpT, RowBuilder &)>
struct RowBody : RowBodyOpInterface::ExternalModel<RowBody<OpT, Domain, Body>, OpT> {
  RowDomain getRowDomain(Operation *op) const { return Domain(cast<OpT>(op)); }
  LogicalResult buildRowBody(Operation *op, RowBuilder &builder) const {
    Body(cast<OpT>(op), builder);
    return success();
  }
};
template <typename OpT, RowDomain (*Domain)(OpT), void (*Body)(OpT, RowBuilder &)>
void attachRowBody(MLIRContext *context) {
  OpT::template attachInterface<RowBody<OpT, Domain, Body>>(*context);
}

// The domain of an op whose first result has its rows and columns.
template <typename OpT> RowDomain resultDomain(OpT op) {
  return domainOf(op->getResult(0), op.getRows());
}
// The same without a row count.
template <typename OpT> RowDomain wholeDomain(OpT op) { return domainOf(op->getResult(0)); }

inline ArrayRef<int64_t> shapeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

// One function per file of bodies.
void attachElementwiseBodies(MLIRContext *context);
void attachNormBodies(MLIRContext *context);
void attachReductionBodies(MLIRContext *context);
void attachSequenceBodies(MLIRContext *context);
void attachUpdateBodies(MLIRContext *context);

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_ROWBODIES_H
