// Attention on a GPU: what its three launches share (dialects/plan/AttentionBlocks.h says how they
// are cut). A warp keeps 16 rows of one side in registers or reads them where they lie; those of
// the other side stream through panels in shared memory, which all warps of the block use. The
// forms are GpuAttentionForward.cpp and GpuAttentionBackward.cpp.
//
// "Lanes" of a key head are its queries: lane i is row i / group, head i % group of the heads that
// share the key head.
#ifndef HYDRA_COMPILER_CODEGEN_GPUATTENTION_H
#define HYDRA_COMPILER_CODEGEN_GPUATTENTION_H

#include "compiler/codegen/GpuFunction.h"
#include "compiler/codegen/WarpProducts.h"
#include "dialects/plan/AttentionBlocks.h"

namespace mlir::hydra {

class GpuAttention : protected GpuArithmetic {
protected:
  using Pair = WarpProducts::Pair;
  using Rows = WarpProducts::Rows;
  using PlaceOf = llvm::function_ref<Value(Value)>;

  GpuAttention(ImplicitLocOpBuilder &builder, plan::KernelOp kernel, int stage, GpuFunction &gpu);

  // Elements in shared memory: rows one behind the other, pairs along their columns.
  struct Panel {
    Value memory;  // pointer to its first element
    int64_t depth; // columns
    Value mine;    // this lane's pair in the first eight rows and columns, in elements
    int64_t stride() const { return plan::AttentionBlocks::strideOf(depth); }
  };
  // The next panel in shared memory.
  Panel direct() { return panel(blocks.stream, blocks.columns); }
  Panel turned() { return panel(blocks.columns, blocks.stream); }
  // The next `stream` words there.
  Value words(Type type);

  // The two kept rows of this thread: their numbers, of which those from `end` on look at the last
  // one and store nothing.
  struct Sides {
    SmallVector<Value> rows, there;
  };
  Sides sides(Value end);
  // Rows that a warp keeps: two per thread, of which pieces of eight columns are asked for.
  struct Kept {
    Value pointer, top, bottom; // the rows' first elements
    Value factor;               // of float32; null: none
    SmallVector<Rows> pieces;   // empty: read where they are needed
  };
  Kept keep(Value tensor, Value topPlace, Value bottomPlace, Value factor = {});
  Rows piece(const Kept &kept, int64_t number);
  // Pair `number` * 8 + 2 (l mod 4) of a row in memory: zeros beyond the head width.
  Pair loadPair(Value pointer, Value start, int64_t number, bool half);

  // Streamed rows [first, first + stream) into panels, zeros from row `end` on (null: all are
  // there). `placeOf` gives a row's place among rows of the head width. Barriers are the caller's.
  void fill(Value tensor, PlaceOf placeOf, Value first, Value end, const Panel *straight,
            const Panel *across);

  // Places, counted in rows of the head width.
  Value queryPlace(Value lane);
  Value keyPlace(Value key);
  Value rowOf(Value lane) { return div(lane, extents.group()); }
  // What is said of a row or a sequence by one number.
  Value loadFloat(Value tensor, Value place);
  Value loadCount(Value tensor); // i64, of this sequence

  // 16 rows times `pieces` * 8 streamed ones from `row` on: sums over the head width.
  SmallVector<Value> score(const Kept &kept, const Panel &panel, Value row, int64_t pieces);
  // sums += factors times the streamed rows from `row` on, of this warp's columns.
  void accumulate(MutableArrayRef<Value> sums, ArrayRef<Rows> factors, const Panel &turned,
                  Value row);
  int64_t resultPieces() const { return blocks.partColumns() / kPiece; }
  SmallVector<Value> zeros(int64_t count) { return SmallVector<Value>(count, real(0)); }
  // The sums of this warp's columns, times `factors` of top and bottom, to rows of float32.
  void storeRows(Value tensor, ArrayRef<Value> sums, ArrayRef<Value> places, ArrayRef<Value> there,
                 ArrayRef<Value> factors);
  // For this warp's two rows: a float of each to their places, once.
  void storeOnce(Value tensor, ArrayRef<Value> places, ArrayRef<Value> there,
                 ArrayRef<Value> values);

  // The maximum or the sum over the four threads that share a row.
  Value largestOfRow(Value x);
  Value sumOfRow(Value x);
  Value larger(Value x, Value best); // a NaN in x is passed over
  Value exp2(Value x);               // ex2.approx.ftz
  Value log(Value x);
  Value fma(Value a, Value c, Value d);
  Value addf(Value a, Value c) { return arith::AddFOp::create(b, a, c); }
  Value subf(Value a, Value c) { return arith::SubFOp::create(b, a, c); }
  Value mulf(Value a, Value c) { return arith::MulFOp::create(b, a, c); }
  Value negate(Value a) { return subf(real(0), a); }
  Value truncate(Value a) { return arith::TruncIOp::create(b, i32(), a); }
  void barrier();
  static constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

  Operation *op;
  GpuFunction &gpu;
  const plan::AttentionExtents extents;
  const plan::AttentionBlocks blocks;
  WarpProducts products;
  Value thread;               // of the block
  Value group;                // this warp's first row among those of the block
  Value column;               // its first column of the results
  Value isFirst;              // whether it is the first one of those that share its rows
  Value batch, kvHead, first; // of the block: the sequence, the key head, its first kept row
  Value scale;                // the op's, float32

private:
  Panel panel(int64_t rows, int64_t depth);
  Pair panelPair(const Panel &panel, Value row, int64_t rowPiece, Value column, int64_t piece);

  Value shared;
  int64_t taken = 0; // bytes of shared memory
};

LogicalResult checkGpuAttention(Operation *op);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_GPUATTENTION_H
