// Bodies of windows over the sequence and of gathered rows: other rows of an operand, by shift or
// index.
#include "dialects/rows/RowBodies.h"

using namespace mlir;
using namespace mlir::rows;
using namespace mlir::hydra;

namespace {

// The place of this row in its sequence, and which sequence it is.
Value tokenOf(RowBuilder &r, int64_t sequence) {
  return r.rem(r.coordinate(Coordinate::row), r.integer(sequence));
}
Value batchOf(RowBuilder &r, int64_t sequence) {
  return r.div(r.coordinate(Coordinate::row), r.integer(sequence));
}

// The number of a [B] tensor that belongs to this row's sequence.
Value perSequence(RowBuilder &r, Value tensor, int64_t sequence) {
  int64_t batch = shapeOf(tensor)[0];
  return r.read(tensor, {RowMapKind::axes, {sequence, batch, 1}, {}}, ColumnMap::none(), 0, 1);
}
// What stood before the sequence: zeros where it begins.
Value before(RowBuilder &r, Value old, Value position, int64_t sequence) {
  if (!position)
    return old;
  Value begun =
      r.compare(arith::CmpIPredicate::sgt, perSequence(r, position, sequence), r.integer(0));
  return r.select(begun, old, r.real(0.0));
}

RowDomain shiftDomain(ShiftOp op) {
  RowDomain domain = domainOf(op.getX());
  auto from = static_cast<int64_t>(op.getFromChannel());
  domain.width = std::max(from, domain.width - from);
  return domain;
}
void shiftBody(ShiftOp op, RowBuilder &r) {
  ArrayRef<int64_t> shape = shapeOf(op.getX());
  int64_t sequence = shape[1], channels = shape[2];
  auto from = static_cast<int64_t>(op.getFromChannel());
  if (from > 0)
    r.write(op.getResult(), r.read(op.getX(), {}, ColumnMap::window(0), from, channels),
            ColumnMap::window(0), from, channels);
  if (from == channels)
    return;
  int64_t width = channels - from;
  RowMap neighbour = RowMap::shift(op.getReverse() ? 1 : -1, sequence);
  Value value = r.read(op.getX(), neighbour, ColumnMap::window(from), width, channels);
  if (op.getHistory()) {
    Value first = r.compare(arith::CmpIPredicate::eq, tokenOf(r, sequence), r.integer(0));
    Value old = r.read(op.getHistory(), RowMap::at(batchOf(r, sequence)), ColumnMap::window(0),
                       width, width);
    value = r.select(first, before(r, old, op.getPosition(), sequence), value);
  }
  r.write(op.getResult(), value, ColumnMap::window(from), width, channels);
}

RowDomain unfoldDomain(UnfoldOp op) { return domainOf(op.getX()); }
void unfoldBody(UnfoldOp op, RowBuilder &r) {
  int64_t sequence = shapeOf(op.getX())[1], width = op.getWidth();
  for (int64_t m = 0; m < width; ++m) {
    int64_t delta = m - (width - 1);
    Value value =
        delta == 0 ? r.read(op.getX()) : r.read(op.getX(), RowMap::shift(delta, sequence));
    if (op.getHistory() && delta != 0) {
      // Row t + m of the history, which ends where the sequence begins.
      Value past = r.add(tokenOf(r, sequence), r.integer(m)), end = r.integer(width - 1);
      Value isPast = r.compare(arith::CmpIPredicate::slt, past, end);
      Value row = r.add(r.mul(batchOf(r, sequence), end), r.min(past, r.integer(width - 2)));
      Value old = r.read(op.getHistory(), RowMap::at(row));
      value = r.select(isPast, before(r, old, op.getPosition(), sequence), value);
    }
    r.write(op.getResult(), value, ColumnMap::stride(width, m));
  }
}

void foldBody(FoldOp op, RowBuilder &r) {
  int64_t sequence = shapeOf(op.getResult())[1], width = op.getWidth();
  Value sum = r.real(0.0);
  for (int64_t m = 0; m < width; ++m)
    sum = r.add(sum, r.read(op.getY(), RowMap::shift(width - 1 - m, sequence),
                            ColumnMap::stride(width, m)));
  r.write(op.getResult(), sum);
}

// Row j of the result is row j + count[b] of history ++ x.
void windowTailBody(WindowTailOp op, RowBuilder &r) {
  int64_t window = shapeOf(op.getHistory())[1], sequence = shapeOf(op.getX())[1];
  Value zero = r.integer(0), count = perSequence(r, op.getCount(), window);
  count = r.max(r.min(count, r.integer(sequence)), zero);
  Value source = r.add(tokenOf(r, window), count), batch = batchOf(r, window);
  Value isOld = r.compare(arith::CmpIPredicate::slt, source, r.integer(window));
  Value old = r.add(r.mul(batch, r.integer(window)), r.min(source, r.integer(window - 1)));
  Value token = r.max(r.sub(source, r.integer(window)), zero);
  Value fresh = r.add(r.mul(batch, r.integer(sequence)), token);
  Value kept = r.read(op.getHistory(), RowMap::at(old));
  Value idle = r.compare(arith::CmpIPredicate::eq, count, zero);
  kept = r.select(idle, kept, before(r, kept, op.getPosition(), window));
  r.write(op.getResult(), r.select(isOld, kept, r.read(op.getX(), RowMap::at(fresh))));
}

void embeddingBody(EmbeddingOp op, RowBuilder &r) {
  Value row = r.read(op.getTable(), RowMap::at(r.readPerRow(op.getTokens())));
  r.write(op.getResult(), r.mul(row, r.scalar("scale")));
}
void gatherRowsBody(GatherRowsOp op, RowBuilder &r) {
  r.write(op.getResult(), r.read(op.getX(), RowMap::at(r.readPerRow(op.getIndex()))));
}

} // namespace

void rows::attachSequenceBodies(MLIRContext *context) {
  attachRowBody<ShiftOp, shiftDomain, shiftBody>(context);
  attachRowBody<UnfoldOp, unfoldDomain, unfoldBody>(context);
  attachRowBody<FoldOp, wholeDomain<FoldOp>, foldBody>(context);
  attachRowBody<WindowTailOp, wholeDomain<WindowTailOp>, windowTailBody>(context);
  attachRowBody<EmbeddingOp, resultDomain<EmbeddingOp>, embeddingBody>(context);
  attachRowBody<GatherRowsOp, resultDomain<GatherRowsOp>, gatherRowsBody>(context);
}
