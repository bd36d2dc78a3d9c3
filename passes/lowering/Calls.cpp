// hydra.call: the body of a private function in place of the call, its parameters under the scope
// of the call.
#include "passes/lowering/Calls.h"

#include "passes/lowering/ModelLowering.h"
#include "passes/lowering/ParameterTable.h"
#include "passes/lowering/RoutingWork.h"

using namespace mlir;
using namespace mlir::hydra;

// Ops that one call may stand for; a few lines of functions that call each other twice stand for
// more than any memory holds.
static constexpr int64_t kMaxCalledOps = int64_t(1) << 16;

func::FuncOp hydra::calledFunction(CallOp call) {
  // Checked by the verifier.
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
}

namespace {

class CallCheck {
public:
  // How many ops stand under `root`, those of called functions included.
  FailureOr<int64_t> count(Operation *root) {
    int64_t ops = 0;
    WalkResult result = root->walk([&](Operation *op) -> WalkResult {
      ++ops;
      auto call = dyn_cast<CallOp>(op);
      if (!call)
        return WalkResult::advance();
      FailureOr<int64_t> called = countCalled(call);
      if (failed(called))
        return failure();
      ops += *called;
      if (ops <= kMaxCalledOps)
        return WalkResult::advance();
      return call.emitOpError("stands for more than ")
             << kMaxCalledOps
             << " ops, those of the functions that it calls included; write fewer calls";
    });
    if (result.wasInterrupted())
      return failure();
    return ops;
  }

private:
  FailureOr<int64_t> countCalled(CallOp call) {
    func::FuncOp function = calledFunction(call);
    if (llvm::is_contained(open, function))
      return call.emitOpError("calls @")
                 << call.getCallee()
                 << " from within: a block has no end then; use hydra.recursion for "
                 << "repeated passes",
             failure();
    if (auto known = counts.find(function); known != counts.end())
      return known->second;
    if (failed(checkSizes(function)))
      return failure();
    open.push_back(function);
    FailureOr<int64_t> ops = count(function);
    open.pop_back();
    if (succeeded(ops))
      counts[function] = *ops;
    return ops;
  }

  SmallVector<func::FuncOp> open;
  DenseMap<func::FuncOp, int64_t> counts;
};

} // namespace

LogicalResult hydra::checkCalls(Operation *root) { return LogicalResult(CallCheck().count(root)); }

double hydra::calledMlpFlops(CallOp call) {
  double flops = 0;
  calledFunction(call).walk([&](Operation *op) {
    if (auto mlp = dyn_cast<MlpOp>(op))
      flops += mlpRowFlops(mlp);
    else if (auto nested = dyn_cast<CallOp>(op))
      flops += calledMlpFlops(nested);
  });
  return flops;
}

FailureOr<SmallVector<Value>> ModelLowering::lowerCall(CallOp op, const Place &place) {
  Place inside = place;
  inside.scope = joinScope(place.scope, op.getName());
  inside.part = joinScope(place.part, op.getName());
  auto [claimed, isNew] = callScopes.try_emplace(inside.scope, op);
  if (!isNew && claimed->second != op)
    return (op.emitOpError("expected a name of its own, since parameters have it as their scope; '")
            << inside.scope << "' is taken")
                   .attachNote(claimed->second->getLoc())
               << "by this call",
           failure();
  SmallVector<Value> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(lowered(input));
  Block &body = calledFunction(op).getBody().front();
  if (failed(lowerOps(body, inputs, inside)))
    return failure();
  SmallVector<Value> results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(lowered(value));
  return results;
}
