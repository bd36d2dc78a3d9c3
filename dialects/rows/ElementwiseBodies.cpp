// Bodies of the elementwise ops, of swiglu, and of what joins, cuts or mixes columns.
#include "dialects/rows/RowBodies.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::rows;
using namespace mlir::hydra;

namespace {

// x / 2 (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
Value geluValue(RowBuilder &r, Value x) {
  constexpr double kTwice = 1.5957691216057308; // 2 sqrt(2 / pi)
  Value cubic = r.fma(r.mul(r.real(kTwice * 0.044715), r.mul(x, x)), x, r.mul(r.real(kTwice), x));
  return r.mul(x, r.sigmoid(cubic));
}

Value unaryValue(RowBuilder &r, UnaryKind kind, Value x) {
  switch (kind) {
  case UnaryKind::neg:
    return r.neg(x);
  case UnaryKind::exp:
    return r.exp(x);
  case UnaryKind::log:
    return r.log(x);
  case UnaryKind::tanh:
    return math::TanhOp::create(r.builder(), x);
  case UnaryKind::sigmoid:
    return r.sigmoid(x);
  case UnaryKind::sqrt:
    return r.sqrt(x);
  case UnaryKind::rsqrt:
    return r.div(r.real(1.0), r.sqrt(x));
  case UnaryKind::square:
    return r.mul(x, x);
  case UnaryKind::reciprocal:
    return r.div(r.real(1.0), x);
  case UnaryKind::round:
    return math::RoundEvenOp::create(r.builder(), x);
  case UnaryKind::silu:
    return r.mul(x, r.sigmoid(x));
  case UnaryKind::gelu:
    return geluValue(r, x);
  }
  llvm_unreachable("all kinds are handled");
}

// Integer division, defined for every divisor: x / 0 = 0. Exact in f64 for all i32, -2^31 / -1
// wraps.
Value divideIntegers(RowBuilder &r, Value a, Value c) {
  ImplicitLocOpBuilder &b = r.builder();
  Value quotient = r.div(arith::SIToFPOp::create(b, b.getF64Type(), a),
                         arith::SIToFPOp::create(b, b.getF64Type(), c));
  Value wide = arith::FPToSIOp::create(b, b.getI64Type(), quotient);
  Value result = arith::TruncIOp::create(b, b.getI32Type(), wide), zero = r.integer(0);
  return r.select(r.compare(arith::CmpIPredicate::eq, c, zero), zero, result);
}

bool isFloat(Value value) { return isa<FloatType>(value.getType()); }

Value compareValue(RowBuilder &r, BinaryKind kind, Value a, Value c) {
  bool floats = isFloat(a);
  auto pick = [&](arith::CmpFPredicate ifFloat, arith::CmpIPredicate ifInteger) {
    return floats ? r.compare(ifFloat, a, c) : r.compare(ifInteger, a, c);
  };
  Value holds = kind == BinaryKind::ge ? pick(arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge)
                : kind == BinaryKind::gt
                    ? pick(arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt)
                    : pick(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
  return floats ? r.select(holds, r.real(1.0), r.real(0.0))
                : r.select(holds, r.integer(1), r.integer(0));
}

Value binaryValue(RowBuilder &r, BinaryKind kind, Value a, Value c) {
  switch (kind) {
  case BinaryKind::add:
    return r.add(a, c);
  case BinaryKind::sub:
    return r.sub(a, c);
  case BinaryKind::mul:
    return r.mul(a, c);
  case BinaryKind::div:
    return isFloat(a) ? r.div(a, c) : divideIntegers(r, a, c);
  case BinaryKind::max:
    return r.max(a, c);
  case BinaryKind::min:
    return r.min(a, c);
  case BinaryKind::ge:
  case BinaryKind::gt:
  case BinaryKind::eq:
    return compareValue(r, kind, a, c);
  }
  llvm_unreachable("all kinds are handled");
}

void unaryBody(UnaryOp op, RowBuilder &r) {
  r.write(op.getResult(), unaryValue(r, op.getKind(), r.read(op.getX())));
}
void binaryBody(BinaryOp op, RowBuilder &r) {
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  Value a = r.readBroadcast(op.getA(), shape), c = r.readBroadcast(op.getB(), shape);
  r.write(op.getResult(), binaryValue(r, op.getKind(), a, c));
}
void selectBody(SelectOp op, RowBuilder &r) {
  Value mask = r.readBroadcast(op.getMask(), shapeOf(op.getResult()));
  // NaN is not zero.
  Value chosen = isFloat(mask) ? r.compare(arith::CmpFPredicate::UNE, mask, r.real(0.0))
                               : r.compare(arith::CmpIPredicate::ne, mask, r.integer(0));
  r.write(op.getResult(), r.select(chosen, r.read(op.getA()), r.read(op.getB())));
}
void broadcastBody(BroadcastOp op, RowBuilder &r) {
  r.write(op.getResult(), r.readBroadcast(op.getX(), shapeOf(op.getResult())));
}
// The same elements in a region; alone it is an alias and no kernel.
void reshapeBody(ReshapeOp op, RowBuilder &r) { r.write(op.getResult(), r.read(op.getX())); }
void castBody(CastOp op, RowBuilder &r) {
  ImplicitLocOpBuilder &b = r.builder();
  Value x = r.read(op.getX());
  if (isFloat(x) != isa<FloatType>(op.getElementType())) {
    if (!isFloat(x)) {
      x = arith::SIToFPOp::create(b, b.getF32Type(), x);
    } else {
      // Saturate: the largest f32 below 2^31 converts exactly, what lies above becomes 2^31 - 1.
      Value high = r.real(2147483520.0);
      Value inside = r.min(r.max(x, r.real(-2147483648.0)), high);
      inside = r.select(r.compare(arith::CmpFPredicate::UNO, x, x), r.real(0.0), inside);
      Value converted = arith::FPToSIOp::create(b, b.getI32Type(), inside);
      Value above = r.compare(arith::CmpFPredicate::OGT, x, high);
      x = r.select(above, r.integer(2147483647), converted);
    }
  }
  r.write(op.getResult(), x);
}

// Cut and joined columns: the domain is as wide as the widest piece.
RowDomain splitDomain(SplitOp op) {
  RowDomain domain = domainOf(op.getX(), op.getRows());
  domain.width = *llvm::max_element(op.getSizes());
  return domain;
}
void splitBody(SplitOp op, RowBuilder &r) {
  int64_t offset = 0, pitch = shapeOf(op.getX()).back();
  bool isView = isViewOfColumns(op, [&](Value result) { return r.isResult(result); });
  for (auto [result, size] : llvm::zip(op.getResults(), op.getSizes())) {
    if (isView)
      r.view(result, op.getX(), offset);
    else
      r.write(result, r.read(op.getX(), {}, ColumnMap::window(offset), size, pitch), {}, size,
              size);
    offset += size;
  }
}
RowDomain concatDomain(ConcatOp op) {
  RowDomain domain = domainOf(op.getResult(), op.getRows());
  domain.width = 0;
  for (Value input : op.getInputs())
    domain.width = std::max(domain.width, shapeOf(input).back());
  return domain;
}
void concatBody(ConcatOp op, RowBuilder &r) {
  int64_t offset = 0, pitch = shapeOf(op.getResult()).back();
  for (Value input : op.getInputs()) {
    int64_t size = shapeOf(input).back();
    r.write(op.getResult(), r.read(input, {}, ColumnMap::window(0), size, size),
            ColumnMap::window(offset), size, pitch);
    offset += size;
  }
}

// silu(gate) * up
void swigluBody(SwigluOp op, RowBuilder &r) {
  int64_t width = r.domain().width;
  Value gate = r.read(op.getX(), {}, ColumnMap::window(0));
  Value up = r.read(op.getX(), {}, ColumnMap::window(width));
  r.write(op.getResult(), r.mul(r.mul(gate, r.sigmoid(gate)), up));
}
// With s = sigmoid(gate): dgate = dy up s (1 + gate (1 - s)), dup = dy gate s.
RowDomain swigluGradDomain(SwigluGradOp op) { return domainOf(op.getDy(), op.getRows()); }
void swigluGradBody(SwigluGradOp op, RowBuilder &r) {
  int64_t width = r.domain().width;
  Value gate = r.read(op.getX(), {}, ColumnMap::window(0));
  Value up = r.read(op.getX(), {}, ColumnMap::window(width)), dy = r.read(op.getDy());
  Value s = r.sigmoid(gate), one = r.real(1.0);
  Value slope = r.mul(s, r.fma(gate, r.sub(one, s), one));
  r.write(op.getResult(), r.mul(r.mul(dy, up), slope), ColumnMap::window(0));
  r.write(op.getResult(), r.mul(dy, r.mul(gate, s)), ColumnMap::window(width));
}

// Every head of the result is the mean over the heads of x.
RowDomain headMixDomain(HeadMixOp op) {
  RowDomain domain = domainOf(op.getResult(), op.getRows());
  domain.segments = static_cast<int64_t>(op.getToHeads());
  domain.width /= domain.segments;
  return domain;
}
void headMixBody(HeadMixOp op, RowBuilder &r) {
  int64_t width = r.domain().width, fromHeads = op.getFromHeads();
  Value factor = r.div(r.scalar("scale"), r.real(static_cast<double>(fromHeads)));
  Value sum = r.read(op.getX(), {}, ColumnMap::within());
  for (int64_t head = 1; head < fromHeads; ++head)
    sum = r.add(sum, r.read(op.getX(), {}, ColumnMap::within(head * width)));
  r.write(op.getResult(), r.mul(sum, factor));
}

} // namespace

void rows::attachElementwiseBodies(MLIRContext *context) {
  attachRowBody<UnaryOp, resultDomain<UnaryOp>, unaryBody>(context);
  attachRowBody<BinaryOp, resultDomain<BinaryOp>, binaryBody>(context);
  attachRowBody<SelectOp, resultDomain<SelectOp>, selectBody>(context);
  attachRowBody<ReshapeOp, wholeDomain<ReshapeOp>, reshapeBody>(context);
  attachRowBody<CastOp, resultDomain<CastOp>, castBody>(context);
  attachRowBody<BroadcastOp, resultDomain<BroadcastOp>, broadcastBody>(context);
  attachRowBody<SplitOp, splitDomain, splitBody>(context);
  attachRowBody<ConcatOp, concatDomain, concatBody>(context);
  attachRowBody<SwigluOp, resultDomain<SwigluOp>, swigluBody>(context);
  attachRowBody<SwigluGradOp, swigluGradDomain, swigluGradBody>(context);
  attachRowBody<HeadMixOp, headMixDomain, headMixBody>(context);
}
