#include "passes/remat/MemoryEstimate.h"

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

FailureOr<MemoryEstimate>
hydra::estimateMemory(ArrayRef<func::FuncOp> functions, const AppendFusion &fusion,
                      llvm::function_ref<void(func::FuncOp, func::FuncOp)> change) {
  auto whole = functions.front()->getParentOfType<ModuleOp>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(whole.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  for (auto param : whole.getOps<ParamOp>())
    builder.clone(*param);
  for (func::FuncOp function : functions)
    change(function, cast<func::FuncOp>(builder.clone(*function)));
  PassManager manager(whole.getContext(), ModuleOp::getOperationName());
  fusion(manager);
  if (failed(manager.run(*module)))
    return failure();

  MemoryEstimate estimate;
  FailureOr<plan::SharedLayout> shared = plan::SharedLayout::create(*module, estimate.sizes);
  if (failed(shared))
    return failure();
  plan::KernelTable kernels(OpBuilder::atBlockBegin(module->getBody()));
  for (auto copy : module->getOps<func::FuncOp>())
    for (auto region : copy.getOps<FusionOp>())
      if (failed(kernels.add(region)))
        return failure();
  estimate.sizes.atLeast(plan::Region::scratch, kernels.scratchBytes());
  plan::ConstantPool constants(estimate.sizes);
  int64_t largest = -1;
  for (auto copy : module->getOps<func::FuncOp>()) {
    FailureOr<plan::StorageAssignment> assignment =
        plan::StorageAssignment::create(copy, *shared, constants, kernels, estimate.sizes);
    if (failed(assignment))
      return failure();
    if (assignment->getArenaBytes() <= largest)
      continue;
    largest = assignment->getArenaBytes();
    estimate.largest.clear();
    for (auto [value, bytes] : assignment->getLiveAtPeak()) {
      if (estimate.largest.size() == kShownValues)
        break;
      estimate.largest.push_back({bytes, titleOf(value), value.getLoc()});
    }
  }
  return estimate;
}
