// Building blocks of attention and its gradient: lane groups of 16 queries against blocks of keys.
// What is cut how, and where it stands in scratch, is dialects/plan/AttentionTiling.h. Strides and
// places count words of 4 bytes: floats, or pairs of bf16 values.
#ifndef HYDRA_COMPILER_CODEGEN_ATTENTIONLANES_H
#define HYDRA_COMPILER_CODEGEN_ATTENTIONLANES_H

#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/LaneProducts.h"
#include "dialects/plan/AttentionTiling.h"

namespace mlir::hydra {

// The queries of one lane group, one per lane. Lanes without a query of their own repeat the tile's
// last one, and are not `own`.
struct LaneQueries {
  SmallVector<Value> starts; // of the head's row in q, in elements
  SmallVector<Value> words;  // the same in words of q
  SmallVector<Value> places; // in lse
  SmallVector<Value> rows;
  SmallVector<Value> own; // i1
};

// The query rows first .. last of all heads of a key head.
struct AttentionTile {
  Value batch, kvHead, first, last;
};

class AttentionLanes {
public:
  AttentionLanes(KernelEmitter &e, Operation *op, plan::AttentionTilingAttr tiling);

  KernelEmitter &e;
  const plan::AttentionExtents extents;
  const plan::AttentionScratch at;
  const int64_t rows, block, padded;
  const plan::AttentionRegisters registers;
  LaneProducts products;

  // A place of scratch; of the lane group `group`.
  Value scratch(int64_t place) { return e.address(e.scratch(), e.index(place)); }
  Value ofGroup(Value group, int64_t place) {
    return e.address(scratch(at.groups + place), e.mul(group, at.groupWords));
  }
  // Lane groups of a tile.
  Value groupCount(const AttentionTile &tile);
  LaneQueries queries(const AttentionTile &tile, Value group);
  // Where the row of a key head starts, if rows of a head have `width` elements or words.
  Value keyRow(Value batch, Value row, Value kvHead, int64_t width);

  // `columns` words in vectors: body(first word, words), words being a constant up to 16.
  void chunks(int64_t columns, llvm::function_ref<void(Value, int64_t)> body);
  // `count` rows of `columns` words from `first` on, `stride` apart, as the rows of a block, padded
  // with zeros to whole vectors; zeros behind them.
  void packRows(Value from, Value first, int64_t stride, int64_t columns, Value count, Value to);
  // Rows of k and v from row `first` on.
  void packKeys(Value tensor, const AttentionTile &tile, Value first, Value count, Value to);
  // The rows `starts` of `pointer`, through `each` (16 vectors, one per lane), as columns of lanes
  // at `to`: word c of lane i at to[16 c + i].
  using EachRow = llvm::function_ref<Value(Value vector, int64_t lane, Value column)>;
  void packLanes(Value pointer, ArrayRef<Value> starts, Value to, EachRow each);
  // The opposite: columns of lanes at `from`, each times `factor`, to the rows `starts` of
  // `pointer`.
  void unpackLanes(Value from, Value factor, Value pointer, ArrayRef<Value> starts);
  // bf16 rows of a block as columns: pairs of rows (2 j, 2 j + 1) of column c at to[c * block / 2 +
  // j].
  void packColumns(Value packedRows, Value to);
  // bf16 rows of lanes as pairs of lanes: lanes (2 i, 2 i + 1) of column c at to[i * padded + c],
  // zero for lanes without a query.
  void packLanePairs(Value pointer, const LaneQueries &lanes, Value to);
  // Sets columns of lanes to zero.
  void clearLanes(Value place);

  // scores[j][lane] = row j of the block at `keys` times the lane's column of `lanes`.
  void score(Value keys, Value lanes, Value scores);
  // result += the rows of a block, weighted. `rowsOfBlock` are rows, weights [j][lane]; of bf16,
  // columns and pairs of keys.
  void sumColumns(Value rowsOfBlock, Value weights, Value result);
  // gradients[j] += sum over lanes of weights[j][lane] times the lane's row of `lanes`; of bf16,
  // pairs of lanes in both.
  void sumLanes(Value weights, Value lanes, Value gradients);
  // Scores of keys that a lane does not see become -infinity; nothing is done where each sees all.
  void maskScores(Value group, Value block, Value scores);
  // The last key that the first and the last lane of a group see.
  Value firstLimit(Value group) { return limit(group, 0); }
  Value lastLimit(Value group) { return limit(group, kLanes - 1); }

  // 2^x of a vector, 1 ulp (of weights in bf16: 2^-18): exactly 0 from -127 down (-infinity too),
  // NaN for NaN. x is at most 127.
  Value exp2(Value x);
  static constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

private:
  Value limit(Value group, int64_t lane);
};

// Fails, with a diagnostic at `op`, if its operand `q` is bf16 and `level` does not multiply it.
LogicalResult requireBf16(Operation *op, Value q, const CpuFacts &level);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_ATTENTIONLANES_H
