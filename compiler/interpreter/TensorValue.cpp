#include "compiler/interpreter/TensorValue.h"

#include "compiler/interpreter/ParallelFor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/raw_ostream.h"

#include <cassert>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::hydra;

StringRef hydra::stringify(ElementKind kind) {
  switch (kind) {
  case ElementKind::f32:
    return "f32";
  case ElementKind::bf16:
    return "bf16";
  case ElementKind::f64:
    return "f64";
  case ElementKind::i32:
    return "i32";
  }
  llvm_unreachable("every kind is listed");
}

std::optional<ElementKind> hydra::elementKindOf(Type elementType) {
  if (elementType.isF32())
    return ElementKind::f32;
  if (elementType.isBF16())
    return ElementKind::bf16;
  if (elementType.isF64())
    return ElementKind::f64;
  if (elementType.isInteger(32))
    return ElementKind::i32;
  return std::nullopt;
}

static int64_t elementCount(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

TensorValue::TensorValue(ElementKind kind, ArrayRef<int64_t> shape, double fill)
    : elementKind(kind), extents(shape), values(elementCount(shape), fill) {}

TensorValue::TensorValue(ElementKind kind, ArrayRef<int64_t> shape, std::vector<double> elements)
    : elementKind(kind), extents(shape), values(std::move(elements)) {
  assert(size() == elementCount(shape) && "as many elements as the shape asks for");
}

TensorValue TensorValue::fromFloats(ArrayRef<int64_t> shape, ArrayRef<float> values) {
  return TensorValue(ElementKind::f32, shape, std::vector<double>(values.begin(), values.end()));
}

TensorValue TensorValue::fromInts(ArrayRef<int64_t> shape, ArrayRef<int32_t> values) {
  return TensorValue(ElementKind::i32, shape, std::vector<double>(values.begin(), values.end()));
}

TensorValue TensorValue::zeros(RankedTensorType type) {
  auto kind = elementKindOf(type.getElementType());
  assert(kind && type.hasStaticShape() && "a static tensor of the dialect");
  return TensorValue(*kind, type.getShape());
}

int64_t TensorValue::rows() const {
  return extents.empty() ? 1 : elementCount(ArrayRef<int64_t>(extents).drop_back());
}

void TensorValue::reshape(ArrayRef<int64_t> shape) {
  assert(elementCount(shape) == size() && "a reshape keeps the number of elements");
  extents.assign(shape.begin(), shape.end());
}

// To nearest, ties to even, by way of float32: the double rounding is what hardware conversions of
// float32 values do, and every bfloat16 in a program is made from one.
static double roundToBfloat16(double value) {
  float single = static_cast<float>(value);
  if (std::isnan(single))
    return value;
  uint32_t bits = llvm::bit_cast<uint32_t>(single);
  bits += 0x7fffu + ((bits >> 16) & 1u);
  return llvm::bit_cast<float>(bits & 0xffff0000u);
}

void TensorValue::round() {
  if (elementKind == ElementKind::f64 || elementKind == ElementKind::i32)
    return;
  parallelFor(size(), 1 << 16, [&](int64_t begin, int64_t end) {
    if (elementKind == ElementKind::f32)
      for (int64_t i = begin; i < end; ++i)
        values[i] = static_cast<float>(values[i]);
    else
      for (int64_t i = begin; i < end; ++i)
        values[i] = roundToBfloat16(values[i]);
  });
}

void TensorValue::poisonRows(int64_t firstRow) {
  if (firstRow < rows())
    std::fill(values.begin() + firstRow * columns(), values.end(),
              std::numeric_limits<double>::quiet_NaN());
}

static std::string describe(ArrayRef<int64_t> shape, StringRef element) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (int64_t extent : shape) {
    if (ShapedType::isDynamic(extent))
      stream << "?x";
    else
      stream << extent << "x";
  }
  stream << element;
  return text;
}

std::string TensorValue::describeType() const { return describe(extents, stringify(elementKind)); }

std::string hydra::describeType(RankedTensorType type) {
  std::string element;
  llvm::raw_string_ostream(element) << type.getElementType();
  return describe(type.getShape(), element);
}
