// hydra-probe: named intermediate values become outputs.
#include "passes/fusion/Passes.h"
#include "passes/lowering/NamedValues.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_PROBEPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class ProbePass : public mlir::hydra::impl::ProbePassBase<ProbePass> {
public:
  using ProbePassBase::ProbePassBase;

  void runOnOperation() override {
    SmallVector<std::string> texts(patterns.begin(), patterns.end());
    FailureOr<NamePatterns> globs = NamePatterns::create(getOperation(), "probe", texts);
    if (failed(globs))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        probeFunction(function, *globs);
    if (failed(globs->verifyAllMatched()))
      signalPassFailure();
  }

private:
  void probeFunction(func::FuncOp function, NamePatterns &globs) {
    Operation *terminator = function.getBody().back().getTerminator();
    SmallVector<Value> values(terminator->getOperands());
    for (const NamePatterns::NamedValue &value : globs.match(function)) {
      Value result = inFloat(value.op->getResult(0));
      addOutput(function, values.size(), result.getType(), "probe." + value.name);
      values.push_back(result);
      ++numProbed;
    }
    terminator->setOperands(values);
  }

  // Outputs are float32; a value that is rounded goes out as it is, wider.
  static Value inFloat(Value value) {
    if (!cast<RankedTensorType>(value.getType()).getElementType().isBF16())
      return value;
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    return CastOp::create(builder, value.getLoc(), value, TypeAttr::get(builder.getF32Type()),
                          /*rows=*/Value());
  }

  void addOutput(func::FuncOp function, unsigned index, Type type, StringRef name) {
    MLIRContext *context = &getContext();
    auto binding = BindingAttr::get(context, BindingKind::output, StringAttr::get(context, name));
    auto attributes = DictionaryAttr::get(
        context, NamedAttribute(StringAttr::get(context, kBindingAttrName), binding));
    (void)function.insertResult(index, type, attributes);
  }
};

} // namespace
