// Elements of a row program: where they are read and written, and what is kept between sweeps.
#include "compiler/codegen/RowEmission.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::rows;
using plan::Place;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Value RowEmission::rowStart(ReadOp read) {
  if (Value known = starts.lookup(read))
    return known;
  auto pitch = static_cast<int64_t>(read.getPitch());
  ArrayRef<int64_t> values = read.getRowMap().getValues();
  Value row = rowIndex;
  switch (read.getRowMap().getKind()) {
  case RowMapKind::same:
    break;
  case RowMapKind::none:
    row = index(0);
    break;
  case RowMapKind::axes: {
    row = index(0);
    for (size_t i = 0; i < values.size(); i += 3) {
      Value axis = arith::DivUIOp::create(b, rowIndex, index(values[i]));
      axis = arith::RemUIOp::create(b, axis, index(values[i + 1]));
      row = sum(row, scaled(axis, values[i + 2]));
    }
    break;
  }
  case RowMapKind::shift: {
    Value there = inside(read);
    Value moved = sum(rowIndex, index(values[0]));
    row = arith::SelectOp::create(b, there, moved, rowIndex);
    break;
  }
  case RowMapKind::index: {
    int64_t rows = typeOf(read.getTensor()).getNumElements() / pitch;
    row = arith::ExtSIOp::create(b, b.getI64Type(), scalars.lookup(read.getIndex()));
    row = arith::MaxSIOp::create(b, row, index(0));
    row = arith::MinSIOp::create(b, row, index(rows - 1));
    break;
  }
  }
  Value start = row ? scaled(row, pitch) : index(0);
  ColumnMapKind column = read.getColumnMap().getKind();
  int64_t factor = column == ColumnMapKind::stride ? read.getColumnMap().getValues()[0] : 1;
  bool bySegment = column == ColumnMapKind::same || column == ColumnMapKind::window ||
                   column == ColumnMapKind::stride;
  if (segmentIndex && bySegment)
    start = sum(start, scaled(segmentIndex, runLength() * factor));
  bool moved = column == ColumnMapKind::window || column == ColumnMapKind::within;
  if (moved && read.getColumnMap().getValues()[0] != 0)
    start = sum(start, index(read.getColumnMap().getValues()[0]));
  return starts[read] = start;
}

Value RowEmission::inside(ReadOp read) {
  if (read.getRowMap().getKind() != RowMapKind::shift)
    return {};
  if (Value known = holds.lookup(read))
    return known;
  int64_t delta = read.getRowMap().getValues()[0], period = read.getRowMap().getValues()[1];
  Value place = arith::RemUIOp::create(b, rowIndex, index(period));
  // Unsigned: what lies before the group is large.
  Value moved = sum(place, index(delta));
  return holds[read] = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, moved, index(period));
}

Value RowEmission::rowStart(WriteOp write) {
  // Flat, or after all rows: the only row.
  Value start = rowIndex ? scaled(rowIndex, static_cast<int64_t>(write.getPitch())) : index(0);
  ColumnMapAttr map = write.getColumnMap();
  int64_t factor = map.getKind() == ColumnMapKind::stride ? map.getValues()[0] : 1;
  if (segmentIndex && map.getKind() != ColumnMapKind::none)
    start = sum(start, scaled(segmentIndex, runLength() * factor));
  if (map.getKind() == ColumnMapKind::window && map.getValues()[0] != 0)
    start = sum(start, index(map.getValues()[0]));
  return start;
}

Value RowEmission::resultArgument(int64_t number) {
  return program.getResult(static_cast<unsigned>(number));
}

Value RowEmission::scratchOffset(Operation *op) {
  Value start = index(scratchRows.lookup(op) * plan::scratchRowBytes(program) / 4);
  return segmentIndex ? sum(start, scaled(segmentIndex, runLength())) : start;
}

// Elements.

Value RowEmission::element(Value value, const Lanes &lanes) {
  if (Value known = elements.lookup(value))
    return known;
  Value result;
  if (!analysis.isElement(value)) {
    result = m.spread(scalars.lookup(value));
  } else {
    Operation *op = value.getDefiningOp();
    Place place = placeOf(op);
    bool first = sweepOf(op) == current;
    if (place == Place::registers && !first) {
      result = registers.lookup({value, lanes.block});
    } else if (place == Place::scratch && !first) {
      result = m.load(value.getType(), memory.scratch, scratchOffset(op), lanes);
    } else if (place == Place::reread && !first && !isa<ReadOp>(op)) {
      for (Operation *user : op->getUsers())
        if (auto write = dyn_cast<WriteOp>(user);
            write && write.getColumnMap().getKind() == ColumnMapKind::same)
          result = m.load(value.getType(), memory.tensor(resultArgument(write.getResult())),
                          rowStart(write), lanes);
    } else {
      result = compute(op, lanes);
      if (place == Place::registers)
        registers[{value, lanes.block}] = result;
      else if (place == Place::scratch)
        m.store(result, memory.scratch, scratchOffset(op), lanes);
    }
  }
  return elements[value] = result;
}

Value RowEmission::compute(Operation *op, const Lanes &lanes) {
  b.setLoc(op->getLoc());
  if (auto read = dyn_cast<ReadOp>(op))
    return readElement(read, lanes);
  if (auto neighbor = dyn_cast<NeighborOp>(op))
    return m.neighbor(element(neighbor.getValue(), lanes));
  if (isa<CoordinateOp>(op)) {
    Value columns = m.columnsOf(lanes);
    if (!segmentIndex)
      return columns;
    Value base = arith::TruncIOp::create(b, b.getI32Type(), scaled(segmentIndex, runLength()));
    return arith::AddIOp::create(b, columns, m.spread(base));
  }
  return cloneElement(op, lanes);
}

Value RowEmission::readElement(ReadOp read, const Lanes &lanes) {
  Type type = typeOf(read.getTensor()).getElementType();
  Value pointer = memory.tensor(read.getTensor()), start = rowStart(read), value;
  ColumnMapAttr map = read.getColumnMap();
  if (map.getKind() == ColumnMapKind::stride)
    value = m.loadStrided(type, pointer, start, map.getValues()[0], map.getValues()[1], lanes);
  else
    value = m.load(type, pointer, start, lanes);
  if (type.isBF16())
    value = arith::ExtFOp::create(b, m.elementType(b.getF32Type()), value);
  if (Value there = inside(read)) {
    Value zero = constantLike(b, value, read.getValue().getType(), 0);
    value = arith::SelectOp::create(b, there, value, zero);
  }
  return value;
}

// The same op at the machine's type.
Value RowEmission::cloneElement(Operation *op, const Lanes &lanes) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(element(operand, lanes));
  b.setLoc(op->getLoc());
  Operation *copy = op->cloneWithoutRegions();
  copy->setOperands(operands);
  copy->getResult(0).setType(m.elementType(op->getResult(0).getType()));
  b.insert(copy);
  return copy->getResult(0);
}

// Where the rows of all reads start, before a loop over columns.
void RowEmission::prepareReads() {
  for (auto read : program.getBody().getOps<ReadOp>()) {
    RowMapKind kind = read.getRowMap().getKind();
    bool known = read.getIndex() ? scalars.count(read.getIndex()) != 0
                                 : rowIndex || kind == RowMapKind::same || kind == RowMapKind::none;
    if (known && analysis.isElement(read.getValue())) {
      rowStart(read);
      inside(read);
    }
  }
}
