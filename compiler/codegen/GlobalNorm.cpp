// global_norm: sums of squares of fixed pieces in double precision, then the pieces in order. Its
// operands have shapes of their own, so that it is no row program.
#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

// The fixed order of the second stage: partial results one after the other.
Value combinePieces(KernelEmitter &e, Value pieces, Value initial,
                    llvm::function_ref<Value(Value, Value)> combine) {
  return e.fold(e.index(0), pieces, 1, initial, [&](Value piece, ValueRange carried) {
    Value partial = e.loadScalar(e.f64(), e.partial(), piece);
    return SmallVector<Value>{combine(carried[0], partial)};
  })[0];
}

LogicalResult emitGlobalNorm(GlobalNormOp op, KernelEmitter &e) {
  int64_t firstPiece = 0;
  for (Value input : op.getInputs()) {
    int64_t elements = tensorType(input).getNumElements();
    int64_t pieces = llvm::divideCeil(elements, plan::kFlatTile);
    int64_t offset = firstPiece;
    firstPiece += pieces;
    if (e.stage() != 0)
      continue;
    Value from = e.max(e.begin(), e.index(offset));
    Value to = e.min(e.end(), e.index(offset + pieces));
    e.loop(from, to, 1, [&](Value piece) {
      Value first = e.mul(e.sub(piece, e.index(offset)), plan::kFlatTile);
      Value last = e.min(e.add(first, plan::kFlatTile), e.index(elements));
      Value lanes = e.foldColumns(first, last, e.splat(e.realDouble(0.0)),
                                  [&](Value position, Value mask, ValueRange carried) {
                                    Value value =
                                        e.toDouble(e.load(e.pointer(input), position, mask));
                                    return SmallVector<Value>{e.fma(value, value, carried[0])};
                                  })[0];
      e.storeScalar(e.treeSum(lanes), e.partial(), piece);
    });
  }
  if (e.stage() == 1)
    e.loop(e.begin(), e.end(), 1, [&](Value) {
      Value total = combinePieces(e, e.index(firstPiece), e.realDouble(0.0),
                                  [&](Value a, Value c) { return e.addf(a, c); });
      e.storeScalar(e.toSingle(e.sqrt(total)), e.pointer(op.getResult()), e.index(0));
    });
  return success();
}

} // namespace

void hydra::attachGlobalNormKernels(MLIRContext *context) {
  attachKernel<GlobalNormOp, emitGlobalNorm>(context);
}
