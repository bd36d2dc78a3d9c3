// Bodies of the norms, of their gradients, and of the rotary embedding.
#include "dialects/rows/RowBodies.h"

using namespace mlir;
using namespace mlir::rows;
using namespace mlir::hydra;

namespace {

// 1 / sqrt(mean(x^2) + eps)
Value inverseRms(RowBuilder &r, Value x) {
  Value width = r.real(static_cast<double>(r.domain().columns()));
  Value mean = r.div(r.reduce(ReductionKind::dot, {x, x}), width);
  return r.div(r.real(1.0), r.sqrt(r.add(mean, r.scalar("eps"))));
}
// One value per column, the same for all rows.
Value readColumns(RowBuilder &r, Value operand) { return r.read(operand, RowMap::none()); }

void rmsNormBody(RmsNormOp op, RowBuilder &r) {
  Value x = r.read(op.getX());
  r.write(op.getResult(), r.mul(r.mul(x, inverseRms(r, x)), readColumns(r, op.getWeight())));
}

// dx = r g - x r^3 mean(g x), g = dy * weight
void rmsNormGradBody(RmsNormGradOp op, RowBuilder &r) {
  Value x = r.read(op.getX()), dy = r.read(op.getDy());
  Value g = r.mul(dy, readColumns(r, op.getWeight()));
  Value inverse = inverseRms(r, x);
  Value width = r.real(static_cast<double>(r.domain().columns()));
  Value along = r.div(r.reduce(ReductionKind::dot, {g, x}), width);
  Value projection = r.neg(r.mul(along, r.mul(inverse, inverse)));
  r.write(op.getResult(), r.mul(inverse, r.fma(x, projection, g)));
}

RowDomain weightGradDomain(RmsNormWeightGradOp op) { return domainOf(op.getX(), op.getRows()); }
// The sum over rows of dy * x * r.
void weightGradBody(RmsNormWeightGradOp op, RowBuilder &r) {
  Value x = r.read(op.getX()), dy = r.read(op.getDy());
  Value scaled = r.mul(x, inverseRms(r, x));
  r.write(op.getResult(), r.columnReduce(ReductionKind::dot, {dy, scaled}));
}

template <typename OpT> RowDomain headDomain(OpT op) {
  RowDomain domain = domainOf(op.getResult(), op.getRows());
  domain.segments = static_cast<int64_t>(op.getHeads());
  domain.width /= domain.segments;
  return domain;
}
void l2NormBody(L2NormOp op, RowBuilder &r) {
  Value x = r.read(op.getX());
  Value norm = r.sqrt(r.reduce(ReductionKind::dot, {x, x}, Extent::segment));
  r.write(op.getResult(), r.div(x, r.max(norm, r.scalar("eps"))));
}
// dx = (dy - y (y . dy)) / n where n > eps, dy / eps elsewhere
void l2NormGradBody(L2NormGradOp op, RowBuilder &r) {
  Value x = r.read(op.getX()), dy = r.read(op.getDy()), eps = r.scalar("eps");
  Value norm = r.sqrt(r.reduce(ReductionKind::dot, {x, x}, Extent::segment));
  Value large = r.compare(arith::CmpFPredicate::OGT, norm, eps);
  Value divisor = r.select(large, norm, eps);
  // (y . dy) / n with y = x / n, as a factor of x.
  Value along = r.reduce(ReductionKind::dot, {x, dy}, Extent::segment);
  Value factor = r.neg(r.div(r.div(along, divisor), divisor));
  factor = r.select(large, factor, r.real(0.0));
  r.write(op.getResult(), r.div(r.fma(x, factor, dy), divisor));
}

RowDomain ropeDomain(RopeOp op) {
  RowDomain domain = domainOf(op.getX());
  int64_t width = shapeOf(op.getTable()).back();
  domain.segments = domain.width / width;
  domain.width = width;
  return domain;
}
// Neighbours rotate: y = x cos + neighbour(x) (-sin, sin). A row of the table holds (cos, sin)
// pairs.
void ropeBody(RopeOp op, RowBuilder &r) {
  ArrayRef<int64_t> shape = shapeOf(op.getX());
  RowMap sequenceOfRow{RowMapKind::axes, {shape[1], shape[0], 1}, {}};
  Value token = r.rem(r.coordinate(Coordinate::row), r.integer(shape[1]));
  if (op.getPosition())
    token = r.add(token, r.read(op.getPosition(), sequenceOfRow, ColumnMap::none(), 0, 1));
  Value x = r.read(op.getX());
  Value angle = r.read(op.getTable(), RowMap::at(token), ColumnMap::within());
  Value other = r.neighbor(angle);
  Value parity = arith::AndIOp::create(r.builder(), r.coordinate(Coordinate::column), r.integer(1));
  Value odd = r.compare(arith::CmpIPredicate::ne, parity, r.integer(0));
  Value cosine = r.select(odd, other, angle), sine = r.select(odd, angle, other);
  double sign = op.getInverse() ? -1.0 : 1.0;
  sine = r.mul(sine, r.select(odd, r.real(sign), r.real(-sign)));
  r.write(op.getResult(), r.fma(x, cosine, r.mul(r.neighbor(x), sine)));
}

} // namespace

void rows::attachNormBodies(MLIRContext *context) {
  attachRowBody<RmsNormOp, resultDomain<RmsNormOp>, rmsNormBody>(context);
  attachRowBody<RmsNormGradOp, resultDomain<RmsNormGradOp>, rmsNormGradBody>(context);
  attachRowBody<RmsNormWeightGradOp, weightGradDomain, weightGradBody>(context);
  attachRowBody<L2NormOp, headDomain<L2NormOp>, l2NormBody>(context);
  attachRowBody<L2NormGradOp, headDomain<L2NormGradOp>, l2NormGradBody>(context);
  attachRowBody<RopeOp, ropeDomain, ropeBody>(context);
}
