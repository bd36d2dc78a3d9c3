#include "passes/remat/ArenaEstimate.h"

#include "passes/plan/StorageAssignment.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::hydra;

static constexpr size_t kShownValues = 8;

// What a fusion computes, or the op itself.
static std::string titleOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return "an argument";
  if (auto fusion = dyn_cast<FusionOp>(op)) {
    unsigned number = cast<OpResult>(value).getResultNumber();
    Operation *yield = fusion.getBody().front().getTerminator();
    op = yield->getOperand(number).getDefiningOp();
  }
  return op ? op->getName().getStringRef().str() : "an argument";
}

FailureOr<ArenaEstimate> hydra::estimateArena(func::FuncOp function, const AppendFusion &fusion,
                                              llvm::function_ref<void(func::FuncOp)> change) {
  auto whole = function->getParentOfType<ModuleOp>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(whole.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  for (auto param : whole.getOps<ParamOp>())
    builder.clone(*param);
  auto copy = cast<func::FuncOp>(builder.clone(*function));
  if (change)
    change(copy);
  PassManager manager(whole.getContext(), ModuleOp::getOperationName());
  fusion(manager);
  if (failed(manager.run(*module)))
    return failure();

  plan::RegionSizes sizes;
  FailureOr<plan::SharedLayout> shared = plan::SharedLayout::create(*module, sizes);
  if (failed(shared))
    return failure();
  plan::KernelTable kernels(OpBuilder::atBlockBegin(module->getBody()));
  for (auto region : copy.getOps<FusionOp>())
    if (failed(kernels.add(region)))
      return failure();
  plan::ConstantPool constants(sizes);
  FailureOr<plan::StorageAssignment> assignment =
      plan::StorageAssignment::create(copy, *shared, constants, kernels, sizes);
  if (failed(assignment))
    return failure();
  ArenaEstimate estimate;
  estimate.bytes = assignment->getArenaBytes();
  for (auto [value, bytes] : assignment->getLiveAtPeak()) {
    if (estimate.largest.size() == kShownValues)
      break;
    estimate.largest.push_back({bytes, titleOf(value), value.getLoc()});
  }
  return estimate;
}
