// hydra-rematerialise: what is cheap is computed again, and under a budget whole scopes.
#include "passes/remat/Passes.h"

#include "mlir/IR/Remarks.h"
#include "passes/fusion/Passes.h"
#include "passes/remat/MemoryEstimate.h"
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

// A function, and which of its ops run again.
struct Work {
  func::FuncOp function;
  Carried carried;
  Ops repeated;
};

int64_t totalBytes(const plan::RegionSizes &sizes) {
  int64_t total = 0;
  for (uint32_t i = 0; i <= plan::getMaxEnumValForRegion(); ++i)
    total += sizes.get(static_cast<plan::Region>(i));
  return total;
}

class Rematerialise : public mlir::hydra::impl::RematerialisePassBase<Rematerialise> {
public:
  using RematerialisePassBase::RematerialisePassBase;
  Rematerialise(const RematerialisePassOptions &options, AppendFusion fusion)
      : RematerialisePassBase(options), fusion(std::move(fusion)) {}

  void runOnOperation() override {
    std::vector<Work> all;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && function.getBody().hasOneBlock())
        all.push_back({function, Carried(function), {}});
    for (Work &work : all)
      repeatAlways(work);
    if (memoryBudget > 0 && !all.empty() && failed(fit(all)))
      return signalPassFailure();
    for (const Work &work : all)
      numClones += recompute(work.function, work.carried, work.repeated);
  }

private:
  void repeatAlways(Work &work) {
    work.repeated = repeatCheap(work.carried);
    numCheap += work.repeated.size();
    for (Operation &op : work.function.getBody().front())
      if (work.repeated.contains(&op))
        note(work.function, "CHEAP", &op) << op.getName().getStringRef().str();
  }

  // What entries share is there whatever is recomputed; the arena, as large as the largest needs,
  // has the rest of the budget.
  LogicalResult fit(MutableArrayRef<Work> all) {
    SmallVector<func::FuncOp> functions;
    for (const Work &work : all)
      functions.push_back(work.function);
    FailureOr<MemoryEstimate> unlimited =
        estimateMemory(functions, fusion, [&](func::FuncOp function, func::FuncOp copy) {
          const Work *work =
              llvm::find_if(all, [&](const Work &other) { return other.function == function; });
          repeat(*work, work->repeated, copy);
        });
    if (failed(unlimited))
      return failure();
    whole = totalBytes(unlimited->sizes);
    shared = whole - unlimited->arenaBytes();
    if (whole <= memoryBudget)
      return success();
    for (Work &work : all)
      if (failed(fit(work)))
        return failure();
    return success();
  }

  // Adds to what is repeated as few scopes as the budget allows.
  LogicalResult fit(Work &work) {
    SmallVector<RepeatedScope> scopes = repeatableScopes(work.carried, work.repeated);
    auto with = [&](size_t count) {
      Ops ops = work.repeated;
      for (const RepeatedScope &scope : ArrayRef(scopes).take_front(count))
        ops.insert(scope.ops.begin(), scope.ops.end());
      return ops;
    };
    auto estimate = [&](size_t count) {
      Ops ops = with(count);
      return estimateMemory(work.function, fusion,
                            [&](func::FuncOp, func::FuncOp copy) { repeat(work, ops, copy); });
    };
    auto fits = [&](const MemoryEstimate &memory) {
      return shared + memory.arenaBytes() <= memoryBudget;
    };
    FailureOr<MemoryEstimate> none = estimate(0);
    if (failed(none))
      return failure();
    if (fits(*none))
      return success();
    FailureOr<MemoryEstimate> all = scopes.empty() ? none : estimate(scopes.size());
    if (failed(all))
      return failure();
    if (!fits(*all))
      return refuse(work.function, *all);
    size_t tooFew = 0, enough = scopes.size();
    while (enough - tooFew > 1) {
      size_t middle = tooFew + (enough - tooFew) / 2;
      FailureOr<MemoryEstimate> memory = estimate(middle);
      if (failed(memory))
        return failure();
      (fits(*memory) ? enough : tooFew) = middle;
    }
    for (const RepeatedScope &scope : ArrayRef(scopes).take_front(enough))
      note(work.function, "SCOPE", scope.largest)
          << scope.name.str() << remark::metric("bytes", scope.bytes)
          << remark::metric("flops", scope.flops);
    numScopes += enough;
    work.repeated = with(enough);
    return success();
  }

  // In a copy of the function, the copies of `ops`.
  static void repeat(const Work &work, const Ops &ops, func::FuncOp copy) {
    func::FuncOp function = work.function;
    Ops same;
    for (auto [original, other] :
         llvm::zip_equal(function.getBody().front(), copy.getBody().front()))
      if (ops.contains(&original))
        same.insert(&other);
    recompute(copy, Carried(copy), same);
  }

  LogicalResult refuse(func::FuncOp function, const MemoryEstimate &least) {
    InFlightDiagnostic error =
        function.emitError("--memory-budget: expected at least ")
        << shared + least.arenaBytes() << " bytes: " << least.arenaBytes() << " for the arena of "
        << function.getSymName() << ", with everything recomputed that can be, and " << shared
        << " for weights, gradients, optimizer state and buffers; found "
        << static_cast<int64_t>(memoryBudget) << "; without a budget it takes " << whole
        << "; allow more, or take a smaller batch or sequence";
    for (const MemoryEstimate::Live &live : least.largest)
      error.attachNote(live.location)
          << live.bytes << " bytes are held here, by " << live.what << ", where most is alive";
    return error;
  }

  static remark::detail::InFlightRemark note(func::FuncOp function, StringRef code, Operation *op) {
    return remark::passed(op->getLoc(), remark::RemarkOpts::name(code).category("memory").function(
                                            function.getSymName()));
  }

  AppendFusion fusion = [](OpPassManager &manager) { manager.addPass(createFormFusionsPass()); };
  int64_t whole = 0, shared = 0; // planned bytes without a budget; those of them that stay
};

} // namespace

std::unique_ptr<Pass> hydra::createRematerialisePass(const RematerialisePassOptions &options,
                                                     AppendFusion fusion) {
  return std::make_unique<Rematerialise>(options, std::move(fusion));
}
