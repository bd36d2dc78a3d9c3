#include "compiler/codegen/ValueBodies.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::hydra;

Value hydra::sigmoidBody(KernelEmitter &e, Value x) {
  Value one = e.splat(1.0);
  Value minus = arith::NegFOp::create(e.b, x);
  return e.divf(one, e.addf(one, e.exp(minus)));
}

Value hydra::unaryBody(KernelEmitter &e, UnaryKind kind, Value x) {
  switch (kind) {
  case UnaryKind::neg:
    return arith::NegFOp::create(e.b, x);
  case UnaryKind::exp:
    return e.exp(x);
  case UnaryKind::log:
    return e.log(x);
  case UnaryKind::tanh:
    return math::TanhOp::create(e.b, x);
  case UnaryKind::sigmoid:
    return sigmoidBody(e, x);
  case UnaryKind::sqrt:
    return e.sqrt(x);
  case UnaryKind::rsqrt:
    return e.divf(e.splat(1.0), e.sqrt(x));
  case UnaryKind::square:
    return e.mulf(x, x);
  case UnaryKind::reciprocal:
    return e.divf(e.splat(1.0), x);
  case UnaryKind::round:
    return math::RoundEvenOp::create(e.b, x);
  case UnaryKind::silu:
    return e.mulf(x, sigmoidBody(e, x));
  }
  llvm_unreachable("all kinds are handled");
}

static Value binaryFloat(KernelEmitter &e, BinaryKind kind, Value a, Value c) {
  auto compare = [&](arith::CmpFPredicate predicate) {
    return e.select(arith::CmpFOp::create(e.b, predicate, a, c), e.splat(1.0), e.splat(0.0));
  };
  switch (kind) {
  case BinaryKind::add:
    return e.addf(a, c);
  case BinaryKind::sub:
    return e.subf(a, c);
  case BinaryKind::mul:
    return e.mulf(a, c);
  case BinaryKind::div:
    return e.divf(a, c);
  case BinaryKind::max:
    return e.maxf(a, c);
  case BinaryKind::min:
    return e.minf(a, c);
  case BinaryKind::ge:
    return compare(arith::CmpFPredicate::OGE);
  case BinaryKind::gt:
    return compare(arith::CmpFPredicate::OGT);
  case BinaryKind::eq:
    return compare(arith::CmpFPredicate::OEQ);
  }
  llvm_unreachable("all kinds are handled");
}

// Integer division lane by lane: defined for every divisor, x / 0 = 0.
static Value divideIntegers(KernelEmitter &e, Value a, Value c) {
  // Exact in f64 for all i32, -2^31 / -1 wraps.
  Type wide = e.vector(e.f64());
  Value quotient =
      e.divf(arith::SIToFPOp::create(e.b, wide, a), arith::SIToFPOp::create(e.b, wide, c));
  Value result = arith::TruncIOp::create(e.b, e.vector(e.i32()),
                                         arith::FPToSIOp::create(e.b, e.vector(e.i64()), quotient));
  Value zero = e.splat(e.integer(0));
  return e.select(arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, c, zero), zero, result);
}

static Value binaryInteger(KernelEmitter &e, BinaryKind kind, Value a, Value c) {
  auto compare = [&](arith::CmpIPredicate predicate) {
    return e.select(arith::CmpIOp::create(e.b, predicate, a, c), e.splat(e.integer(1)),
                    e.splat(e.integer(0)));
  };
  switch (kind) {
  case BinaryKind::add:
    return e.add(a, c);
  case BinaryKind::sub:
    return e.sub(a, c);
  case BinaryKind::mul:
    return e.mul(a, c);
  case BinaryKind::div:
    return divideIntegers(e, a, c);
  case BinaryKind::max:
    return e.max(a, c);
  case BinaryKind::min:
    return e.min(a, c);
  case BinaryKind::ge:
    return compare(arith::CmpIPredicate::sge);
  case BinaryKind::gt:
    return compare(arith::CmpIPredicate::sgt);
  case BinaryKind::eq:
    return compare(arith::CmpIPredicate::eq);
  }
  llvm_unreachable("all kinds are handled");
}

static bool isFloat(Value vector) {
  return cast<VectorType>(vector.getType()).getElementType().isF32();
}

Value hydra::binaryBody(KernelEmitter &e, BinaryKind kind, Value a, Value c) {
  return isFloat(a) ? binaryFloat(e, kind, a, c) : binaryInteger(e, kind, a, c);
}

Value hydra::isNotZero(KernelEmitter &e, Value mask) {
  if (isFloat(mask)) // NaN is not zero.
    return arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNE, mask, e.splat(0.0));
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, mask, e.splat(e.integer(0)));
}

Value hydra::castBody(KernelEmitter &e, Value x, Type element) {
  if (isFloat(x) == element.isF32())
    return x;
  if (element.isF32())
    return arith::SIToFPOp::create(e.b, e.vector(e.f32()), x);
  // Saturate: the largest f32 below 2^31 converts exactly, and what lies above becomes 2^31 - 1.
  Value low = e.splat(-2147483648.0), high = e.splat(2147483520.0);
  Value inside = e.minf(e.maxf(x, low), high);
  Value isNan = arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNO, x, x);
  inside = e.select(isNan, e.splat(0.0), inside);
  Value converted = arith::FPToSIOp::create(e.b, e.vector(e.i32()), inside);
  Value above = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, x, high);
  return e.select(above, e.splat(e.integer(2147483647)), converted);
}

Value hydra::inverseRms(KernelEmitter &e, Value x, Value start, int64_t width, Value eps) {
  Value sum = e.foldColumns(width, e.splat(0.0), [&](Value column, Value mask, ValueRange carried) {
    Value value = e.load(x, e.add(start, column), mask);
    return SmallVector<Value>{e.fma(value, value, carried[0])};
  })[0];
  Value mean = e.divf(e.treeSum(sum), e.real(static_cast<double>(width)));
  return e.divf(e.real(1.0), e.sqrt(e.addf(mean, eps)));
}
