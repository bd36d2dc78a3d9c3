#include "dialects/rows/RowAnalysis.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::rows;

unsigned RowAnalysis::analyze(Operation &op) {
  unsigned operands = kUniform;
  for (Value operand : op.getOperands())
    operands |= dependences.lookup(operand);
  unsigned columns = kColumn | (program.getSegments() > 1 ? kSegment : 0u);
  return llvm::TypeSwitch<Operation *, unsigned>(&op)
      .Case([&](ReadOp read) -> unsigned {
        // The operands of a read are its row index and its column.
        unsigned result = operands;
        RowMapKind row = read.getRowMap().getKind();
        if (row != RowMapKind::none && row != RowMapKind::index)
          result |= kRow;
        switch (read.getColumnMap().getKind()) {
        case ColumnMapKind::same:
        case ColumnMapKind::window:
        case ColumnMapKind::stride:
          return result | columns;
        case ColumnMapKind::within:
          return result | kColumn;
        case ColumnMapKind::segment:
          return result | (columns & kSegment);
        case ColumnMapKind::none:
        case ColumnMapKind::at:
          return result;
        }
        llvm_unreachable("all maps are handled");
      })
      .Case([&](CoordinateOp coordinate) -> unsigned {
        switch (coordinate.getAxis()) {
        case Coordinate::row:
          return kRow;
        case Coordinate::column:
          return columns;
        case Coordinate::segment:
          return columns & kSegment;
        }
        llvm_unreachable("all axes are handled");
      })
      .Case([&](ReduceOp reduce) -> unsigned {
        unsigned result = operands & ~kColumn;
        return reduce.getExtent() == Extent::row ? result & ~kSegment : result;
      })
      .Case([&](ColumnReduceOp) -> unsigned { return (operands & ~kRow) | kTotal; })
      .Default([&](Operation *) { return operands; });
}

RowAnalysis::RowAnalysis(ProgramOp program) : program(program) {
  int64_t columns = program.getColumns();
  for (Operation &op : program.getBody().front()) {
    unsigned result = analyze(op);
    for (Value value : op.getResults())
      dependences[value] = result;
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](ReadOp read) {
          ColumnMapKind column = read.getColumnMap().getKind();
          segments |= column == ColumnMapKind::within || column == ColumnMapKind::segment;
          bool whole = read.getRowMap().getKind() == RowMapKind::same &&
                       column == ColumnMapKind::same &&
                       static_cast<int64_t>(read.getPitch()) == columns &&
                       static_cast<int64_t>(read.getExtent()) == columns;
          flat &= whole || result == kUniform;
        })
        .Case([&](WriteOp write) {
          flat &= write.getColumnMap().getKind() == ColumnMapKind::same &&
                  static_cast<int64_t>(write.getPitch()) == columns &&
                  static_cast<int64_t>(write.getExtent()) == columns;
        })
        .Case([&](ReduceOp reduce) {
          segments |= reduce.getExtent() == Extent::segment;
          flat = false;
        })
        .Case([&](CoordinateOp coordinate) {
          segments |= coordinate.getAxis() == Coordinate::segment;
          flat = false;
        })
        .Case<ColumnReduceOp, NeighborOp>([&](auto) { flat = false; });
  }
}
