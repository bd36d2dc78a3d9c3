// Bodies of the reductions and of the cross-entropy.
#include "dialects/rows/RowBodies.h"

using namespace mlir;
using namespace mlir::rows;
using namespace mlir::hydra;

namespace {

// The largest divisor of `elements` that is at most 4096: rows that are worth a vector loop.
int64_t evenWidth(int64_t elements) {
  constexpr int64_t kWidest = 4096;
  int64_t width = std::min(elements, kWidest);
  while (width > 1 && elements % width != 0)
    --width;
  return std::max<int64_t>(width, 1);
}

RowDomain reduceDomain(hydra::ReduceOp op) {
  RowDomain domain = domainOf(op.getX(), op.getRows());
  // All elements of one row: as a matrix of another shape, so that there is work to share.
  if (op.getAxes() == ReduceAxes::all && !op.getRows() && domain.rows == 1) {
    int64_t elements = domain.width;
    domain.width = evenWidth(elements);
    domain.rows = elements / domain.width;
  }
  return domain;
}
void reduceBody(hydra::ReduceOp op, RowBuilder &r) {
  ReductionKind kind =
      op.getKind() == ReduceKind::sum ? ReductionKind::wide_sum : ReductionKind::max;
  Value x = r.read(op.getX());
  switch (op.getAxes()) {
  case ReduceAxes::last:
    r.write(op.getResult(), r.reduce(kind, x), ColumnMap::none());
    return;
  case ReduceAxes::leading:
    r.write(op.getResult(), r.columnReduce(kind, x));
    return;
  case ReduceAxes::all:
    // A row of one column is its own sum.
    if (r.domain().columns() != 1)
      x = r.reduce(kind, x);
    r.write(op.getResult(), r.columnReduce(kind, x), ColumnMap::none());
    return;
  }
  llvm_unreachable("all axes are handled");
}

RowDomain crossEntropyDomain(CrossEntropyOp op) { return domainOf(op.getLogits()); }
// The maximum first, then the sum in double precision. A NaN reaches the result through the sum.
void crossEntropyBody(CrossEntropyOp op, RowBuilder &r) {
  Value x = r.read(op.getLogits());
  Value top = r.reduce(ReductionKind::largest, x);
  Value sum = r.reduce(ReductionKind::wide_sum, r.exp(r.sub(x, top)));
  Value lse = r.add(r.log(sum), top);
  r.write(op.getLse(), lse, ColumnMap::none(), 0, 1);
  Value target = r.readPerRow(op.getTargets());
  Value valid = r.compare(arith::CmpIPredicate::ne, target, r.integer(kIgnoredTarget));
  Value chosen = r.read(op.getLogits(), {}, ColumnMap::at(target));
  Value loss = r.select(valid, r.sub(lse, chosen), r.real(0.0));
  r.write(op.getTokenLoss(), loss, ColumnMap::none(), 0, 1);
  Value total = r.columnReduce(ReductionKind::wide_sum, loss);
  Value one = r.real(1.0);
  Value count = r.columnReduce(ReductionKind::wide_sum, r.select(valid, one, r.real(0.0)));
  r.write(op.getLoss(), r.div(total, r.max(count, one)), ColumnMap::none());
}

RowDomain crossEntropyGradDomain(CrossEntropyGradOp op) { return domainOf(op.getLogits()); }
void crossEntropyGradBody(CrossEntropyGradOp op, RowBuilder &r) {
  Value target = r.readPerRow(op.getTargets());
  Value valid = r.compare(arith::CmpIPredicate::ne, target, r.integer(kIgnoredTarget));
  Value last = r.integer(r.domain().columns() - 1);
  Value column = r.max(r.min(target, last), r.integer(0));
  Value isHot = r.compare(arith::CmpIPredicate::eq, r.coordinate(Coordinate::column), column);
  Value probability = r.exp(r.sub(r.read(op.getLogits()), r.readPerRow(op.getLse())));
  Value hot = r.select(isHot, r.real(1.0), r.real(0.0));
  Value gradient = r.mul(r.sub(probability, hot), r.readSingle(op.getScale()));
  r.write(op.getResult(), r.select(valid, gradient, r.real(0.0)));
}

} // namespace

void rows::attachReductionBodies(MLIRContext *context) {
  attachRowBody<hydra::ReduceOp, reduceDomain, reduceBody>(context);
  attachRowBody<CrossEntropyOp, crossEntropyDomain, crossEntropyBody>(context);
  attachRowBody<CrossEntropyGradOp, crossEntropyGradDomain, crossEntropyGradBody>(context);
}
