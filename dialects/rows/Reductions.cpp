#include "dialects/rows/Reductions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mlir::rows;

namespace {

using Builder = ImplicitLocOpBuilder;
using Values = SmallVector<Value>;

constexpr double kLowest = -std::numeric_limits<double>::infinity();

Type likeType(Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
}
Value wide(Builder &b, Value x) { return arith::ExtFOp::create(b, likeType(x, b.getF64Type()), x); }
Value narrow(Builder &b, Value x) {
  return arith::TruncFOp::create(b, likeType(x, b.getF32Type()), x);
}
// The larger of x and `best`, which is not NaN; a NaN in x is passed over.
Value larger(Builder &b, Value x, Value best) {
  Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, best);
  return arith::SelectOp::create(b, above, x, best);
}

Values sumStep(Builder &b, ValueRange s, ValueRange x) {
  return {arith::AddFOp::create(b, s[0], x[0])};
}
Values sumCombine(Builder &b, ValueRange a, ValueRange c) {
  return {arith::AddFOp::create(b, a[0], c[0])};
}
Values wideSumStep(Builder &b, ValueRange s, ValueRange x) {
  return {arith::AddFOp::create(b, s[0], wide(b, x[0]))};
}
Values dotStep(Builder &b, ValueRange s, ValueRange x) {
  return {math::FmaOp::create(b, x[0], x[1], s[0])};
}
Values wideDotStep(Builder &b, ValueRange s, ValueRange x) {
  return {math::FmaOp::create(b, wide(b, x[0]), wide(b, x[1]), s[0])};
}
Values maxStep(Builder &b, ValueRange s, ValueRange x) {
  return {arith::MaximumFOp::create(b, s[0], x[0])};
}
Values largestStep(Builder &b, ValueRange s, ValueRange x) { return {larger(b, x[0], s[0])}; }

// States: the maximum m and the sum of exp(x - m), where m is finite or the sum is of NaNs.
Values logSumExpCombine(Builder &b, ValueRange a, ValueRange c) {
  Value top = larger(b, c[0], a[0]);
  // exp(-inf - -inf) is NaN: an empty side keeps its sum, zero.
  auto rescaled = [&](ValueRange s) -> Value {
    Value factor = math::ExpOp::create(b, arith::SubFOp::create(b, s[0], top));
    Value same = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, s[0], top);
    Value scaled = arith::MulFOp::create(b, s[1], factor);
    return arith::SelectOp::create(b, same, s[1], scaled);
  };
  return {top, arith::AddFOp::create(b, rescaled(a), rescaled(c))};
}
Values logSumExpStep(Builder &b, ValueRange s, ValueRange x) {
  // One element as a state: itself and exp(0), or nothing at all for -inf, or a NaN for a NaN.
  Value zero = constantLike(b, x[0], b.getF32Type(), 0.0),
        one = constantLike(b, x[0], b.getF32Type(), 1.0);
  Value lowest = constantLike(b, x[0], b.getF32Type(), kLowest);
  Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x[0], lowest);
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x[0], x[0]);
  Value weight =
      arith::SelectOp::create(b, above, one, arith::SelectOp::create(b, isNan, x[0], zero));
  Value top = arith::SelectOp::create(b, above, x[0], lowest);
  Value state[] = {top, weight};
  return logSumExpCombine(b, s, state);
}

Value finishSame(Builder &, ValueRange s) { return s[0]; }
Value finishNarrow(Builder &b, ValueRange s) { return narrow(b, s[0]); }
Value finishLogSumExp(Builder &b, ValueRange s) {
  return arith::AddFOp::create(b, math::LogOp::create(b, s[1]), s[0]);
}

constexpr double kZero[] = {0.0};
constexpr double kNothing[] = {kLowest};
constexpr double kNothingAndZero[] = {kLowest, 0.0};

} // namespace

const Reduction &rows::reductionOf(ReductionKind kind) {
  static const Reduction sum{1, kZero, false, sumStep, sumCombine, finishSame};
  static const Reduction wideSum{1, kZero, true, wideSumStep, sumCombine, finishNarrow};
  static const Reduction dot{2, kZero, false, dotStep, sumCombine, finishSame};
  static const Reduction wideDot{2, kZero, true, wideDotStep, sumCombine, finishNarrow};
  static const Reduction max{1, kNothing, false, maxStep, maxStep, finishSame};
  static const Reduction largest{1, kNothing, false, largestStep, largestStep, finishSame};
  static const Reduction logSumExp{
      1, kNothingAndZero, false, logSumExpStep, logSumExpCombine, finishLogSumExp};
  switch (kind) {
  case ReductionKind::sum:
    return sum;
  case ReductionKind::wide_sum:
    return wideSum;
  case ReductionKind::dot:
    return dot;
  case ReductionKind::wide_dot:
    return wideDot;
  case ReductionKind::max:
    return max;
  case ReductionKind::largest:
    return largest;
  case ReductionKind::log_sum_exp:
    return logSumExp;
  }
  llvm_unreachable("all kinds are handled");
}

Value rows::constantLike(ImplicitLocOpBuilder &builder, Value like, Type element, double value) {
  TypedAttr scalar = isa<FloatType>(element)
                         ? TypedAttr(builder.getFloatAttr(element, value))
                         : TypedAttr(builder.getIntegerAttr(element, static_cast<int64_t>(value)));
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    scalar = DenseElementsAttr::get(VectorType::get(vector.getShape(), element), scalar);
  return arith::ConstantOp::create(builder, scalar);
}

SmallVector<Value> rows::identityOf(ImplicitLocOpBuilder &builder, const Reduction &reduction,
                                    VectorType shape) {
  Type element = reduction.isWide ? builder.getF64Type() : builder.getF32Type();
  SmallVector<Value> states;
  for (double value : reduction.identity) {
    TypedAttr scalar = builder.getFloatAttr(element, value);
    if (shape)
      scalar = DenseElementsAttr::get(VectorType::get(shape.getShape(), element), scalar);
    states.push_back(arith::ConstantOp::create(builder, scalar));
  }
  return states;
}
