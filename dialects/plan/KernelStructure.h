// What decides the kernel of a block of primitives, as a key that is cheap to make and to compare.
#ifndef HYDRA_DIALECTS_PLAN_KERNELSTRUCTURE_H
#define HYDRA_DIALECTS_PLAN_KERNELSTRUCTURE_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"

#include <string>

namespace mlir::plan {

// Of one op: its name, inherent attributes but scalars (KernelScalars.h), and types of results.
std::string structureOf(Operation *op);

// Ops, attributes, types, and who reads whom. A key holds pointers to what the context made unique:
// it is good for comparing, within one context.
class KernelStructure {
public:
  void addInput(Value value);
  // An op whose operands were added; `own` is its structureOf().
  void addOp(Operation *op, const std::string &own);
  // Values that are results of the block, last.
  void addResults(ValueRange values);
  std::string take() { return std::move(key); }

private:
  void number(unsigned value);
  void type(Type type);

  std::string key;
  llvm::DenseMap<Value, unsigned> numbers;
};

// Of a block that ends in hydra.yield.
std::string structureOf(Block &primitives);

} // namespace mlir::plan

#endif // HYDRA_DIALECTS_PLAN_KERNELSTRUCTURE_H
