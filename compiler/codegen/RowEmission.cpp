#include "compiler/codegen/RowEmission.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::rows;
using plan::Place;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

RowEmission::RowEmission(RowMachine &machine, ProgramOp program, plan::RowScheduleAttr schedule,
                         Memory memory)
    : m(machine), b(machine.b), program(program), schedule(schedule), memory(std::move(memory)),
      analysis(program) {
  size_t reduces = 0;
  for (auto [position, op] : llvm::enumerate(program.getBody().front())) {
    sweeps[&op] = schedule.getSweep()[position];
    places[&op] = static_cast<Place>(schedule.getPlace()[position]);
    if (places[&op] == Place::scratch)
      scratchRows.insert({&op, static_cast<int64_t>(scratchRows.size())});
    if (isa<ColumnReduceOp>(op))
      partials[&op] = schedule.getPartial()[reduces++];
  }
}

Value RowEmission::index(int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}
int64_t RowEmission::runLength() const {
  ProgramOp owner = program;
  return analysis.usesSegments() ? static_cast<int64_t>(owner.getWidth()) : owner.getColumns();
}
static Value addIndex(ImplicitLocOpBuilder &b, Value a, Value c) {
  return arith::AddIOp::create(b, a, c);
}
static Value scaled(ImplicitLocOpBuilder &b, Value a, int64_t factor) {
  if (factor == 1)
    return a;
  return arith::MulIOp::create(b, a, arith::ConstantOp::create(b, b.getI64IntegerAttr(factor)));
}

Value RowEmission::rowLimit() {
  Value count = index(static_cast<int64_t>(program.getRows()));
  Value argument = program.getRowsArgument();
  if (!argument)
    return count;
  Value given = m.loadScalar(b.getI32Type(), memory.tensor(argument), index(0));
  given = arith::ExtSIOp::create(b, b.getI64Type(), given);
  given = arith::MaxSIOp::create(b, given, index(0));
  return arith::MinSIOp::create(b, given, count);
}

// Scalars.

void RowEmission::uniform() {
  rowIndex = segmentIndex = Value();
  for (Operation &op : program.getBody().front())
    if (op.getNumResults() == 1 && analysis.dependence(op.getResult(0)) == kUniform)
      scalars[op.getResult(0)] = evaluateScalar(&op);
}

// The scalars of one scope that are evaluated before a sweep.
void RowEmission::evaluateScalars(unsigned scope, int64_t sweep) {
  for (Operation &op : program.getBody().front()) {
    if (op.getNumResults() != 1 || sweepOf(&op) != sweep || isa<rows::ReduceOp, ColumnReduceOp>(op))
      continue;
    unsigned dependence = analysis.dependence(op.getResult(0));
    if (dependence != kUniform && !(dependence & kColumn) && (dependence & ~kTotal) == scope)
      scalars[op.getResult(0)] = evaluateScalar(&op);
  }
}

Value RowEmission::evaluateScalar(Operation *op) {
  b.setLoc(op->getLoc());
  if (auto scalar = dyn_cast<ScalarOp>(op))
    return memory.scalar(scalar);
  if (auto coordinate = dyn_cast<CoordinateOp>(op)) {
    Value position = coordinate.getAxis() == Coordinate::segment ? segmentIndex : rowIndex;
    return arith::TruncIOp::create(b, b.getI32Type(), position ? position : index(0));
  }
  if (auto read = dyn_cast<ReadOp>(op)) {
    Value offset = rowStart(read);
    if (Value column = read.getColumn()) {
      int64_t columns = typeOf(read.getTensor()).getShape().back();
      Value at = arith::ExtSIOp::create(b, b.getI64Type(), scalars.lookup(column));
      at = arith::MaxSIOp::create(b, at, index(0));
      offset = addIndex(b, offset, arith::MinSIOp::create(b, at, index(columns - 1)));
    } else if (read.getColumnMap().getKind() == ColumnMapKind::segment) {
      offset = addIndex(b, offset, segmentIndex);
    }
    Type type = typeOf(read.getTensor()).getElementType();
    Value value = m.loadScalar(type, memory.tensor(read.getTensor()), offset);
    if (type.isBF16())
      value = arith::ExtFOp::create(b, b.getF32Type(), value);
    if (Value there = inside(read))
      value = arith::SelectOp::create(b, there, value, constantLike(b, value, value.getType(), 0));
    return value;
  }
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(scalars.lookup(operand));
  return m.cloneScalar(op, operands);
}

// Memory of a row.

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
      row = addIndex(b, row, scaled(b, axis, values[i + 2]));
    }
    break;
  }
  case RowMapKind::shift: {
    Value there = inside(read);
    Value moved = addIndex(b, rowIndex, index(values[0]));
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
  Value start = row ? scaled(b, row, pitch) : index(0);
  ColumnMapKind column = read.getColumnMap().getKind();
  int64_t factor = column == ColumnMapKind::stride ? read.getColumnMap().getValues()[0] : 1;
  bool bySegment = column == ColumnMapKind::same || column == ColumnMapKind::window ||
                   column == ColumnMapKind::stride;
  if (segmentIndex && bySegment)
    start = addIndex(b, start, scaled(b, segmentIndex, runLength() * factor));
  if (column == ColumnMapKind::window && read.getColumnMap().getValues()[0] != 0)
    start = addIndex(b, start, index(read.getColumnMap().getValues()[0]));
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
  Value moved = addIndex(b, place, index(delta));
  return holds[read] =
             arith::CmpIOp::create(b, arith::CmpIPredicate::ult, moved, index(period));
}

Value RowEmission::rowStart(WriteOp write) {
  if (!rowIndex) // flat, or after all rows
    return index(0);
  Value start = scaled(b, rowIndex, static_cast<int64_t>(write.getPitch()));
  ColumnMapAttr map = write.getColumnMap();
  int64_t factor = map.getKind() == ColumnMapKind::stride ? map.getValues()[0] : 1;
  if (segmentIndex && map.getKind() != ColumnMapKind::none)
    start = addIndex(b, start, scaled(b, segmentIndex, runLength() * factor));
  if (map.getKind() == ColumnMapKind::window && map.getValues()[0] != 0)
    start = addIndex(b, start, index(map.getValues()[0]));
  return start;
}

Value RowEmission::resultArgument(int64_t number) {
  return program.getResult(static_cast<unsigned>(number));
}

Value RowEmission::scratchOffset(Operation *op) {
  Value start = index(scratchRows.lookup(op) * plan::scratchRowBytes(program) / 4);
  return segmentIndex ? addIndex(b, start, scaled(b, segmentIndex, runLength())) : start;
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
    Value base = arith::TruncIOp::create(b, b.getI32Type(), scaled(b, segmentIndex, runLength()));
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

// Rows and sweeps.

void RowEmission::row(Value row) {
  rowIndex = row;
  segmentIndex = Value();
  starts.clear();
  holds.clear();
  if (!analysis.usesSegments()) {
    this->row(row, Value());
    return;
  }
  evaluateScalars(kRow, 0);
  m.segments(static_cast<int64_t>(program.getSegments()),
             [&](Value segment) { this->row(row, segment); });
}

void RowEmission::row(Value row, Value segment) {
  segmentIndex = segment;
  starts.clear();
  registers.clear();
  for (int64_t number = 0; number < schedule.getSweeps(); ++number) {
    current = number;
    if (!segment) {
      evaluateScalars(kRow, number);
    } else {
      evaluateScalars(kRow | kSegment, number);
      evaluateScalars(kSegment, number);
    }
    sweep(number);
  }
}

void RowEmission::scalarOutputs(int64_t number) {
  SmallVector<Operation *> outputs;
  for (Operation &op : program.getBody().front()) {
    if (sweepOf(&op) != number)
      continue;
    if (auto write = dyn_cast<WriteOp>(op))
      if (write.getColumnMap().getKind() == ColumnMapKind::none)
        outputs.push_back(&op);
    if (auto reduce = dyn_cast<ColumnReduceOp>(op))
      if (!analysis.isElement(reduce.getResult()))
        outputs.push_back(&op);
  }
  if (outputs.empty())
    return;
  m.single([&] {
    for (Operation *op : outputs) {
      b.setLoc(op->getLoc());
      if (auto reduce = dyn_cast<ColumnReduceOp>(op)) {
        stepColumns(reduce, nullptr);
        continue;
      }
      auto write = cast<WriteOp>(op);
      Value result = resultArgument(write.getResult()), value = scalars.lookup(write.getValue());
      if (typeOf(result).getElementType().isBF16())
        value = arith::TruncFOp::create(b, b.getBF16Type(), value);
      m.storeScalar(value, memory.tensor(result), rowStart(write));
    }
  });
}

void RowEmission::sweep(int64_t number) {
  scalarOutputs(number);
  SmallVector<rows::ReduceOp> reduces;
  SmallVector<Operation *> outputs;
  SmallVector<int64_t> ends;
  for (Operation &op : program.getBody().front()) {
    if (sweepOf(&op) != number)
      continue;
    if (auto reduce = dyn_cast<rows::ReduceOp>(op))
      reduces.push_back(reduce);
    auto write = dyn_cast<WriteOp>(op);
    if (write && write.getColumnMap().getKind() != ColumnMapKind::none) {
      outputs.push_back(&op);
      ends.push_back(std::min<int64_t>(write.getExtent(), runLength()));
    }
    if (auto reduce = dyn_cast<ColumnReduceOp>(op))
      if (analysis.isElement(reduce.getResult()))
        outputs.push_back(&op);
  }
  if (reduces.empty() && outputs.empty())
    return;
  prepareReads();
  bool whole = !reduces.empty() || ends.size() < outputs.size();
  if (whole)
    ends.push_back(runLength());
  llvm::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  SmallVector<Value> identity;
  for (rows::ReduceOp reduce : reduces)
    llvm::append_range(identity, identityOf(b, reductionOf(reduce.getKind()), m.shape()));
  auto combine = [&](ValueRange left, ValueRange right) {
    RowMachine::States states;
    unsigned at = 0;
    for (rows::ReduceOp reduce : reduces) {
      const Reduction &reduction = reductionOf(reduce.getKind());
      auto count = static_cast<unsigned>(reduction.identity.size());
      llvm::append_range(states,
                         reduction.combine(b, left.slice(at, count), right.slice(at, count)));
      at += count;
    }
    return states;
  };
  RowMachine::States states(identity);
  int64_t begin = 0;
  for (int64_t end : ends) {
    auto body = [&](const Lanes &lanes, ValueRange carried) {
      return step(reduces, outputs, lanes, carried, begin);
    };
    if (schedule.getUnrolled()) {
      for (const Lanes &lanes : m.blocks(begin, end))
        states = body(lanes, states);
    } else {
      RowMachine::States part = m.fold(begin, end, identity, body, combine);
      states = begin == 0 ? part : combine(states, part);
    }
    begin = end;
  }
  RowMachine::States totals = m.across(states, combine);
  unsigned at = 0;
  for (rows::ReduceOp reduce : reduces) {
    const Reduction &reduction = reductionOf(reduce.getKind());
    auto count = static_cast<unsigned>(reduction.identity.size());
    b.setLoc(reduce.getLoc());
    SmallVector<Value> finished(ValueRange(totals).slice(at, count));
    scalars[reduce.getResult()] = reduction.finish(b, finished);
    at += count;
  }
}

// All values of the lanes first, then what is written there.
RowMachine::States RowEmission::step(ArrayRef<rows::ReduceOp> reduces, ArrayRef<Operation *> outputs,
                                     const Lanes &lanes, ValueRange states, int64_t begin) {
  elements.clear();
  RowMachine::States next;
  unsigned at = 0;
  for (rows::ReduceOp reduce : reduces) {
    const Reduction &reduction = reductionOf(reduce.getKind());
    auto count = static_cast<unsigned>(reduction.identity.size());
    SmallVector<Value> values;
    for (Value value : reduce.getValues())
      values.push_back(element(value, lanes));
    b.setLoc(reduce.getLoc());
    ValueRange old = states.slice(at, count);
    SmallVector<Value> stepped = reduction.step(b, old, values);
    for (auto [before, after] : llvm::zip(old, stepped))
      // Lanes that are not there leave the state as it was.
      next.push_back(lanes.mask ? arith::SelectOp::create(b, lanes.mask, after, before) : after);
    at += count;
  }
  SmallVector<Operation *> active;
  for (Operation *op : outputs) {
    auto write = dyn_cast<WriteOp>(op);
    if (!write || begin < std::min<int64_t>(write.getExtent(), runLength()))
      active.push_back(op);
  }
  storeOutputs(active, lanes);
  return next;
}

void RowEmission::storeOutputs(ArrayRef<Operation *> outputs, const Lanes &lanes) {
  for (Operation *op : outputs)
    for (Value value : op->getOperands())
      element(value, lanes);
  for (Operation *op : outputs) {
    b.setLoc(op->getLoc());
    if (auto reduce = dyn_cast<ColumnReduceOp>(op)) {
      stepColumns(reduce, &lanes);
      continue;
    }
    auto write = cast<WriteOp>(op);
    Value result = resultArgument(write.getResult()), pointer = memory.tensor(result);
    auto valueOf = [&](WriteOp from) {
      Value value = element(from.getValue(), lanes);
      if (typeOf(result).getElementType().isBF16())
        value = arith::TruncFOp::create(b, m.elementType(b.getBF16Type()), value);
      return value;
    };
    if (write.getColumnMap().getKind() != ColumnMapKind::stride) {
      m.store(valueOf(write), pointer, rowStart(write), lanes);
      continue;
    }
    // The phases of one result together, at the first of them.
    int64_t factor = write.getColumnMap().getValues()[0];
    SmallVector<Value> phases(factor);
    if (write.getColumnMap().getValues()[1] != 0)
      continue;
    for (Operation *other : outputs)
      if (auto phase = dyn_cast<WriteOp>(other))
        if (phase.getResult() == write.getResult())
          phases[phase.getColumnMap().getValues()[1]] = valueOf(phase);
    m.storeStrided(phases, pointer, rowStart(write), lanes);
  }
}

void RowEmission::flat(Value begin, Value end) {
  rowIndex = segmentIndex = Value();
  current = 0;
  starts.clear();
  SmallVector<Operation *> writes;
  for (auto write : program.getBody().getOps<WriteOp>())
    writes.push_back(write);
  prepareReads();
  m.fold(
      begin, end, {},
      [&](const Lanes &lanes, ValueRange) {
        elements.clear();
        storeOutputs(writes, lanes);
        return RowMachine::States();
      },
      [](ValueRange, ValueRange) { return RowMachine::States(); });
}

// Column reductions. Partial results: per reduction and state, [chunk][column].

Type RowEmission::stateType(const Reduction &reduction) {
  return reduction.isWide ? b.getF64Type() : Type(b.getF32Type());
}

Value RowEmission::partialOffset(ColumnReduceOp reduce, Value chunk, int64_t state) {
  const Reduction &reduction = reductionOf(reduce.getKind());
  int64_t columns = plan::partialColumns(program, reduce);
  int64_t bytes = reduction.isWide ? 8 : 4;
  int64_t base = partials.lookup(reduce) / bytes +
                 state * plan::chunksOf(program, schedule) * columns;
  return addIndex(b, index(base), scaled(b, chunk, columns));
}

bool RowEmission::reducesColumnsOnly() const {
  ProgramOp owner = program;
  for (Operation &op : owner.getBody().front()) {
    bool inSweep = sweepOf(&op) == 0 && schedule.getSweeps() == 1;
    auto reduce = dyn_cast<ColumnReduceOp>(op);
    if (isa<rows::ReduceOp>(op) || (isa<WriteOp>(op) && inSweep) ||
        (reduce && !(inSweep && analysis.isElement(reduce.getResult()))))
      return false;
  }
  return schedule.getSweeps() == 1 && !analysis.usesSegments();
}

void RowEmission::chunk(Value chunk, Value begin, Value end) {
  chunkIndex = chunk;
  if (reducesColumnsOnly())
    return columnsFirst(begin, end);
  beginChunk();
  m.loop(begin, end, {}, [&](Value number, ValueRange) {
    row(number);
    return RowMachine::States();
  });
}

void RowEmission::columnsFirst(Value begin, Value end) {
  SmallVector<ColumnReduceOp> reduces(program.getBody().getOps<ColumnReduceOp>());
  segmentIndex = Value();
  current = 0;
  m.tiles(program.getColumns(), [&](ArrayRef<Lanes> tile) {
    RowMachine::States identity;
    for (size_t i = 0; i < tile.size(); ++i)
      for (ColumnReduceOp reduce : reduces)
        llvm::append_range(identity, identityOf(b, reductionOf(reduce.getKind()), m.shape()));
    RowMachine::States states =
        m.loop(begin, end, identity, [&](Value number, ValueRange carried) {
          rowIndex = number;
          starts.clear();
          holds.clear();
          evaluateScalars(kRow, 0);
          prepareReads();
          RowMachine::States next;
          for (const Lanes &lanes : tile) {
            elements.clear();
            for (ColumnReduceOp reduce : reduces) {
              const Reduction &reduction = reductionOf(reduce.getKind());
              SmallVector<Value> values;
              for (Value value : reduce.getValues())
                values.push_back(element(value, lanes));
              llvm::append_range(
                  next, reduction.step(b, carried.slice(next.size(), reduction.identity.size()),
                                       values));
            }
          }
          return next;
        });
    size_t at = 0;
    for (const Lanes &lanes : tile)
      for (ColumnReduceOp reduce : reduces)
        for (size_t state = 0; state < reductionOf(reduce.getKind()).identity.size(); ++state)
          m.store(states[at++], memory.partial,
                  partialOffset(reduce, chunkIndex, static_cast<int64_t>(state)), lanes);
  });
}

void RowEmission::beginChunk() {
  Value chunk = chunkIndex;
  for (auto reduce : program.getBody().getOps<ColumnReduceOp>()) {
    const Reduction &reduction = reductionOf(reduce.getKind());
    auto states = static_cast<int64_t>(reduction.identity.size());
    for (int64_t state = 0; state < states; ++state) {
      Value offset = partialOffset(reduce, chunk, state);
      if (!analysis.isElement(reduce.getResult())) {
        SmallVector<Value> identity = identityOf(b, reduction, {});
        m.single([&] { m.storeScalar(identity[state], memory.partial, offset); });
        continue;
      }
      SmallVector<Value> identity = identityOf(b, reduction, m.shape());
      m.fold(
          0, program.getColumns(), {},
          [&](const Lanes &lanes, ValueRange) {
            m.store(identity[state], memory.partial, offset, lanes);
            return RowMachine::States();
          },
          [](ValueRange, ValueRange) { return RowMachine::States(); });
    }
  }
}

// One row goes into the partial results of its chunk. `lanes` is null for a reduction of scalars.
void RowEmission::stepColumns(ColumnReduceOp reduce, const Lanes *lanes) {
  const Reduction &reduction = reductionOf(reduce.getKind());
  auto count = static_cast<int64_t>(reduction.identity.size());
  SmallVector<Value> offsets, states, values;
  for (int64_t state = 0; state < count; ++state) {
    Value offset = partialOffset(reduce, chunkIndex, state);
    if (segmentIndex && lanes)
      offset = addIndex(b, offset, scaled(b, segmentIndex, runLength()));
    offsets.push_back(offset);
    states.push_back(lanes ? m.load(stateType(reduction), memory.partial, offset, *lanes)
                           : m.loadScalar(stateType(reduction), memory.partial, offset));
  }
  for (Value value : reduce.getValues())
    values.push_back(lanes ? element(value, *lanes) : scalars.lookup(value));
  states = reduction.step(b, states, values);
  for (auto [state, offset] : llvm::zip(states, offsets)) {
    if (lanes)
      m.store(state, memory.partial, offset, *lanes);
    else
      m.storeScalar(state, memory.partial, offset);
  }
}

void RowEmission::totals(Value begin, Value end) {
  rowIndex = segmentIndex = Value();
  current = schedule.getSweeps();
  starts.clear();
  // Chunks beyond the row count hold nothing.
  Value rows = addIndex(b, rowLimit(), index(schedule.getChunkRows() - 1));
  Value chunks = arith::DivUIOp::create(b, rows, index(schedule.getChunkRows()));
  auto collect = [&](ColumnReduceOp reduce, const Lanes *lanes) {
    const Reduction &reduction = reductionOf(reduce.getKind());
    auto count = static_cast<int64_t>(reduction.identity.size());
    SmallVector<Value> identity =
        identityOf(b, reduction, lanes ? m.shape() : VectorType());
    return m.loop(index(0), chunks, identity, [&](Value chunk, ValueRange carried) {
      SmallVector<Value> partial;
      for (int64_t state = 0; state < count; ++state) {
        Value offset = partialOffset(reduce, chunk, state);
        partial.push_back(lanes ? m.load(stateType(reduction), memory.partial, offset, *lanes)
                                : m.loadScalar(stateType(reduction), memory.partial, offset));
      }
      return reduction.combine(b, carried, partial);
    });
  };
  // Scalars in program order: totals of scalars and what is made of them.
  SmallVector<Operation *> scalarWrites, elementWrites;
  for (Operation &op : program.getBody().front()) {
    auto reduce = dyn_cast<ColumnReduceOp>(op);
    b.setLoc(op.getLoc());
    if (auto write = dyn_cast<WriteOp>(op)) {
      if (sweepOf(&op) == current)
        (write.getColumnMap().getKind() == ColumnMapKind::none ? scalarWrites : elementWrites)
            .push_back(&op);
    } else if (op.getNumResults() == 1 && analysis.isTotal(op.getResult(0)) &&
               !analysis.isElement(op.getResult(0))) {
      scalars[op.getResult(0)] =
          reduce ? reductionOf(reduce.getKind()).finish(b, collect(reduce, nullptr))
                 : evaluateScalar(&op);
    }
  }
  if (!scalarWrites.empty()) {
    // The first item writes them.
    m.loop(begin, arith::MinSIOp::create(b, end, index(1)), {}, [&](Value, ValueRange) {
      m.single([&] {
        for (Operation *op : scalarWrites) {
          auto write = cast<WriteOp>(op);
          Value result = resultArgument(write.getResult());
          m.storeScalar(scalars.lookup(write.getValue()), memory.tensor(result), index(0));
        }
      });
      return RowMachine::States();
    });
  }
  if (elementWrites.empty())
    return;
  prepareReads();
  m.fold(
      begin, end, {},
      [&](const Lanes &lanes, ValueRange) {
        elements.clear();
        for (auto reduce : program.getBody().getOps<ColumnReduceOp>())
          if (analysis.isElement(reduce.getResult())) {
            b.setLoc(reduce.getLoc());
            elements[reduce.getResult()] =
                reductionOf(reduce.getKind()).finish(b, collect(reduce, &lanes));
          }
        storeOutputs(elementWrites, lanes);
        return RowMachine::States();
      },
      [](ValueRange, ValueRange) { return RowMachine::States(); });
}
