#include "dialects/rows/RowTraffic.h"

using namespace mlir;
using namespace mlir::rows;

static int64_t elementBytes(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementTypeBitWidth() / 8;
}
static int64_t bytesOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getNumElements() * elementBytes(tensor);
}

// Of one row.
static int64_t columnsOf(ProgramOp program, ReadOp read) {
  switch (read.getColumnMap().getKind()) {
  case ColumnMapKind::none:
  case ColumnMapKind::at:
    return 1;
  case ColumnMapKind::within:
    return static_cast<int64_t>(program.getWidth());
  case ColumnMapKind::segment:
    return static_cast<int64_t>(program.getSegments());
  default:
    return std::min<int64_t>(static_cast<int64_t>(read.getExtent()), program.getColumns());
  }
}

SmallVector<TensorTraffic> rows::trafficOf(ProgramOp program) {
  SmallVector<TensorTraffic> traffic;
  auto rows = static_cast<int64_t>(program.getRows());
  for (BlockArgument argument : program.getBody().getArguments()) {
    int64_t bytes = 0;
    llvm::DenseSet<std::pair<Attribute, Attribute>> seen;
    for (Operation *user : argument.getUsers()) {
      auto read = dyn_cast<ReadOp>(user);
      if (!read)
        continue;
      // Another row by shift is this row of a neighbour.
      RowMapKind kind = read.getRowMap().getKind();
      Attribute row = kind == RowMapKind::shift ? Attribute() : Attribute(read.getRowMapAttr());
      if (kind == RowMapKind::index || seen.insert({row, read.getColumnMapAttr()}).second)
        bytes += (kind == RowMapKind::none ? 1 : rows) * columnsOf(program, read) *
                 elementBytes(argument);
    }
    traffic.push_back({std::min(bytes, bytesOf(argument)), bytesOf(argument)});
  }
  for (Value result : program.getResults())
    traffic.push_back({bytesOf(result), bytesOf(result)});
  return traffic;
}
