// Column reductions of a row program: partial results per chunk of rows, and the stage after all
// rows.
#include "compiler/codegen/RowEmission.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::rows;

// Column reductions. Partial results: per reduction and state, [chunk][column].

Type RowEmission::stateType(const Reduction &reduction) {
  return reduction.isWide ? b.getF64Type() : Type(b.getF32Type());
}

Value RowEmission::partialOffset(ColumnReduceOp reduce, Value chunk, int64_t state) {
  const Reduction &reduction = reductionOf(reduce.getKind());
  int64_t columns = plan::partialColumns(program, reduce);
  int64_t bytes = reduction.isWide ? 8 : 4;
  int64_t base =
      partials.lookup(reduce) / bytes + state * plan::chunksOf(program, schedule) * columns;
  return sum(index(base), scaled(chunk, columns));
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
    RowMachine::States states = m.loop(begin, end, identity, [&](Value number, ValueRange carried) {
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
              next,
              reduction.step(b, carried.slice(next.size(), reduction.identity.size()), values));
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
      offset = sum(offset, scaled(segmentIndex, runLength()));
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
  Value rows = sum(rowLimit(), index(schedule.getChunkRows() - 1));
  Value chunks = arith::DivUIOp::create(b, rows, index(schedule.getChunkRows()));
  auto collect = [&](ColumnReduceOp reduce, const Lanes *lanes) {
    const Reduction &reduction = reductionOf(reduce.getKind());
    auto count = static_cast<int64_t>(reduction.identity.size());
    SmallVector<Value> identity = identityOf(b, reduction, lanes ? m.shape() : VectorType());
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
