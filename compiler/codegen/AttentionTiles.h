// Building blocks of attention and its gradient: a few rows against 16 packed rows at a time.
#ifndef HYDRA_COMPILER_CODEGEN_ATTENTIONTILES_H
#define HYDRA_COMPILER_CODEGEN_ATTENTIONTILES_H

#include "compiler/codegen/KernelEmitter.h"

namespace mlir::hydra {

// One head of one batch element: row t starts at element base + t * stride of `pointer`.
struct HeadRows {
  Value pointer, base;
  int64_t stride;
  Value row(KernelEmitter &e, Value t) const { return e.add(base, e.mul(t, stride)); }
};

// Extents of an attention and which part of it an item computes.
struct AttentionShape {
  int64_t batch, queries, keys, heads, kvHeads, width;
  int64_t group() const { return heads / kvHeads; }
  HeadRows head(KernelEmitter &e, Value tensor, Value batchIndex, Value head, int64_t rows,
                int64_t headCount) const;
};
AttentionShape attentionShape(Value q, Value k, int64_t heads, int64_t kvHeads);

// An item: batch element, key/value head, and the first row of a tile of kAttentionRows rows out of
// `rows`, up to `last`.
struct AttentionItem {
  Value batch, kvHead, first, last;
};
AttentionItem attentionItem(KernelEmitter &e, Value item, const AttentionShape &shape,
                            int64_t rows);

// Rows first .. first+count-1 transposed in blocks of 16: element d of row first + j is at
// packed[(j / 16) * 16 * width + d * 16 + j % 16]. Rows beyond `last` repeat it.
void packTransposed(KernelEmitter &e, const HeadRows &rows, int64_t width, Value first, Value count,
                    Value last, Value packed);

// For each of the rows that start at `starts` in `pointer`: its dot products with the 16 packed
// rows of the block at `block` (a multiple of 16), summed over ascending columns.
SmallVector<Value> dotBlock(KernelEmitter &e, Value pointer, ArrayRef<Value> starts, Value packed,
                            Value block, int64_t width);

// For each row r: sum over j in begin .. end-1 of weights[r * weightStride + j] * rows(first + j),
// in ascending j, times factors[r] if there are factors, plus what is at targets[r] if
// `accumulate`. Stored at targets[r] of `target`.
struct WeightedSum {
  Value weights;
  int64_t weightStride;
  Value begin, end;
  HeadRows rows;
  Value first;
  int64_t width;
  SmallVector<Value> factors;
  Value target;
  SmallVector<Value> targets;
  bool accumulate = false;
};
void emitWeightedSum(KernelEmitter &e, const WeightedSum &sum);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_CODEGEN_ATTENTIONTILES_H
