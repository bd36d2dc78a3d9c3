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
Value RowEmission::sum(Value a, Value c) { return arith::AddIOp::create(b, a, c); }
Value RowEmission::scaled(Value a, int64_t factor) {
  return factor == 1 ? a : arith::MulIOp::create(b, a, index(factor)).getResult();
}
int64_t RowEmission::runLength() const {
  ProgramOp owner = program;
  return analysis.usesSegments() ? static_cast<int64_t>(owner.getWidth()) : owner.getColumns();
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
      offset = sum(offset, arith::MinSIOp::create(b, at, index(columns - 1)));
    } else if (read.getColumnMap().getKind() == ColumnMapKind::segment) {
      offset = sum(offset, segmentIndex);
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
    // Of a row of one segment, what is reduced depends on the row alone.
    if (!segment || number > 0)
      evaluateScalars(kRow, number);
    if (segment) {
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
RowMachine::States RowEmission::step(ArrayRef<rows::ReduceOp> reduces,
                                     ArrayRef<Operation *> outputs, const Lanes &lanes,
                                     ValueRange states, int64_t begin) {
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
