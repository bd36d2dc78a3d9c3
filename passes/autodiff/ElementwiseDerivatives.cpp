// Derivatives of the elementwise ops, reductions and renaming ops (HydraElementwiseOps.td).
#include "passes/autodiff/DerivativeModels.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Ops through which no gradient passes by definition.
template <typename OpT> struct NoGradient : Derivative<NoGradient<OpT>, OpT> {
  LogicalResult adjoint(OpT, AdjointBuilder &, ValueRange, ArrayRef<bool>,
                        MutableArrayRef<Value>) const {
    return success();
  }
};

struct UnaryDerivative : Derivative<UnaryDerivative, UnaryOp> {
  LogicalResult adjoint(UnaryOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    Value dy = gradients[0], x = op.getX(), y = op.getResult(), rows = op.getRows();
    Value one = b.scalar(1, tensorType(x).getElementType());
    result[0] = build(op.getKind(), b, dy, x, y, one, rows);
    return success();
  }

  // With y = x s, s = sigmoid(c (x + a x^3)): s (1 + x (1 - s) c (1 + 3 a x^2)).
  static Value geluSlope(AdjointBuilder &b, Value x, Value one, Value rows) {
    constexpr double c = 1.5957691216057308, a = 0.044715; // 2 sqrt(2 / pi)
    Value square = b.unary(UnaryKind::square, x, rows);
    Value cubic = b.mul(x, b.add(one, b.scale(square, a, rows), rows), rows);
    Value s = b.unary(UnaryKind::sigmoid, b.scale(cubic, c, rows), rows);
    Value rise = b.scale(b.add(one, b.scale(square, 3 * a, rows), rows), c, rows);
    Value rest = b.mul(x, b.mul(b.sub(one, s, rows), rise, rows), rows);
    return b.mul(s, b.add(one, rest, rows), rows);
  }

  static Value build(UnaryKind kind, AdjointBuilder &b, Value dy, Value x, Value y, Value one,
                     Value rows) {
    switch (kind) {
    case UnaryKind::neg:
      return b.neg(dy, rows);
    case UnaryKind::exp:
      return b.mul(dy, y, rows);
    case UnaryKind::log:
      return b.div(dy, x, rows);
    case UnaryKind::tanh: // dy (1 - y^2)
      return b.mul(dy, b.sub(one, b.unary(UnaryKind::square, y, rows), rows), rows);
    case UnaryKind::sigmoid: // dy y (1 - y)
      return b.mul(dy, b.mul(y, b.sub(one, y, rows), rows), rows);
    case UnaryKind::sqrt: // dy / (2 y)
      return b.div(b.scale(dy, 0.5, rows), y, rows);
    case UnaryKind::rsqrt: // -dy y^3 / 2
      return b.mul(b.scale(dy, -0.5, rows), b.mul(y, b.unary(UnaryKind::square, y, rows), rows),
                   rows);
    case UnaryKind::square:
      return b.mul(dy, b.scale(x, 2, rows), rows);
    case UnaryKind::reciprocal: // -dy y^2
      return b.neg(b.mul(dy, b.unary(UnaryKind::square, y, rows), rows), rows);
    case UnaryKind::round:
      return b.zeros(tensorType(x));
    case UnaryKind::silu: { // dy s (1 + x (1 - s)) with s = sigmoid(x)
      Value s = b.unary(UnaryKind::sigmoid, x, rows);
      Value slope = b.add(one, b.mul(x, b.sub(one, s, rows), rows), rows);
      return b.mul(dy, b.mul(s, slope, rows), rows);
    }
    case UnaryKind::gelu:
      return b.mul(dy, geluSlope(b, x, one, rows), rows);
    }
    llvm_unreachable("a unary kind without a derivative");
  }
};

struct BinaryDerivative : Derivative<BinaryDerivative, BinaryOp> {
  LogicalResult adjoint(BinaryOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool> needed,
                        MutableArrayRef<Value> result) const {
    Value dy = gradients[0], left = op.getA(), right = op.getB(), rows = op.getRows();
    Value da, db;
    switch (op.getKind()) {
    case BinaryKind::add:
      da = db = dy;
      break;
    case BinaryKind::sub:
      da = dy;
      db = needed[1] ? b.neg(dy, rows) : Value();
      break;
    case BinaryKind::mul:
      da = needed[0] ? b.mul(dy, right, rows) : Value();
      db = needed[1] ? b.mul(dy, left, rows) : Value();
      break;
    case BinaryKind::div: // da = dy / b, db = -da y
      da = b.div(dy, right, rows);
      db = needed[1] ? b.neg(b.mul(da, op.getResult(), rows), rows) : Value();
      break;
    case BinaryKind::max:
    case BinaryKind::min: { // a tie belongs to the first operand
      bool max = op.getKind() == BinaryKind::max;
      Value first = b.binary(BinaryKind::ge, max ? left : right, max ? right : left, rows);
      da = b.mul(dy, first, rows);
      db = needed[1] ? b.sub(dy, da, rows) : Value();
      break;
    }
    case BinaryKind::ge:
    case BinaryKind::gt:
    case BinaryKind::eq:
      return success();
    }
    if (needed[0])
      result[0] = b.sumTo(da, tensorType(left), rows);
    if (needed[1])
      result[1] = b.sumTo(db, tensorType(right), rows);
    return success();
  }
};

struct SelectDerivative : Derivative<SelectDerivative, SelectOp> {
  LogicalResult adjoint(SelectOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool> needed,
                        MutableArrayRef<Value> result) const {
    Value dy = gradients[0], mask = op.getMask(), rows = op.getRows();
    Value zero = b.zeros(tensorType(dy));
    if (needed[1])
      result[1] = b.select(mask, dy, zero, rows);
    if (needed[2])
      result[2] = b.select(mask, zero, dy, rows);
    return success();
  }
};

struct CastDerivative : Derivative<CastDerivative, CastOp> {
  LogicalResult adjoint(CastOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    result[0] = b.cast(gradients[0], tensorType(op.getX()).getElementType(), op.getRows());
    return success();
  }
};

struct BroadcastDerivative : Derivative<BroadcastDerivative, BroadcastOp> {
  LogicalResult adjoint(BroadcastOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    result[0] = b.sumTo(gradients[0], tensorType(op.getX()), op.getRows());
    return success();
  }
};

struct ReduceDerivative : Derivative<ReduceDerivative, ReduceOp> {
  LogicalResult adjoint(ReduceOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    Value dy = gradients[0], x = op.getX(), rows = op.getRows();
    if (op.getKind() == ReduceKind::max) {
      // The maximum's derivative is shared equally by all elements that attain it.
      Value attained = b.binary(BinaryKind::eq, x, op.getResult(), rows);
      Value count = b.reduce(ReduceKind::sum, op.getAxes(), attained, rows);
      Value rowsOfCount = op.getAxes() == ReduceAxes::last ? rows : Value();
      result[0] = b.mul(attained, b.div(dy, count, rowsOfCount), rows);
    } else {
      result[0] = b.broadcast(dy, tensorType(x).getShape(), rows);
    }
    return success();
  }
};

struct ReshapeDerivative : Derivative<ReshapeDerivative, ReshapeOp> {
  LogicalResult adjoint(ReshapeOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    result[0] = b.reshape(gradients[0], tensorType(op.getX()).getShape());
    return success();
  }
};

struct SplitDerivative : Derivative<SplitDerivative, SplitOp> {
  LogicalResult adjoint(SplitOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    SmallVector<Value> pieces(gradients);
    for (auto [piece, value] : llvm::zip_equal(pieces, op.getResults()))
      if (!piece)
        piece = b.zeros(tensorType(value));
    result[0] = ConcatOp::create(b.getBuilder(), b.getLoc(), pieces, op.getRows());
    return success();
  }
};

struct ConcatDerivative : Derivative<ConcatDerivative, ConcatOp> {
  LogicalResult adjoint(ConcatOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    SmallVector<int64_t> sizes;
    for (Value input : op.getInputs())
      sizes.push_back(tensorType(input).getShape().back());
    auto split = SplitOp::create(b.getBuilder(), b.getLoc(), gradients[0], sizes, op.getRows());
    llvm::copy(split.getResults(), result.begin());
    return success();
  }
};

struct SliceRowsDerivative : Derivative<SliceRowsDerivative, SliceRowsOp> {
  LogicalResult adjoint(SliceRowsOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    RankedTensorType type = tensorType(op.getX());
    SmallVector<Value> pieces;
    auto addZeros = [&](int64_t count) {
      SmallVector<int64_t> shape(type.getShape());
      shape.front() = count;
      if (count > 0)
        pieces.push_back(b.zeros(RankedTensorType::get(shape, type.getElementType())));
    };
    auto first = static_cast<int64_t>(op.getFirst()), count = static_cast<int64_t>(op.getCount());
    addZeros(first);
    pieces.push_back(gradients[0]);
    addZeros(type.getShape().front() - first - count);
    result[0] = ConcatRowsOp::create(b.getBuilder(), b.getLoc(), pieces);
    return success();
  }
};

struct ConcatRowsDerivative : Derivative<ConcatRowsDerivative, ConcatRowsOp> {
  LogicalResult adjoint(ConcatRowsOp op, AdjointBuilder &b, ValueRange gradients, ArrayRef<bool>,
                        MutableArrayRef<Value> result) const {
    int64_t first = 0;
    for (auto [index, input] : llvm::enumerate(op.getInputs())) {
      int64_t count = tensorType(input).getShape().front();
      result[index] = SliceRowsOp::create(b.getBuilder(), b.getLoc(), gradients[0], first, count);
      first += count;
    }
    return success();
  }
};

} // namespace

void hydra::attachElementwiseDerivatives(MLIRContext *context) {
  ConstantOp::attachInterface<NoGradient<ConstantOp>>(*context);
  StopOp::attachInterface<NoGradient<StopOp>>(*context);
  UnaryOp::attachInterface<UnaryDerivative>(*context);
  BinaryOp::attachInterface<BinaryDerivative>(*context);
  SelectOp::attachInterface<SelectDerivative>(*context);
  CastOp::attachInterface<CastDerivative>(*context);
  BroadcastOp::attachInterface<BroadcastDerivative>(*context);
  ReduceOp::attachInterface<ReduceDerivative>(*context);
  ReshapeOp::attachInterface<ReshapeDerivative>(*context);
  SplitOp::attachInterface<SplitDerivative>(*context);
  ConcatOp::attachInterface<ConcatDerivative>(*context);
  SliceRowsOp::attachInterface<SliceRowsDerivative>(*context);
  ConcatRowsOp::attachInterface<ConcatRowsDerivative>(*context);
}
