// hydra-materialize-params: writes the parameter table of a model into the module.
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_MATERIALIZEPARAMS
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

class MaterializeParams : public hydra::impl::MaterializeParamsBase<MaterializeParams> {
public:
  void runOnOperation() override {
    SmallVector<LanguageModelOp> models(getOperation().getOps<LanguageModelOp>());
    if (models.size() > 1) {
      models[1]
              .emitOpError("expected at most one hydra.model in a module")
              .attachNote(models[0].getLoc())
          << "the first one is here";
      return signalPassFailure();
    }
    if (!models.empty() && failed(materialize(models.front())))
      signalPassFailure();
  }

private:
  LogicalResult materialize(LanguageModelOp model) {
    FailureOr<SmallVector<Parameter>> table = collectParameters(model);
    if (failed(table))
      return failure();
    bool hasExperts =
        model.walk([](ExpertsOp) { return WalkResult::interrupt(); }).wasInterrupted();
    OpBuilder builder(model);
    SymbolTable symbols(getOperation());
    for (const Parameter &parameter : *table) {
      auto type = RankedTensorType::get(parameter.shape, builder.getF32Type());
      ++parameters;
      values += type.getNumElements();
      if (Operation *present = symbols.lookup(parameter.name)) {
        auto param = dyn_cast<ParamOp>(present);
        if (!param || param.getType() != type)
          return (present->emitOpError("expected the parameter '")
                  << parameter.name << "' of type " << type)
                     .attachNote(parameter.location)
                 << "which this op implies";
        continue;
      }
      OptimizerFactors factors = optimizerFactors(parameter.name, hasExperts);
      factors.learningRate = parameter.learningRate.value_or(factors.learningRate);
      factors.decay = parameter.decay.value_or(factors.decay);
      auto f64 = [&](double value) { return builder.getF64FloatAttr(value); };
      SmallVector<StringRef> aliases(parameter.aliases.begin(), parameter.aliases.end());
      ParamOp::create(builder, parameter.location, builder.getStringAttr(parameter.name),
                      TypeAttr::get(type),
                      InitAttr::get(&getContext(), parameter.init, f64(parameter.initial)),
                      f64(parameter.residualScale), f64(factors.learningRate), f64(factors.decay),
                      builder.getStrArrayAttr(aliases));
    }
    return success();
  }
};

} // namespace
