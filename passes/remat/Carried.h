// What the backward half of a function reads of the forward half, and what of it could be computed
// again.
#ifndef HYDRA_PASSES_REMAT_CARRIED_H
#define HYDRA_PASSES_REMAT_CARRIED_H

#include "dialects/hydra/HydraDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::hydra {

// A value that is made in the forward half and read in the backward half. Reshapes, slices and
// stops are looked through: the value is what has the bytes.
struct CarriedValue {
  Value value;
  int64_t bytes = 0;
  int64_t lastEarly = 0;               // last forward op that makes or reads it
  bool isResult = false;               // of the function, and so kept in any case
  SmallVector<Operation *, 2> readers; // in the backward half, in program order
};

// Whether the op only names bytes of its first operand: the plan gives its result no place.
bool isAlias(Operation *op);
// The value whose bytes `value` names.
Value bytesOwner(Value value);

// Positions are those of the ops when this was made. The backward half begins with the first op of
// an adjoint (AdjointBuilder.h).
class Carried {
public:
  explicit Carried(func::FuncOp function);

  bool isLate(Operation *op) const { return positions.lookup(op) >= turn; }
  int64_t positionOf(Operation *op) const { return positions.lookup(op); }
  // In program order.
  const llvm::MapVector<Value, CarriedValue> &values() const { return carried; }
  const CarriedValue *find(Value value) const;

  // Whether the op may run again: it is pure floating point, and nobody selects, sorts or counts by
  // what it makes (blueprint: never router scores, indices, counts).
  bool isRepeatable(Operation *op) const;
  // A repeatable op that is a row program: no product, no attention.
  bool isCheap(Operation *op) const;

private:
  void markSelections(func::FuncOp function);

  DenseMap<Operation *, int64_t> positions;
  int64_t turn = 0;
  llvm::MapVector<Value, CarriedValue> carried;
  llvm::DenseSet<Operation *> selecting; // what selections are made of
};

} // namespace mlir::hydra

#endif // HYDRA_PASSES_REMAT_CARRIED_H
