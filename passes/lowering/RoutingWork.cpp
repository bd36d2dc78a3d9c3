#include "passes/lowering/RoutingWork.h"

#include "passes/lowering/Calls.h"
#include "passes/lowering/ParameterTable.h"

using namespace mlir;
using namespace mlir::hydra;

double hydra::mlpRowFlops(MlpOp op) {
  int64_t width = cast<RankedTensorType>(op.getX().getType()).getShape().back();
  // Two of [width, hidden], one back; a multiplication and an addition each.
  return 6.0 * static_cast<double>(width) * static_cast<double>(op.getHidden());
}

Value hydra::mlpFlops(PrimitiveEmitter &emit, ArrayRef<MlpCall> calls) {
  double known = 0;
  SmallVector<Value> counts;
  SmallVector<float> costs;
  for (const MlpCall &call : calls) {
    if (call.rows) {
      counts.push_back(call.rows);
      costs.push_back(static_cast<float>(call.rowFlops));
    } else {
      known += static_cast<double>(call.limit) * call.rowFlops;
    }
  }
  Value constant = emit.scalar(known);
  if (counts.empty())
    return constant;
  auto type =
      RankedTensorType::get({static_cast<int64_t>(costs.size())}, emit.builder().getF32Type());
  Value cost = ConstantOp::create(emit.builder(), emit.location(),
                                  DenseElementsAttr::get(type, ArrayRef<float>(costs)));
  return emit.add(emit.sum(emit.mul(emit.toFloat(emit.vector(counts)), cost)), constant);
}

// How often a token meets `op` at fixed depth.
static double callsPerToken(LanguageModelOp model, Operation *op) {
  double calls = 1;
  ExpertsOp experts;
  for (Operation *outer = op->getParentOp(); outer != model; outer = outer->getParentOp()) {
    if (auto recursion = dyn_cast<RecursionOp>(outer)) {
      calls *= static_cast<double>(recursion.getRecursions());
    } else if (auto found = dyn_cast<ExpertsOp>(outer)) {
      experts = found;
      calls *= static_cast<double>(experts.getTopK());
    } else if (auto blocks = dyn_cast<BlocksOp>(outer)) {
      int64_t count = blocks.getCount();
      // Experts stand behind some of the blocks.
      calls *=
          static_cast<double>(experts ? expertPlacement(count, experts.getLayers()).size() : count);
    }
  }
  return calls;
}

double hydra::fixedDepthFlops(LanguageModelOp model, int64_t tokens) {
  double flops = 0;
  model.walk([&](MlpOp op) {
    flops += callsPerToken(model, op) * static_cast<double>(tokens) * mlpRowFlops(op);
  });
  model.walk([&](CallOp op) {
    flops += callsPerToken(model, op) * static_cast<double>(tokens) * calledMlpFlops(op);
  });
  return flops;
}
