// hydra-verify-plan: the invariants of the plan dialect.
#include "passes/plan/Passes.h"

#include "dialects/rows/RowsDialect.h"
#include "passes/plan/PlanChecks.h"
#include "passes/plan/RegionLayout.h"

namespace mlir::plan {
#define GEN_PASS_DEF_VERIFYPLANPASS
#include "passes/plan/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

namespace {

// A buffer or constant and the place it owns.
using Owner = std::pair<RefAttr, Operation *>;

class VerifyPlanPass : public mlir::plan::impl::VerifyPlanPassBase<VerifyPlanPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<int64_t> regionBytes(getMaxEnumValForRegion() + 1, 0);
    for (auto size : module.getOps<RegionSizeOp>())
      regionBytes[static_cast<size_t>(size.getRegion())] = size.getBytes();

    CommandChecker checker(module, regionBytes);
    bool good = succeeded(checkOwners(module.getBody(), checker));
    for (auto kernel : module.getOps<KernelOp>())
      good &= succeeded(checkKernel(kernel));
    for (auto entry : module.getOps<EntryOp>()) {
      good &= succeeded(checkOwners(&entry.getBody().front(), checker));
      good &= succeeded(checker.checkEntry(entry));
      if (static_cast<int64_t>(entry.getArenaBytes()) >
          regionBytes[static_cast<size_t>(plan::Region::arena)]) {
        entry.emitOpError("needs more arena bytes than the region has");
        good = false;
      }
    }
    for (auto kernel : module.getOps<KernelOp>())
      if (!checker.isUsed(kernel.getSymName())) {
        kernel.emitOpError("is not used by any entry");
        good = false;
      }
    numCommands += checker.getNumCommands();
    if (!good)
      signalPassFailure();
  }

  // Buffers and constants of a block lie in their regions and do not overlap.
  static LogicalResult checkOwners(Block *block, const CommandChecker &checker) {
    SmallVector<Owner> owners;
    for (auto buffer : block->getOps<BufferOp>()) {
      auto type = cast<RankedTensorType>(buffer.getType());
      if (failed(checker.checkPlace(buffer, buffer.getRef(), type.getElementTypeBitWidth() / 8)))
        return failure();
      if (buffer.getRef().getBytes() != bytesOf(type))
        return buffer.emitOpError("expected ")
               << bytesOf(type) << " bytes for " << type << ", found " << buffer.getRef();
      owners.push_back({buffer.getRef(), buffer});
    }
    for (auto constant : block->getOps<ConstantOp>()) {
      if (failed(checker.checkPlace(constant, constant.getRef(), 1)))
        return failure();
      owners.push_back({constant.getRef(), constant});
    }
    llvm::sort(owners, [](const Owner &a, const Owner &b) {
      return std::make_pair(a.first.getRegion(), a.first.getOffset()) <
             std::make_pair(b.first.getRegion(), b.first.getOffset());
    });
    for (size_t i = 1; i < owners.size(); ++i)
      if (overlap(owners[i - 1].first, owners[i].first))
        return owners[i].second->emitOpError("overlaps another buffer or constant at ")
               << owners[i - 1].first;
    return success();
  }

  static LogicalResult checkKernel(KernelOp kernel) {
    Block &body = kernel.getBody().front();
    if (body.empty() || !isa<hydra::YieldOp>(body.back()))
      return kernel.emitOpError("expected a body that ends in hydra.yield");
    auto program = dyn_cast<rows::ProgramOp>(body.front());
    if ((program != nullptr) != kernel.getSchedule().has_value())
      return kernel.emitOpError("expected a schedule exactly for a row program");
    auto operations = static_cast<size_t>(
        program ? std::distance(program.getBody().front().begin(), program.getBody().front().end())
                : 0);
    if (program && (kernel.getSchedule()->getSweep().size() != operations ||
                    kernel.getSchedule()->getPlace().size() != operations))
      return kernel.emitOpError("expected a schedule of ")
             << operations << " operations, one sweep and one place each";
    for (Operation &op : body.without_terminator())
      if (!op.hasTrait<hydra::PrimitiveTier>() && !isa<rows::ProgramOp>(op))
        return kernel.emitOpError("may hold a row program or primitives only")
                   .attachNote(op.getLoc())
               << "found " << op.getName() << " here";
    return success();
  }
};

} // namespace
