#include "compiler/interpreter/Broadcast.h"

using namespace mlir::hydra;

BroadcastReader::BroadcastReader(const TensorValue &source, llvm::ArrayRef<int64_t> shape)
    : tensor(source) {
  if (shape.empty())
    return;
  leading.assign(shape.begin(), shape.end() - 1);
  strides.assign(leading.size(), 0);
  int64_t missing = static_cast<int64_t>(shape.size()) - tensor.rank();
  int64_t stride = 1;
  for (int64_t axis = static_cast<int64_t>(shape.size()) - 1; axis >= missing; --axis) {
    int64_t extent = tensor.shape()[axis - missing];
    int64_t axisStride = extent == 1 ? 0 : stride;
    if (axis == static_cast<int64_t>(shape.size()) - 1)
      lastStride = axisStride;
    else
      strides[axis] = axisStride;
    stride *= extent;
  }
}

BroadcastRow BroadcastReader::row(int64_t index) const {
  int64_t offset = 0;
  for (size_t axis = leading.size(); axis-- > 0;) {
    offset += index % leading[axis] * strides[axis];
    index /= leading[axis];
  }
  return {tensor.data() + offset, lastStride};
}
