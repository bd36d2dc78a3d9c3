// hydra-choose-products: which products are kernels of our own, on targets that have one for them.
#include "dialects/plan/MatmulShape.h"
#include "passes/fusion/FusionLedger.h"
#include "passes/fusion/FusionRegion.h"
#include "passes/fusion/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::hydra {
#define GEN_PASS_DEF_CHOOSEPRODUCTSPASS
#include "passes/fusion/Passes.h.inc"
} // namespace mlir::hydra

using namespace mlir;
using namespace mlir::hydra;
using plan::MatmulShape;

namespace {

// Multiply-adds from which a library is worth its call: about ten microseconds of float32 on the
// smallest device of dialects/target, in which it gains less than a tenth.
constexpr int64_t kLibraryWork = 1 << 26;

// By shape alone; accepted: a kernel of our own.
Verdict judgeProduct(Operation *product, bool library) {
  MatmulShape shape = plan::matmulShape(product);
  Verdict verdict;
  verdict.detail = llvm::formatv("{0} x {1}, contraction {2}", shape.m, shape.n, shape.k);
  if (shape.groups > 1)
    verdict.detail += llvm::formatv(", {0} groups", shape.groups);
  if (plan::countsOf(product)) {
    verdict.accepted = true;
    verdict.code = "COUNTED";
    return verdict;
  }
  verdict.limit = "multiply-adds";
  verdict.value = shape.m * shape.n * shape.k * shape.groups;
  verdict.allowed = kLibraryWork;
  verdict.accepted = verdict.value < verdict.allowed;
  verdict.code = verdict.accepted ? "SMALL_PRODUCT" : library ? "LARGE_PRODUCT" : "NO_LIBRARY";
  verdict.accepted |= !library;
  return verdict;
}

class ChooseProductsPass : public mlir::hydra::impl::ChooseProductsPassBase<ChooseProductsPass> {
public:
  using ChooseProductsPassBase::ChooseProductsPassBase;

private:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FusionLedger ledger(module);
    for (auto function : module.getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        choose(block, ledger);
    auto earlier = module->getAttrOfType<DictionaryAttr>(kLedgerAttrName);
    ledger.write(earlier ? earlier.getAs<StringAttr>("level").getValue() : "");
  }

  void choose(Block &block, FusionLedger &ledger) {
    FusionGraph graph(block);
    SmallVector<Operation *> chosen;
    for (Operation &op : block) {
      if (!plan::isProduct(&op))
        continue;
      Verdict verdict = judgeProduct(&op, library);
      ledger.note(CandidateKind::product, &op, {}, verdict);
      ++(verdict.accepted ? numKernels : numLibrary);
      if (!verdict.accepted)
        continue;
      OpBuilder builder(&op);
      SmallVector<Value> results;
      FusionOp fusion = copyRegion(builder, graph, &op, FusionKind::matmul, verdict.code, results);
      op.replaceAllUsesWith(fusion.getResults());
      chosen.push_back(&op);
    }
    for (Operation *op : chosen)
      op->erase();
  }
};

} // namespace
