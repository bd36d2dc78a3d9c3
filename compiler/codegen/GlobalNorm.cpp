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

// What the first stage must know of an input: i32 words of a table that ends in the sum of pieces.
enum Word : int64_t { firstPiece, argument, lastElements, wordCount };

SmallVector<int32_t> describeInputs(GlobalNormOp op) {
  SmallVector<int32_t> words;
  int64_t pieces = 0;
  for (Value input : op.getInputs()) {
    int64_t elements = tensorType(input).getNumElements();
    int64_t count = llvm::divideCeil(elements, plan::kFlatTile);
    words.push_back(static_cast<int32_t>(pieces));
    words.push_back(static_cast<int32_t>(cast<BlockArgument>(input).getArgNumber()));
    words.push_back(static_cast<int32_t>(elements - (count - 1) * plan::kFlatTile));
    pieces += count;
  }
  words.push_back(static_cast<int32_t>(pieces));
  return words;
}

// One loop over the inputs: code for each of them would be most of what a large model compiles.
void emitPieces(ArrayRef<int32_t> words, KernelEmitter &e) {
  Value table = e.table(words);
  auto word = [&](Value entry, int64_t number) {
    return e.toIndex(e.loadScalar(e.i32(), table, e.add(entry, number)));
  };
  auto end = static_cast<int64_t>(words.size()) - 1;
  e.loop(e.index(0), e.index(end), wordCount, [&](Value entry) {
    Value offset = word(entry, firstPiece), behind = word(entry, wordCount + firstPiece);
    Value from = e.max(e.begin(), offset), to = e.min(e.end(), behind);
    e.loop(from, to, 1, [&](Value piece) {
      Value input = e.argumentPointer(word(entry, argument));
      Value isLast =
          arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, e.add(piece, int64_t{1}), behind);
      Value first = e.mul(e.sub(piece, offset), plan::kFlatTile);
      Value count = e.select(isLast, word(entry, lastElements), e.index(plan::kFlatTile));
      Value lanes = e.foldColumns(first, e.add(first, count), e.splat(e.realDouble(0.0)),
                                  [&](Value position, Value mask, ValueRange carried) {
                                    Value value = e.toDouble(e.load(input, position, mask));
                                    return SmallVector<Value>{e.fma(value, value, carried[0])};
                                  })[0];
      e.storeScalar(e.treeSum(lanes), e.partial(), piece);
    });
  });
}

LogicalResult emitGlobalNorm(GlobalNormOp op, KernelEmitter &e) {
  SmallVector<int32_t> words = describeInputs(op);
  if (e.stage() == 0) {
    emitPieces(words, e);
    return success();
  }
  e.loop(e.begin(), e.end(), 1, [&](Value) {
    Value total = combinePieces(e, e.index(words.back()), e.realDouble(0.0),
                                [&](Value a, Value c) { return e.addf(a, c); });
    e.storeScalar(e.toSingle(e.sqrt(total)), e.pointer(op.getResult()), e.index(0));
  });
  return success();
}

} // namespace

void hydra::attachGlobalNormKernels(MLIRContext *context) {
  attachKernel<GlobalNormOp, emitGlobalNorm>(context);
}
