#include "dialects/hydra/HydraDialect.h"

#include "dialects/hydra/HydraOpShards.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::hydra;

#include "dialects/hydra/HydraDialect.cpp.inc"
#include "dialects/hydra/HydraEnums.cpp.inc"
#include "dialects/hydra/HydraInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/hydra/HydraAttributes.cpp.inc"

void HydraDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/hydra/HydraAttributes.cpp.inc"
      >();
  registerHydraDialectOperations(this);
}

LogicalResult FusionOp::verify() {
  Block &block = getBody().front();
  // fusion C1
  if (block.getNumArguments() != getInputs().size())
    return emitOpError("expected ")
           << getInputs().size() << " block arguments, one per operand, found "
           << block.getNumArguments();
  for (auto [index, argument, input] : llvm::enumerate(block.getArguments(), getInputs()))
    if (argument.getType() != input.getType())
      return emitOpError("expected block argument ")
             << index << " of type " << input.getType() << ", found " << argument.getType();
  // fusion C2
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("expected a hydra.yield of the result types ") << getResultTypes();
  // fusion C3
  for (Operation &op : block.without_terminator())
    if (!op.hasTrait<PrimitiveTier>())
      return emitOpError("may hold primitives only").attachNote(op.getLoc())
             << "found " << op.getName() << " here";
  return success();
}
