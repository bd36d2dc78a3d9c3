#include "dialects/plan/PlanDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;

#include "dialects/plan/PlanDialect.cpp.inc"
#include "dialects/plan/PlanEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/plan/PlanAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/PlanOps.cpp.inc"
      >();
}

LogicalResult GeometryAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                                   llvm::ArrayRef<uint32_t> grid, llvm::ArrayRef<uint32_t> block,
                                   llvm::ArrayRef<uint32_t> cluster, int64_t sharedBytes) {
  for (llvm::ArrayRef<uint32_t> extents : {grid, block, cluster})
    if (extents.size() != 3 || llvm::is_contained(extents, 0u))
      return emitError() << "expected three extents of at least 1 for grid, block and cluster";
  if (sharedBytes < 0)
    return emitError() << "expected shared bytes of at least 0, found " << sharedBytes;
  return success();
}
