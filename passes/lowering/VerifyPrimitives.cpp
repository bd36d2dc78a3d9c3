// hydra-verify-primitives: what must hold once routing is done.
#include "passes/lowering/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_VERIFYPRIMITIVES
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class VerifyPrimitives : public hydra::impl::VerifyPrimitivesBase<VerifyPrimitives> {
public:
  void runOnOperation() override {
    bool failed = false;
    for (auto model : getOperation().getOps<LanguageModelOp>()) {
      model.emitOpError(
          "is left after routing: no entry was made of it; hydra-lower-model does so");
      failed = true;
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      failed |= !verifyFunction(function);
    if (failed)
      signalPassFailure();
    markAllAnalysesPreserved();
  }

private:
  static bool isStatic(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  }

  bool verifyFunction(func::FuncOp function) {
    bool good = verifyBindings(function);
    // The name goes into files and messages.
    if (llvm::any_of(function.getName(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      function.emitOpError("expected a name without control characters; rename the function");
      good = false;
    }
    function.walk([&](Operation *op) {
      if (op->hasTrait<ModelTier>()) {
        op->emitOpError(
            "is left after routing: it belongs to the model tier, and functions consist "
            "of primitives from here on");
        good = false;
      } else if (op->hasTrait<PrimitiveTier>() && !llvm::all_of(op->getResultTypes(), isStatic)) {
        op->emitOpError("has a result of dynamic shape after routing; entries are instantiated per "
                        "shape");
        good = false;
      }
    });
    return good;
  }

  bool verifyBindings(func::FuncOp function) {
    bool good = true;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (!isa_and_nonnull<BindingAttr>(function.getArgAttr(i, kBindingAttrName))) {
        function.emitOpError("argument ") << i << " has no " << kBindingAttrName;
        good = false;
      }
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!isa_and_nonnull<BindingAttr>(function.getResultAttr(i, kBindingAttrName))) {
        function.emitOpError("result ") << i << " has no " << kBindingAttrName;
        good = false;
      }
    return good;
  }
};

} // namespace
