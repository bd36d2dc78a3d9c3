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
    if (auto concat = value.getDefiningOp<ConcatOp>();
        concat && !rows && !concat.getRows() && onlyProductsRead(value)) {
      SmallVector<Value> parts;
      for (Value input : concat.getInputs())
        parts.push_back(of(input, rows));
      placeBehind(value, rows);
      auto joined = ConcatOp::create(builder, concat.getLoc(), parts, /*rows=*/Value());
      if (Attribute scope = concat->getAttr(kScopeAttrName))
        joined->setAttr(kScopeAttrName, scope);
      return known[{value, rows}] = joined;
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
  // Whether nobody needs the float32 value once products read its copy.
  static bool onlyProductsRead(Value value) {
    return llvm::all_of(value.getUsers(), [](Operation *user) {
      auto product = dyn_cast<MatmulOp>(user);
      return product && !product.getFullPrecision() && !product.getRows();
    });
  }
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

bool isRounding(Operation *op) {
  auto cast = dyn_cast<CastOp>(op);
  return cast && cast.getElementType().isBF16();
}
bool isProductOfRounded(MatmulOp product) {
  return product && typeOf(product.getA()).getElementType().isBF16() &&
         typeOf(product.getResult()).getElementType().isF32() && !product.getAccumulator();
}
void roundType(Value value) {
  value.setType(typeOf(value).clone(BFloat16Type::get(value.getContext())));
}
void roundResult(MatmulOp product) {
  product.removeElementTypeAttr();
  roundType(product.getResult());
}
// The copies of `value`, which is rounded itself, are the value.
void dropCopies(Value value) {
  for (Operation *user : llvm::make_early_inc_range(value.getUsers()))
    if (isRounding(user)) {
      user->getResult(0).replaceAllUsesWith(value);
      user->erase();
    }
}

// A float32 copy of a rounded product, for some of its readers.
void widenFor(MatmulOp product, Value rows, llvm::function_ref<bool(OpOperand &)> reads) {
  OpBuilder builder(product->getContext());
  builder.setInsertionPointAfter(product);
  auto wide = CastOp::create(builder, product.getLoc(), product.getResult(),
                             TypeAttr::get(builder.getF32Type()), rows);
  if (Attribute scope = product->getAttr(kScopeAttrName))
    wide->setAttr(kScopeAttrName, scope);
  product.getResult().replaceUsesWithIf(
      wide, [&](OpOperand &use) { return use.getOwner() != wide && reads(use); });
}

// Ops between products: they read results of products that nothing else needs unrounded, and what
// they make products read. That is bf16; they compute in float32 as before.
class Activations {
public:
  explicit Activations(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (isa<SwigluOp, SwigluGradOp, CrossEntropyOp, CrossEntropyGradOp>(op))
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
      for (Value operand : roundedOperands(op))
        if (auto product = operand.getDefiningOp<MatmulOp>(); isProductOfRounded(product)) {
          roundResult(product);
          if (llvm::any_of(product->getUsers(), isReturn))
            widenFor(product, Value(), [](OpOperand &use) { return isReturn(use.getOwner()); });
        }
      if (!roundsResult(op))
        continue;
      roundType(op->getResult(0));
      dropCopies(op->getResult(0));
    }
    return static_cast<int64_t>(found.size());
  }

private:
  static SmallVector<Value> roundedOperands(Operation *op) {
    if (auto loss = dyn_cast<CrossEntropyOp>(op))
      return {loss.getLogits()};
    if (auto grad = dyn_cast<CrossEntropyGradOp>(op))
      return {grad.getLogits()};
    if (auto grad = dyn_cast<SwigluGradOp>(op))
      return {grad.getDy(), grad.getX()};
    return {cast<SwigluOp>(op).getX()};
  }
  // A loss is float32, and so is all that it is made of.
  static bool roundsResult(Operation *op) { return !isa<CrossEntropyOp>(op); }

  static bool isReturn(Operation *op) { return op->hasTrait<OpTrait::IsTerminator>(); }
  // Logits are a result of evaluation, and named: who asks for them gets what the loss was made of.
  static bool mayBeAskedFor(Operation *op) { return isa<CrossEntropyOp, CrossEntropyGradOp>(op); }

  bool fits(Operation *op) const {
    if (roundsResult(op) &&
        (op->hasAttr(kProbeAttrName) || !llvm::all_of(op->getResult(0).getUsers(), isRounding)))
      return false;
    return llvm::all_of(roundedOperands(op), [&](Value operand) {
      auto product = operand.getDefiningOp<MatmulOp>();
      return isProductOfRounded(product) &&
             (mayBeAskedFor(op) || !product->hasAttr(kProbeAttrName)) &&
             llvm::all_of(operand.getUsers(), [&](Operation *user) {
               return found.contains(user) || (mayBeAskedFor(op) && isReturn(user));
             });
    });
  }

  llvm::SetVector<Operation *> found;
};

// Results of products that are made rounded, because all that reads them does not lose by it.
class RoundedProducts {
public:
  // Returns how many there are.
  static int64_t round(func::FuncOp function) {
    SmallVector<MatmulOp> products;
    function.walk([&](MatmulOp op) {
      if (isProductOfRounded(op) && !op->hasAttr(kProbeAttrName) && !op->use_empty() &&
          (isOnlyCopied(op) || isGradientOfNorm(op)))
        products.push_back(op);
    });
    for (MatmulOp product : products) {
      bool isOnly = isOnlyCopied(product);
      roundResult(product);
      if (isOnly)
        dropCopies(product.getResult());
      else
        widenFor(product, rowsOf(product), [](OpOperand &) { return true; });
    }
    return static_cast<int64_t>(products.size());
  }

private:
  // The rows of the result that there are.
  static Value rowsOf(MatmulOp product) {
    return product.getTransposeA() ? Value() : product.getRows();
  }

  // Nobody reads more than the rounded copy: the same bits, without a pass that rounds them.
  static bool isOnlyCopied(MatmulOp product) {
    return llvm::all_of(product->getUsers(), [&](Operation *user) {
      return isRounding(user) && cast<CastOp>(user).getRows() == rowsOf(product);
    });
  }

  // What the gradient of a norm takes from the product behind the norm. It is added to the residual
  // gradient in float32.
  static bool isGradientOfNorm(MatmulOp product) {
    return llvm::all_of(product->getUsers(), [&](Operation *user) {
      Value result = product.getResult();
      if (auto grad = dyn_cast<RmsNormGradOp>(user))
        return grad.getDy() == result && grad.getX() != result;
      auto grad = dyn_cast<RmsNormWeightGradOp>(user);
      return grad && grad.getDy() == result && grad.getX() != result;
    });
  }
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
      eraseUnread(function);
      // Last: they take casts away, which `copies` knows.
      numActivations += Activations(function).lower();
      numRoundedProducts += RoundedProducts::round(function);
    }
  }

  // What only moved elements about of which copies are moved now would count as a reader.
  static void eraseUnread(func::FuncOp function) {
    for (Block &block : function.getBody())
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
        if (isa<ReshapeOp, UnfoldOp, ConcatOp>(op) && op.use_empty() && !op.hasAttr(kProbeAttrName))
          op.erase();
  }

  // The first `count` operands of attention (q, k, v) or its gradient (dy, q, k, v).
  void roundOperands(Operation *op, unsigned count, Copies &copies) {
    for (OpOperand &operand : op->getOpOperands().take_front(count))
      operand.set(copies.of(operand.get(), Value()));
    ++numAttentions;
  }
};

} // namespace
