// Attaches the row bodies of all ops.
#include "dialects/rows/RowBodies.h"

using namespace mlir;
using namespace mlir::rows;

void rows::registerRowBodyExternalModels(DialectRegistry &registry) {
  registry.insert<RowsDialect>();
  registry.addExtension(+[](MLIRContext *context, hydra::HydraDialect *) {
    attachElementwiseBodies(context);
    attachNormBodies(context);
    attachReductionBodies(context);
    attachSequenceBodies(context);
    attachUpdateBodies(context);
  });
}
