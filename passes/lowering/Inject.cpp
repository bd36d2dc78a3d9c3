// hydra-inject: named intermediate values become inputs.
#include "passes/lowering/NamedValues.h"
#include "passes/lowering/Passes.h"
#include "passes/lowering/PrimitiveEmitter.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_INJECT
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class Inject : public hydra::impl::InjectBase<Inject> {
public:
  using InjectBase::InjectBase;

  void runOnOperation() override {
    SmallVector<std::string> texts(patterns.begin(), patterns.end());
    FailureOr<NamePatterns> globs = NamePatterns::create(getOperation(), "inject", texts);
    if (failed(globs))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        for (const NamePatterns::NamedValue &value : globs->match(function))
          if (failed(inject(function, value)))
            return signalPassFailure();
    if (failed(globs->verifyAllMatched()))
      signalPassFailure();
  }

private:
  LogicalResult inject(func::FuncOp function, const NamePatterns::NamedValue &value) {
    Operation *op = value.op;
    auto top = dyn_cast<TopKOp>(op);
    for (OpResult result : op->getResults()) {
      if (llvm::any_of(result.getUsers(), llvm::IsaPred<func::ReturnOp>))
        return op->emitOpError("cannot be injected as '")
               << value.name << "': the entry returns it, and what it returns is computed";
      if (result.getResultNumber() > 0 && !top && !result.use_empty())
        return op->emitOpError("cannot be injected as '")
               << value.name << "': its other results are used, too";
    }
    MLIRContext *context = &getContext();
    auto binding = BindingAttr::get(context, BindingKind::input,
                                    StringAttr::get(context, "inject." + value.name));
    NamedAttrList attributes;
    attributes.set(kBindingAttrName, binding);
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, op->getResult(0).getType(),
                                       attributes.getDictionary(context), op->getLoc())))
      return failure();
    Value given = function.getArgument(index);
    op->getResult(0).replaceAllUsesWith(given);
    if (top && !top.getChosen().use_empty())
      top.getChosen().replaceAllUsesWith(membership(top, given));
    op->erase();
    ++numInjected;
    return success();
  }

  // What top_k says of its index: 1 at those positions of each row, 0 elsewhere.
  static Value membership(TopKOp top, Value index) {
    PrimitiveEmitter emit(top->getBlock());
    emit.builder().setInsertionPoint(top);
    auto scope = top->getAttrOfType<StringAttr>(kScopeAttrName);
    PrimitiveEmitter::Region region(emit, top.getLoc(), scope ? scope.getValue() : "");
    ArrayRef<int64_t> shape = PrimitiveEmitter::shapeOf(top.getChosen());
    auto k = static_cast<int64_t>(top.getK());
    int64_t extent = shape.back(), rows = 1;
    for (int64_t size : shape.drop_back())
      rows *= size;
    SmallVector<int32_t> starts;
    for (int64_t row = 0; row < rows; ++row)
      starts.push_back(static_cast<int32_t>(row * extent));
    Value places = emit.add(emit.reshape(index, {rows, k}), emit.integers(starts, {rows, 1}));
    Value ones = emit.broadcast(emit.scalar(1), {rows * k, 1});
    Value mask = emit.scatterRows(ones, emit.reshape(places, {rows * k}), Value(), rows * extent,
                                  /*unique=*/true);
    return emit.toInteger(emit.reshape(mask, shape));
  }
};

} // namespace
