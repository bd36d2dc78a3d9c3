// hydra-fuse-accumulate: adds become the accumulate operand of what they add.
#include "passes/fusion/FusionLedger.h"
#include "passes/fusion/FusionRegion.h"
#include "passes/fusion/Passes.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_FUSEACCUMULATEPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;

namespace {

// Whether `value` is there before `op` runs.
bool isDefinedBefore(Value value, Operation *op) {
  Operation *definition = value.getDefiningOp();
  return !definition ||
         (definition->getBlock() == op->getBlock() && definition->isBeforeInBlock(op));
}

// A matmul or scatter_rows without an accumulator yet.
Operation *getProduct(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto matmul = dyn_cast_if_present<MatmulOp>(op))
    return matmul.getAccumulator() ? nullptr : op;
  if (auto scatter = dyn_cast_if_present<ScatterRowsOp>(op))
    return scatter.getAccumulator() ? nullptr : op;
  return nullptr;
}

// Why `product` cannot form the sum; empty if it can.
StringRef refusal(BinaryOp add, Value accumulator, Operation *product) {
  if (!product->hasOneUse())
    return "SHARED";
  if (product->hasAttr(kProbeAttrName))
    return "PROBED";
  // Rows that bound the result of the product bound the sum as well, and the add's must be the
  // same.
  auto matmul = dyn_cast<MatmulOp>(product);
  Value rows = matmul && !matmul.getTransposeA() ? matmul.getRows() : Value();
  if (add.getRows() != rows)
    return "ROWS_DIFFER";
  return isDefinedBefore(accumulator, product) ? "" : "ORDER";
}

class BlockAccumulator {
public:
  BlockAccumulator(Block &block, FusionPolicy &policy, FusionLedger &ledger)
      : block(block), graph(block), policy(policy), ledger(ledger) {}

  int64_t run() {
    int64_t fused = 0;
    SmallVector<BinaryOp> adds(block.getOps<BinaryOp>());
    for (BinaryOp add : adds)
      if (add.getKind() == BinaryKind::add && add.getA().getType() == add.getB().getType())
        fused += consider(add, add.getA(), add.getB()) || consider(add, add.getB(), add.getA());
    return fused;
  }

private:
  bool consider(BinaryOp add, Value accumulator, Value value) {
    Operation *product = getProduct(value);
    if (!product)
      return false;
    Verdict verdict;
    verdict.code = refusal(add, accumulator, product).str();
    if (verdict.code.empty()) {
      RegionOutline alone(graph, add.getOperation());
      verdict = policy.judgeAccumulate(alone, add, product);
    }
    ledger.note(CandidateKind::accumulate, product, add.getOperation(), verdict);
    if (verdict.accepted)
      fuse(add, accumulator, product);
    return verdict.accepted;
  }

  static void fuse(BinaryOp add, Value accumulator, Operation *product) {
    if (auto matmul = dyn_cast<MatmulOp>(product))
      matmul.getAccumulatorMutable().assign(accumulator);
    else
      cast<ScatterRowsOp>(product).getAccumulatorMutable().assign(accumulator);
    if (Attribute probe = add->getAttr(kProbeAttrName))
      product->setAttr(kProbeAttrName, probe);
    add.replaceAllUsesWith(product->getResult(0));
    add.erase();
  }

  Block &block;
  FusionGraph graph;
  FusionPolicy &policy;
  FusionLedger &ledger;
};

class FuseAccumulatePass : public mlir::hydra::impl::FuseAccumulatePassBase<FuseAccumulatePass> {
public:
  using FuseAccumulatePassBase::FuseAccumulatePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<FusionPolicy> policy = createFusionPolicy(module, level, enabled, noFuse);
    if (failed(policy))
      return signalPassFailure();
    FusionLedger ledger(module);
    for (auto function : module.getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        numFused += BlockAccumulator(block, *policy, ledger).run();
    ledger.write(policy->machine().name);
  }
};

} // namespace
