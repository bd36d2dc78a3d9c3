// hydra-plan: from functions of fusions to regions, kernels and entries.
#include "passes/plan/Passes.h"

#include "passes/plan/CheckAssignment.h"
#include "passes/plan/EntryEmitter.h"
#include "passes/plan/MatmulPlan.h"

namespace mlir::plan {
#define GEN_PASS_DEF_PLANPASS
#include "passes/plan/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

namespace {

class PlanPass : public mlir::plan::impl::PlanPassBase<PlanPass> {
public:
  using PlanPassBase::PlanPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal())
        functions.push_back(function);
    if (failed(plan(module, functions)))
      return signalPassFailure();
    for (func::FuncOp function : functions)
      function.erase();
  }

private:
  LogicalResult plan(ModuleOp module, ArrayRef<func::FuncOp> functions) {
    for (func::FuncOp function : functions)
      if (failed(checkFused(function)))
        return failure();

    RegionSizes sizes;
    FailureOr<SharedLayout> shared = SharedLayout::create(module, sizes);
    if (failed(shared))
      return failure();
    // In the module: region sizes, buffers, constants, kernels, entries.
    auto builder = OpBuilder::atBlockEnd(module.getBody());
    if (!functions.empty())
      builder.setInsertionPoint(functions.front());
    KernelTable kernels(builder, blocks ? Workers::blocks : Workers::processor);
    for (func::FuncOp function : functions)
      for (auto fusion : function.getOps<hydra::FusionOp>())
        if (failed(kernels.add(fusion)))
          return failure();
    ConstantPool constants(sizes);
    std::vector<StorageAssignment> assignments;
    for (func::FuncOp function : functions) {
      FailureOr<StorageAssignment> assignment =
          StorageAssignment::create(function, *shared, constants, kernels, sizes);
      if (failed(assignment) || failed(checkAssignment(function, *assignment)))
        return failure();
      numInPlace += assignment->getNumInPlace();
      valueBytes = std::max<int64_t>(valueBytes, assignment->getValueBytes());
      assignments.push_back(std::move(*assignment));
    }

    auto entryBuilder = OpBuilder::atBlockEnd(module.getBody());
    for (auto [function, assignment] : llvm::zip(functions, assignments)) {
      EntryCounts counts =
          emitEntry(entryBuilder, function, *shared, assignment, kernels, bucketBytes);
      numLaunches += counts.launches;
      numCopies += counts.copies;
    }
    sizes.atLeast(plan::Region::scratch, kernels.scratchBytes());
    numKernels = kernels.size();
    arenaBytes = sizes.get(plan::Region::arena);

    if (auto first = module.getOps<KernelOp>(); !first.empty())
      builder.setInsertionPoint(*first.begin());
    for (uint32_t i = 0; i <= getMaxEnumValForRegion(); ++i) {
      auto region = static_cast<plan::Region>(i);
      RegionSizeOp::create(builder, module.getLoc(), region, sizes.get(region));
    }
    shared->emit(builder, module.getLoc());
    constants.emit(builder, module.getLoc());
    return success();
  }

  LogicalResult checkFused(func::FuncOp function) {
    if (!function.getBody().hasOneBlock())
      return function.emitOpError("has several blocks; hydra-plan expects what "
                                  "hydra-verify-fused accepts");
    for (Operation &op : function.getBody().front())
      if (!isProduct(&op) &&
          !isa<hydra::FusionOp, hydra::ConstantOp, hydra::ReshapeOp, hydra::StopOp, hydra::AfterOp,
               hydra::SliceRowsOp, hydra::ConcatRowsOp, func::ReturnOp>(op))
        return op.emitOpError("cannot be planned; run hydra-fusion-pipeline first");
    return success();
  }
};

} // namespace
