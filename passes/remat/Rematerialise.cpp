// hydra-rematerialise: what is cheap is computed again, and under a budget whole scopes.
#include "passes/remat/Passes.h"

#include "mlir/IR/Remarks.h"
#include "passes/fusion/Passes.h"
#include "passes/remat/ArenaEstimate.h"
#include "passes/remat/Recompute.h"
#include "passes/remat/RepeatPlan.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_REMATERIALISEPASS
#include "passes/remat/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

using Ops = llvm::DenseSet<Operation *>;

class Rematerialise : public mlir::hydra::impl::RematerialisePassBase<Rematerialise> {
public:
  using RematerialisePassBase::RematerialisePassBase;
  Rematerialise(const RematerialisePassOptions &options, AppendFusion fusion)
      : RematerialisePassBase(options), fusion(std::move(fusion)) {}

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && function.getBody().hasOneBlock() &&
          failed(rematerialise(function)))
        return signalPassFailure();
  }

private:
  LogicalResult rematerialise(func::FuncOp function) {
    Carried carried(function);
    Ops repeated = repeatCheap(carried);
    numCheap += repeated.size();
    for (Operation &op : function.getBody().front())
      if (repeated.contains(&op))
        note(function, "CHEAP", &op) << op.getName().getStringRef().str();
    if (memoryBudget > 0 && failed(fit(function, carried, repeated)))
      return failure();
    numClones += recompute(function, carried, repeated);
    return success();
  }

  // Adds to `repeated` as few scopes as the budget allows.
  LogicalResult fit(func::FuncOp function, const Carried &carried, Ops &repeated) {
    SmallVector<RepeatedScope> scopes = repeatableScopes(carried, repeated);
    auto with = [&](size_t count) {
      Ops ops = repeated;
      for (const RepeatedScope &scope : ArrayRef(scopes).take_front(count))
        ops.insert(scope.ops.begin(), scope.ops.end());
      return ops;
    };
    auto estimate = [&](size_t count) {
      Ops ops = with(count);
      // The same ops of the copy.
      return estimateArena(function, fusion, [&](func::FuncOp copy) {
        Ops same;
        for (auto [original, other] :
             llvm::zip_equal(function.getBody().front(), copy.getBody().front()))
          if (ops.contains(&original))
            same.insert(&other);
        recompute(copy, Carried(copy), same);
      });
    };
    FailureOr<ArenaEstimate> none = estimate(0);
    if (failed(none))
      return failure();
    if (none->bytes <= memoryBudget)
      return success();
    FailureOr<ArenaEstimate> all = scopes.empty() ? none : estimate(scopes.size());
    if (failed(all))
      return failure();
    if (all->bytes > memoryBudget)
      return refuse(function, none->bytes, *all);
    size_t tooFew = 0, enough = scopes.size();
    while (enough - tooFew > 1) {
      size_t middle = tooFew + (enough - tooFew) / 2;
      FailureOr<ArenaEstimate> arena = estimate(middle);
      if (failed(arena))
        return failure();
      (arena->bytes <= memoryBudget ? enough : tooFew) = middle;
    }
    for (const RepeatedScope &scope : ArrayRef(scopes).take_front(enough))
      note(function, "SCOPE", scope.largest)
          << scope.name.str() << remark::metric("bytes", scope.bytes)
          << remark::metric("flops", scope.flops);
    numScopes += enough;
    repeated = with(enough);
    return success();
  }

  LogicalResult refuse(func::FuncOp function, int64_t unlimited, const ArenaEstimate &least) {
    InFlightDiagnostic error = function.emitError("--memory-budget: expected at least ")
                               << least.bytes << " bytes for the arena of " << function.getSymName()
                               << ", with everything recomputed that can be, found "
                               << static_cast<int64_t>(memoryBudget)
                               << "; without a budget it takes " << unlimited
                               << "; allow more, or take a smaller batch or sequence";
    for (const ArenaEstimate::Live &live : least.largest)
      error.attachNote(live.location)
          << live.bytes << " bytes are held here, by " << live.what << ", where most is alive";
    return error;
  }

  static remark::detail::InFlightRemark note(func::FuncOp function, StringRef code, Operation *op) {
    return remark::passed(op->getLoc(), remark::RemarkOpts::name(code).category("memory").function(
                                            function.getSymName()));
  }

  AppendFusion fusion = [](OpPassManager &manager) { manager.addPass(createFormFusionsPass()); };
};

} // namespace

std::unique_ptr<Pass> hydra::createRematerialisePass(const RematerialisePassOptions &options,
                                                     AppendFusion fusion) {
  return std::make_unique<Rematerialise>(options, std::move(fusion));
}
