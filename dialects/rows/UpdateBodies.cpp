// Bodies of the optimizer updates: flat, with everything but the element itself computed once, in
// f64.
#include "dialects/rows/RowBodies.h"

using namespace mlir;
using namespace mlir::rows;
using namespace mlir::hydra;

namespace {

// base^exponent by squaring, for an exponent 0 .. 2^31 - 1 (i32).
Value power(RowBuilder &r, Value base, Value exponent) {
  ImplicitLocOpBuilder &b = r.builder();
  constexpr int kBits = 31;
  Value result = r.realDouble(1.0);
  for (int bit = 0; bit < kBits; ++bit) {
    Value shifted = arith::ShRUIOp::create(b, exponent, r.integer(bit));
    Value odd = arith::TruncIOp::create(b, b.getI1Type(), shifted);
    result = r.select(odd, r.mul(result, base), result);
    base = r.mul(base, base);
  }
  return result;
}

// Elements in any order: one row.
RowDomain adamWDomain(AdamWOp op) {
  RowDomain domain;
  domain.width = cast<RankedTensorType>(op.getParameter().getType()).getNumElements();
  return domain;
}
void adamWBody(AdamWOp op, RowBuilder &r) {
  Value index = r.scalar("index"), one = r.realDouble(1.0), zero = r.integer(0);
  auto control = [&](Value tensor) { return r.toDouble(r.readSingle(tensor)); };
  Value step = r.max(r.read(op.getSteps(), RowMap::none(), ColumnMap::at(index)), zero);
  Value present = r.read(op.getPresent(), RowMap::none(), ColumnMap::at(index));
  Value isPresent = r.compare(arith::CmpIPredicate::ne, present, zero);

  Value beta1 = r.scalarDouble("beta1"), beta2 = r.scalarDouble("beta2");
  Value lr = r.mul(control(op.getLr()), r.scalarDouble("lr_factor"));
  Value decay = r.mul(control(op.getWeightDecay()), r.scalarDouble("decay_factor"));
  Value keep = r.toSingle(r.sub(one, r.mul(lr, decay)));
  Value minusRate = r.toSingle(r.neg(r.div(lr, r.sub(one, power(r, beta1, step)))));
  // A factor in place of a quotient per element: divisions are what the loop would wait for.
  Value correction = r.toSingle(r.div(one, r.sqrt(r.sub(one, power(r, beta2, step)))));
  Value rest1 = r.toSingle(r.sub(one, beta1)), rest2 = r.toSingle(r.sub(one, beta2));
  Value eps = r.toSingle(r.scalarDouble("eps"));

  Value p = r.read(op.getParameter()), m = r.read(op.getM()), v = r.read(op.getV());
  Value g = r.mul(r.read(op.getGradient()), r.readSingle(op.getClipScale()));
  Value newM = r.fma(r.toSingle(beta1), m, r.mul(rest1, g));
  Value newV = r.fma(r.toSingle(beta2), v, r.mul(rest2, r.mul(g, g)));
  Value root = r.fma(r.sqrt(newV), correction, eps);
  Value newP = r.fma(r.div(newM, root), minusRate, r.mul(p, keep));
  r.write(op.getNewParameter(), r.select(isPresent, newP, p));
  r.write(op.getNewM(), r.select(isPresent, newM, m));
  r.write(op.getNewV(), r.select(isPresent, newV, v));
  r.write(op.getCleared(), r.real(0.0));
}

} // namespace

void rows::attachUpdateBodies(MLIRContext *context) {
  attachRowBody<AdamWOp, adamWDomain, adamWBody>(context);
}
