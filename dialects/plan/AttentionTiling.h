// The one place where attention is cut: items, blocks of keys, parts of a gradient, and what of it
// stands where in scratch. Decided by shape alone, the same for all instruction-set levels, and
// written on plan.kernel; only the register tile follows the level, and changes no result.
//
// 16 lanes of a vector are 16 queries: lane i of a tile is row i / group, head i % group of the
// heads that share a key head. So keys are packed once for all of them, nothing is summed across
// lanes, and a single decoded token still fills as many lanes as its group has heads.
#ifndef HYDRA_DIALECTS_PLAN_ATTENTIONTILING_H
#define HYDRA_DIALECTS_PLAN_ATTENTIONTILING_H

#include "dialects/plan/PlanDialect.h"
#include "dialects/target/CpuFacts.h"

namespace mlir::plan {

struct AttentionExtents {
  int64_t batch, queries, keys, heads, kvHeads, width;
  bool half; // operands in bf16: two columns, lanes or keys are a pair of 32 bits, a word

  // Of hydra.attention or hydra.attention_grad.
  static AttentionExtents of(Operation *op);
  int64_t group() const { return heads / kvHeads; }
  // Columns in whole vectors; words of an operand's row, and these in whole vectors.
  int64_t paddedWidth() const { return llvm::alignTo(width, hydra::kLanes); }
  int64_t words() const { return half ? width / 2 : width; }
  int64_t paddedWords() const { return llvm::alignTo(words(), hydra::kLanes); }
  // Of bf16, products are of whole or half tiles, so that a kernel has few shapes of them: words of
  // a row with the zeros behind them, and rows of a result with those that nobody reads.
  int64_t depth() const { return half ? llvm::alignTo(words(), hydra::kLanes / 2) : words(); }
  int64_t resultRows() const { return half ? paddedWidth() : width; }
};

// Null unless `op` is attention or its gradient.
AttentionTilingAttr tileAttention(Operation *op);

// Where things stand in a worker's scratch, in words of 4 bytes. Matrices of the lane groups lie
// one group behind the other. -1: not there.
struct AttentionScratch {
  int64_t keys, values; // [block, padded words]
  int64_t scores;       // [block, lanes]
  // Of the gradient: slopes like scores; dk and dv, [block, padded width].
  int64_t slopes = -1, keyGradients = -1, valueGradients = -1;
  // Of bf16: values (of the gradient: keys) as [result rows, pairs of keys]; weights (slopes) as
  // [pairs of keys, lanes]; of the gradient, both as [block, pairs of lanes].
  int64_t columns = -1, pairs = -1, weightRows = -1, slopeRows = -1;
  // Of one lane group, from the group's own start. Vectors of lanes: last keys (i32), sum or lse,
  // maximum or D; then matrices: q and (gradient) dy as [depth, lanes]; the result, y or dq, as
  // [result rows, lanes]; (gradient) q and dy as [lanes, or pairs of lanes, padded width].
  int64_t limits, sums, maxima, q, dy = -1, result, qRows = -1, dyRows = -1;
  int64_t groups, groupWords; // the first group, and the distance between two
  int64_t words;              // in all

  AttentionScratch(const AttentionExtents &extents, AttentionTilingAttr tiling);
};

// Rows of a register tile where scores are made, and where columns of values are summed.
struct AttentionRegisters {
  int64_t scoreRows, columnRows;
  explicit AttentionRegisters(const hydra::CpuFacts &level);
};

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_ATTENTIONTILING_H
