// hydra-lower-precision: matmuls and attention take bf16 operands.
#include "passes/precision/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_HYDRALOWERPRECISION
#include "passes/precision/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

// The bf16 copies of one function.
class Copies {
public:
  explicit Copies(MLIRContext *context) : builder(context) {}

  // The copy of `value`, of which the first `rows` rows are defined (all if null).
  Value of(Value value, Value rows) {
    Value &copy = known[{value, rows}];
    if (copy)
      return copy;
    auto reshape = value.getDefiningOp<ReshapeOp>();
    // Rows are those of the flattened leading axes, which a reshape that keeps the last extent
    // keeps.
    bool sameRows = reshape && (!rows || typeOf(reshape.getX()).getShape().back() ==
                                             typeOf(value).getShape().back());
    if (sameRows) {
      Value source = of(reshape.getX(), rows);
      placeBehind(value, rows);
      // `known` may have grown, and `copy` with it.
      return known[{value, rows}] =
                 ReshapeOp::create(builder, reshape.getLoc(), source, reshape.getShapeAttr());
    }
    placeBehind(value, rows);
    auto cast =
        CastOp::create(builder, value.getLoc(), value, TypeAttr::get(builder.getBF16Type()), rows);
    if (Operation *maker = value.getDefiningOp())
      if (Attribute scope = maker->getAttr(kScopeAttrName))
        cast->setAttr(kScopeAttrName, scope);
    ++numCasts;
    return copy = cast;
  }

  int64_t numCasts = 0;

private:
  // Behind whatever comes later of the value and its count.
  void placeBehind(Value value, Value rows) {
    builder.setInsertionPointAfterValue(value);
    Operation *count = rows ? rows.getDefiningOp() : nullptr;
    if (count && (!value.getDefiningOp() || value.getDefiningOp()->isBeforeInBlock(count)))
      builder.setInsertionPointAfter(count);
  }

  OpBuilder builder;
  llvm::DenseMap<std::pair<Value, Value>, Value> known;
};

// Whether attention of float32 operands can take them rounded. What reads a cache does not:
// rounding it would cost more than the products, and it is float32 for every chunk.
template <typename OpT> bool canRound(OpT op) {
  RankedTensorType q = typeOf(op.getQ());
  if (auto attention = dyn_cast<AttentionOp>(op.getOperation()))
    if (attention.getPosition() || attention.getCount())
      return false;
  auto heads = static_cast<int64_t>(op.getHeads());
  return q.getElementType().isF32() && q.getShape().back() / heads % 2 == 0 &&
         op.getScale().convertToDouble() > 0;
}

class LowerPrecision : public mlir::hydra::impl::HydraLowerPrecisionBase<LowerPrecision> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      Copies copies(&getContext());
      SmallVector<MatmulOp> matmuls;
      function.walk([&](MatmulOp op) {
        if (typeOf(op.getA()).getElementType().isF32() && !op.getFullPrecision())
          matmuls.push_back(op);
      });
      for (MatmulOp op : matmuls) {
        Value rows = op.getRows();
        op.getAMutable().assign(copies.of(op.getA(), rows));
        op.getBMutable().assign(copies.of(op.getB(), op.getTransposeA() ? rows : Value()));
        op.setElementType(typeOf(op.getResult()).getElementType());
      }
      numMatmuls += matmuls.size();
      function.walk([&](Operation *op) {
        if (auto attention = dyn_cast<AttentionOp>(op); attention && canRound(attention))
          roundOperands(op, 3, copies);
        if (auto grad = dyn_cast<AttentionGradOp>(op); grad && canRound(grad))
          roundOperands(op, 4, copies);
      });
      numCasts += copies.numCasts;
    }
  }

  // The first `count` operands of attention (q, k, v) or its gradient (dy, q, k, v).
  void roundOperands(Operation *op, unsigned count, Copies &copies) {
    for (OpOperand &operand : op->getOpOperands().take_front(count))
      operand.set(copies.of(operand.get(), Value()));
    ++numAttentions;
  }
};

} // namespace
