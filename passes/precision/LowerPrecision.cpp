// hydra-lower-precision: matmuls and attention take bf16 operands, and what stands between two
// products is bf16.
#include "passes/precision/Passes.h"

#include "llvm/ADT/SetVector.h"

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
    // Rounding before elements are copied about is rounding them once.
    if (auto unfold = value.getDefiningOp<UnfoldOp>(); unfold && !unfold.getHistory() && !rows) {
      Value source = of(unfold.getX(), rows);
      placeBehind(value, rows);
      auto windows = UnfoldOp::create(builder, unfold.getLoc(), source, /*history=*/Value(),
                                      /*position=*/Value(), unfold.getWidth());
      if (Attribute scope = unfold->getAttr(kScopeAttrName))
        windows->setAttr(kScopeAttrName, scope);
      return known[{value, rows}] = windows;
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

// Activations between products: ops that read results of products only and whose results only
// products read. What they read and write is bf16; they compute in float32 as before.
class Activations {
public:
  explicit Activations(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (isa<SwigluOp, SwigluGradOp>(op))
        found.insert(op);
    });
    // An operand is bf16 for all of its readers or for none.
    while (true) {
      SmallVector<Operation *> unfit;
      for (Operation *op : found)
        if (!fits(op))
          unfit.push_back(op);
      if (unfit.empty())
        return;
      for (Operation *op : unfit)
        found.remove(op);
    }
  }

  // Returns how many there are.
  int64_t lower() {
    for (Operation *op : found) {
      for (Value operand : op->getOperands())
        if (auto product = operand.getDefiningOp<MatmulOp>()) {
          product.removeElementTypeAttr();
          round(product.getResult());
        }
      Value result = op->getResult(0);
      round(result);
      for (Operation *user : llvm::make_early_inc_range(result.getUsers())) {
        user->getResult(0).replaceAllUsesWith(result);
        user->erase();
      }
    }
    return static_cast<int64_t>(found.size());
  }

private:
  bool fits(Operation *op) const {
    auto isRounded = [](Operation *user) {
      auto cast = dyn_cast<CastOp>(user);
      return cast && cast.getElementType().isBF16();
    };
    if (op->hasAttr(kProbeAttrName) || !llvm::all_of(op->getResult(0).getUsers(), isRounded))
      return false;
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      if (!isa<FloatType>(typeOf(operand).getElementType()))
        return true; // the row count
      auto product = operand.getDefiningOp<MatmulOp>();
      return product && typeOf(product.getA()).getElementType().isBF16() &&
             !product.getAccumulator() && !product->hasAttr(kProbeAttrName) &&
             llvm::all_of(operand.getUsers(),
                          [&](Operation *user) { return found.contains(user); });
    });
  }

  static void round(Value value) {
    value.setType(typeOf(value).clone(BFloat16Type::get(value.getContext())));
  }

  llvm::SetVector<Operation *> found;
};

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
      // Last: it takes casts away, which `copies` knows.
      numActivations += Activations(function).lower();
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
