// Rotary angles and causal softmax attention on whole sequences, as the structural ops define them.
// Private to this folder.
#ifndef HYDRA_COMPILER_INTERPRETER_DENSEATTENTION_H
#define HYDRA_COMPILER_INTERPRETER_DENSEATTENTION_H

#include "compiler/interpreter/TensorValue.h"

#include <vector>

namespace mlir::hydra {

/// Sizes of attention on one input.
struct AttentionHeads {
  int64_t batch, length, heads, kvHeads, headWidth;
};

/// Rotates neighbouring channels of x [batch, length, heads * headWidth]; `table` as ropeTable().
void rotatePairs(TensorValue &x, int64_t length, int64_t headWidth,
                 const std::vector<float> &table);

/// softmax(q k^T / sqrt(headWidth)) v over the tokens up to one's own, one query after the other.
TensorValue attendCausally(const TensorValue &q, const TensorValue &k, const TensorValue &v,
                           const AttentionHeads &sizes);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_DENSEATTENTION_H
