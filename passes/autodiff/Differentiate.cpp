// The pass hydra-differentiate: which functions of a module are differentiated, and how
// (Passes.td).
#include "passes/autodiff/Differentiation.h"
#include "passes/autodiff/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_HYDRADIFFERENTIATE
#include "passes/autodiff/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

struct DifferentiatePass : hydra::impl::HydraDifferentiateBase<DifferentiatePass> {
  using HydraDifferentiateBase::HydraDifferentiateBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    ParameterTable table(module);
    DifferentiationCounts counts;
    bool training = false;
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      auto entry = function->getAttrOfType<EntryAttr>(kEntryAttrName);
      bool isTraining = entry && entry.getName() == "train";
      bool isVjp = function->hasAttr(kVjpAttrName);
      LogicalResult done = success();
      if (isTraining)
        done = differentiateTraining(function, table, probeGradients, counts);
      else if (isVjp)
        done = addVectorJacobianProduct(function, counts);
      if (failed(done))
        return signalPassFailure();
      training |= isTraining;
      functionsDifferentiated += isTraining || isVjp;
    }
    if (training && failed(addApplyFunction(module, table)))
      return signalPassFailure();
    adjointOps += counts.adjointOps;
    accumulationsFolded += counts.folded;
    accumulationsAdded += counts.added;
    parametersWithoutGradient += counts.withoutGradient;
  }
};

} // namespace
