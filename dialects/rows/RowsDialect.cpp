// The rows dialect and the verifiers of its ops.
#include "dialects/rows/RowsDialect.h"

#include "dialects/hydra/HydraDialect.h"
#include "dialects/rows/Reductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::rows;

#include "dialects/rows/RowBodyInterface.cpp.inc"
#include "dialects/rows/RowsDialect.cpp.inc"
#include "dialects/rows/RowsEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/rows/RowsAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/rows/RowsOps.cpp.inc"

void RowsDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/rows/RowsAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/rows/RowsOps.cpp.inc"
      >();
}

Value ProgramOp::getRowsArgument() {
  if (std::optional<uint64_t> input = getRowsInput())
    return getBody().getArgument(static_cast<unsigned>(*input));
  return {};
}

LogicalResult ProgramOp::verifyRegions() {
  Block &block = getBody().front();
  // program C1
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("expected block arguments of the operands' types ")
           << getInputs().getTypes();
  // program C2
  if (std::optional<uint64_t> input = getRowsInput()) {
    if (*input >= getInputs().size())
      return emitOpError("names operand ")
             << *input << " as its row count, but has " << getInputs().size() << " operands";
    auto type = cast<RankedTensorType>(getInputs()[*input].getType());
    if (type.getRank() != 0 || !type.getElementType().isInteger(32))
      return emitOpError("expected a scalar i32 as row count, found ") << type;
  }
  SmallVector<bool> written(getNumResults(), false);
  for (Operation &op : block) {
    // program C3
    bool mine = isa<RowsDialect>(op.getDialect()) && !isa<ProgramOp>(op);
    if (!mine && !isa<arith::ConstantOp>(op) && !op.hasTrait<OpTrait::Scalarizable>())
      return emitOpError("may hold ops of the rows dialect, constants and elementwise mappable "
                         "ops only")
                 .attachNote(op.getLoc())
             << "found " << op.getName() << " here";
    if (auto write = dyn_cast<WriteOp>(op))
      if (write.getResult() < written.size())
        written[write.getResult()] = true;
  }
  // program C4
  for (auto [number, isWritten] : llvm::enumerate(written))
    if (!isWritten)
      return emitOpError("expected a rows.write of result ") << number << ", found none";
  return success();
}

LogicalResult ReadOp::verify() {
  // read C1
  if ((getIndex() != nullptr) != (getRowMap().getKind() == RowMapKind::index))
    return emitOpError("expected an index operand exactly for row map index");
  if ((getColumn() != nullptr) != (getColumnMap().getKind() == ColumnMapKind::at))
    return emitOpError("expected a column operand exactly for column map at");
  return success();
}

LogicalResult WriteOp::verify() {
  // write C1
  auto program = dyn_cast<ProgramOp>((*this)->getParentOp());
  if (!program || getResult() >= program.getNumResults())
    return emitOpError("writes result ") << getResult() << ", which its program does not have";
  Type element = cast<RankedTensorType>(program.getResult(getResult()).getType()).getElementType();
  if (isa<FloatType>(element) != isa<FloatType>(getValue().getType()))
    return emitOpError("writes ") << getValue().getType() << " to a tensor of " << element;
  // write C2
  switch (getColumnMap().getKind()) {
  case ColumnMapKind::same:
  case ColumnMapKind::none:
  case ColumnMapKind::window:
  case ColumnMapKind::stride:
    return success();
  default:
    return emitOpError("expected column map same, none, window or stride, found ")
           << getColumnMap();
  }
}

static LogicalResult verifyArity(Operation *op, ReductionKind kind) {
  unsigned arity = reductionOf(kind).arity;
  if (op->getNumOperands() != arity)
    return op->emitOpError("expected ") << arity << " operands for " << stringifyReductionKind(kind)
                                        << ", found " << op->getNumOperands();
  return success();
}
LogicalResult ReduceOp::verify() { return verifyArity(*this, getKind()); }
LogicalResult ColumnReduceOp::verify() { return verifyArity(*this, getKind()); }
