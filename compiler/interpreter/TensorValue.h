// A tensor on the host, as the interpreter computes with it.
#ifndef HYDRA_COMPILER_INTERPRETER_TENSORVALUE_H
#define HYDRA_COMPILER_INTERPRETER_TENSORVALUE_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlir::hydra {

/// Element types of the hydra dialect.
enum class ElementKind { f32, bf16, f64, i32 };

/// Name as in the textual IR: "f32", "bf16", "f64", "i32".
StringRef stringify(ElementKind kind);

/// The kind of an element type; nullopt if the dialect does not have it.
std::optional<ElementKind> elementKindOf(Type elementType);

/// Row-major tensor with static shape. Every element is held as a double, which is exact for all
/// element kinds; rounding to the kind is explicit (`round`), because float64 mode does without it.
/// Copyable, movable; concurrent reads are safe.
class TensorValue {
public:
  /// A scalar f32 zero.
  TensorValue() : TensorValue(ElementKind::f32, {}) {}
  /// Every element is `fill`.
  TensorValue(ElementKind kind, ArrayRef<int64_t> shape, double fill = 0.0);
  /// `values` must hold as many elements as `shape`.
  TensorValue(ElementKind kind, ArrayRef<int64_t> shape, std::vector<double> values);

  static TensorValue fromFloats(ArrayRef<int64_t> shape, ArrayRef<float> values);
  static TensorValue fromInts(ArrayRef<int64_t> shape, ArrayRef<int32_t> values);
  static TensorValue scalar(double value) { return TensorValue(ElementKind::f32, {}, value); }
  static TensorValue scalarInt(int32_t value) { return TensorValue(ElementKind::i32, {}, value); }
  /// Zeros of a type with static shape and an element type of the dialect.
  static TensorValue zeros(RankedTensorType type);

  ElementKind kind() const { return elementKind; }
  ArrayRef<int64_t> shape() const { return extents; }
  int64_t rank() const { return static_cast<int64_t>(extents.size()); }
  int64_t size() const { return static_cast<int64_t>(values.size()); }

  /// The tensor as a matrix: the last axis, and all others flattened. A scalar is 1 x 1.
  int64_t columns() const { return extents.empty() ? 1 : extents.back(); }
  int64_t rows() const;

  double *data() { return values.data(); }
  const double *data() const { return values.data(); }
  ArrayRef<double> elements() const { return values; }
  double &operator[](int64_t index) { return values[index]; }
  double operator[](int64_t index) const { return values[index]; }
  double *row(int64_t index) { return values.data() + index * columns(); }
  const double *row(int64_t index) const { return values.data() + index * columns(); }

  /// The same elements under another shape of equal size.
  void reshape(ArrayRef<int64_t> shape);

  /// Rounds every element to the nearest value of `kind()`; NaN stays NaN.
  void round();

  /// Sets all rows from `firstRow` on to NaN: their contents are unspecified, and a use must show.
  void poisonRows(int64_t firstRow);

  /// For messages: "2x33xf32".
  std::string describeType() const;

private:
  ElementKind elementKind;
  SmallVector<int64_t, 4> extents;
  std::vector<double> values;
};

/// Tensors by key, e.g. "parameter/tok_emb.weight".
using NamedTensors = std::map<std::string, TensorValue>;

/// For messages: "2x33xf32", with "?" for dynamic extents.
std::string describeType(RankedTensorType type);

} // namespace mlir::hydra

#endif // HYDRA_COMPILER_INTERPRETER_TENSORVALUE_H
