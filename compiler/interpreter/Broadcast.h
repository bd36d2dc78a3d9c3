// Reading a tensor as if it were repeated to a larger shape. Private to this folder.
#ifndef HYDRA_COMPILER_INTERPRETER_BROADCAST_H
#define HYDRA_COMPILER_INTERPRETER_BROADCAST_H

#include "compiler/interpreter/TensorValue.h"

namespace mlir::hydra {

/// A row of the larger shape: element j is data[j * stride], stride 0 or 1.
struct BroadcastRow {
  const double *data;
  int64_t stride;
  double operator[](int64_t index) const { return data[index * stride]; }
};

/// View of `tensor` repeated along missing and unit axes to `shape`, aligned at the last axis.
/// Keeps a reference to the tensor.
class BroadcastReader {
public:
  BroadcastReader(const TensorValue &tensor, ArrayRef<int64_t> shape);
  /// Row `index` of the larger shape with its leading axes flattened.
  BroadcastRow row(int64_t index) const;

private:
  const TensorValue &tensor;
  SmallVector<int64_t, 4> leading; // extents of the larger shape without the last
  SmallVector<int64_t, 4> strides; // of the tensor along them, 0 where it is repeated
  int64_t lastStride = 0;
};

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_BROADCAST_H
