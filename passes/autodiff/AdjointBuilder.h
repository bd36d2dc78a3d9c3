// Short names for the primitives that adjoints are made of. Private to this folder.
#ifndef HYDRA_PASSES_AUTODIFF_ADJOINTBUILDER_H
#define HYDRA_PASSES_AUTODIFF_ADJOINTBUILDER_H

#include "dialects/hydra/HydraDialect.h"

namespace mlir::hydra {

inline RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Extents of all axes but the last, multiplied; 1 for a scalar.
int64_t leadingRows(RankedTensorType type);

/// Whether an op is part of an adjoint: what AdjointBuilder makes for a forward op.
bool isAdjoint(Operation *op);

/// Creates primitives at the insertion point of a builder, all with one location. `rows` may be
/// null everywhere.
class AdjointBuilder {
public:
  AdjointBuilder(OpBuilder &builder, Location location) : builder(builder), location(location) {}

  /// For the adjoint of `forward`: its location under the name "adjoint".
  AdjointBuilder(OpBuilder &builder, Operation *forward);

  OpBuilder &getBuilder() { return builder; }
  Location getLoc() const { return location; }

  /// A scalar constant [] of `elementType`.
  Value scalar(double value, Type elementType);
  Value zeros(RankedTensorType type);
  Value unary(UnaryKind kind, Value x, Value rows = {});
  Value binary(BinaryKind kind, Value a, Value b, Value rows = {});
  Value add(Value a, Value b, Value rows = {}) { return binary(BinaryKind::add, a, b, rows); }
  Value sub(Value a, Value b, Value rows = {}) { return binary(BinaryKind::sub, a, b, rows); }
  Value mul(Value a, Value b, Value rows = {}) { return binary(BinaryKind::mul, a, b, rows); }
  Value div(Value a, Value b, Value rows = {}) { return binary(BinaryKind::div, a, b, rows); }
  Value neg(Value x, Value rows = {}) { return unary(UnaryKind::neg, x, rows); }
  Value select(Value mask, Value a, Value b, Value rows = {});
  /// x times a number; x itself if the number is 1.
  Value scale(Value x, double factor, Value rows = {});
  /// x itself if it already has the shape, as for `broadcast` and `cast`.
  Value reshape(Value x, ArrayRef<int64_t> shape);
  Value broadcast(Value x, ArrayRef<int64_t> shape, Value rows = {});
  Value cast(Value x, Type elementType, Value rows = {});
  Value reduce(ReduceKind kind, ReduceAxes axes, Value x, Value rows = {});

  /// How many targets a cross-entropy does not ignore, at least 1.
  Value countValid(Value targets, Type elementType);

  /// Adjoint of broadcasting a value of type `target` to the shape of `gradient`: sums over the
  /// repeated axes, in a fixed order. `rows` bounds the leading axes of `gradient`; the result is
  /// defined in the first `rows` rows if all leading axes remain, and everywhere otherwise.
  Value sumTo(Value gradient, RankedTensorType target, Value rows = {});

  /// accumulator + the first `rows` rows of x and zero elsewhere; without accumulator the latter
  /// alone. The type of x; defined everywhere.
  Value addRows(Value x, Value rows, Value accumulator = {});

private:
  /// x [M, C] -> [size, C] with row i added to row index[i]; stops at `rows`.
  Value scatter(Value x, ArrayRef<int32_t> index, int64_t size, Value accumulator, Value rows);

  OpBuilder &builder;
  Location location;
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_AUTODIFF_ADJOINTBUILDER_H
