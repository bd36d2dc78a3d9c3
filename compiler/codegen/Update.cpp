// Kind `update`: the optimizer. One item is kFlatTile elements.
//
// In place: every vector of the four inputs is read before a result is written, so parameter, m, v
// and gradient may be overwritten by new_parameter, new_m, new_v and cleared.
#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// base^exponent for an integer exponent >= 0, by squaring, in double precision.
Value power(KernelEmitter &e, Value base, Value exponent) {
  Value one = e.realDouble(1.0);
  // 31 fixed rounds: step counts are i32.
  SmallVector<Value> carried =
      e.fold(e.index(0), e.index(31), 1, {one, base}, [&](Value bit, ValueRange values) {
        Value shifted = arith::ShRUIOp::create(e.b, exponent, bit);
        Value odd = arith::TruncIOp::create(e.b, e.b.getI1Type(), shifted);
        Value product = e.mulf(values[0], values[1]);
        return SmallVector<Value>{e.select(odd, product, values[0]), e.mulf(values[1], values[1])};
      });
  return carried[0];
}

LogicalResult emitAdamW(AdamWOp op, KernelEmitter &e) {
  int64_t elements = tensorType(op.getParameter()).getNumElements();
  Value parameter = e.pointer(op.getParameter()), gradient = e.pointer(op.getGradient());
  Value m = e.pointer(op.getM()), v = e.pointer(op.getV());
  auto control = [&](Value tensor) {
    return e.toDouble(e.loadScalar(e.f32(), e.pointer(tensor), e.index(0)));
  };
  Value index = e.scalarInteger(op, "index");
  Value step = e.max(e.toIndex(e.loadScalar(e.i32(), e.pointer(op.getSteps()), index)), e.index(0));
  Value present = e.loadScalar(e.i32(), e.pointer(op.getPresent()), index);
  Value isPresent = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, present, e.integer(0));

  Value one = e.realDouble(1.0);
  Value beta1 = e.scalarDouble(op, "beta1"), beta2 = e.scalarDouble(op, "beta2");
  Value lr = e.mulf(control(op.getLr()), e.scalarDouble(op, "lr_factor"));
  Value decay = e.mulf(control(op.getWeightDecay()), e.scalarDouble(op, "decay_factor"));
  auto splat = [&](Value value) { return e.splat(e.toSingle(value)); };
  Value keep = splat(e.subf(one, e.mulf(lr, decay)));
  Value minusRate =
      splat(arith::NegFOp::create(e.b, e.divf(lr, e.subf(one, power(e, beta1, step)))));
  Value correction2 = splat(e.subf(one, power(e, beta2, step)));
  Value beta1s = splat(beta1), rest1 = splat(e.subf(one, beta1));
  Value beta2s = splat(beta2), rest2 = splat(e.subf(one, beta2));
  Value eps = splat(e.scalarDouble(op, "eps")), clip = splat(control(op.getClipScale()));

  Value first = e.min(e.mul(e.begin(), plan::kFlatTile), e.index(elements));
  Value last = e.min(e.mul(e.end(), plan::kFlatTile), e.index(elements));
  e.columns(first, last, [&](Value position, Value mask) {
    Value p = e.load(parameter, position, mask), oldM = e.load(m, position, mask);
    Value oldV = e.load(v, position, mask);
    Value g = e.mulf(e.load(gradient, position, mask), clip);
    Value newM = e.fma(beta1s, oldM, e.mulf(rest1, g));
    Value newV = e.fma(beta2s, oldV, e.mulf(rest2, e.mulf(g, g)));
    Value root = e.addf(e.sqrt(e.divf(newV, correction2)), eps);
    Value newP = e.fma(e.divf(newM, root), minusRate, e.mulf(p, keep));
    e.store(e.select(isPresent, newP, p), e.pointer(op.getNewParameter()), position, mask);
    e.store(e.select(isPresent, newM, oldM), e.pointer(op.getNewM()), position, mask);
    e.store(e.select(isPresent, newV, oldV), e.pointer(op.getNewV()), position, mask);
    e.store(e.splat(0.0), e.pointer(op.getCleared()), position, mask);
  });
  return success();
}

} // namespace

void hydra::attachUpdateKernels(MLIRContext *context) { attachKernel<AdamWOp, emitAdamW>(context); }
