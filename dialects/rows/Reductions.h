// The registry of reductions. A reduction has four parts: the identity of its states, a step that
// takes one element, a combination of two states, and what the result is made of. combine(identity,
// s) = s, and step distributes over combine, so that lanes, threads and chunks may start from the
// identity; padding never touches a state.
#ifndef HYDRA_DIALECTS_ROWS_REDUCTIONS_H
#define HYDRA_DIALECTS_ROWS_REDUCTIONS_H

#include "dialects/rows/RowsDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::rows {

struct Reduction {
  unsigned arity; // elements a step takes
  // The identity of each state, and whether it is held in f64 (the written contract of its
  // precision).
  ArrayRef<double> identity;
  bool isWide;
  // All work on scalars and, lane by lane, on vectors. Elements are f32.
  SmallVector<Value> (*step)(ImplicitLocOpBuilder &, ValueRange states, ValueRange elements);
  SmallVector<Value> (*combine)(ImplicitLocOpBuilder &, ValueRange a, ValueRange b);
  // The f32 result; scalars only, or lane by lane for column reductions.
  Value (*finish)(ImplicitLocOpBuilder &, ValueRange states);
};

const Reduction &reductionOf(ReductionKind kind);

// A value like `like` (its shape) with element type `element`, every lane `value`.
Value constantLike(ImplicitLocOpBuilder &builder, Value like, Type element, double value);
// The identity of a reduction at `shape`: a scalar if null, else a vector type's shape.
SmallVector<Value> identityOf(ImplicitLocOpBuilder &builder, const Reduction &reduction,
                              VectorType shape);

} // namespace mlir::rows

#endif // HYDRA_DIALECTS_ROWS_REDUCTIONS_H
