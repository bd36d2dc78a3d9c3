#include "dialects/plan/KernelStructure.h"

#include "dialects/plan/KernelScalars.h"

using namespace mlir;
using namespace mlir::plan;

static void append(std::string &key, const void *pointer) {
  key.append(reinterpret_cast<const char *>(&pointer), sizeof(pointer));
}

std::string plan::structureOf(Operation *op) {
  std::string key;
  append(key, op->getName().getAsOpaquePointer());
  if (auto properties = dyn_cast_if_present<DictionaryAttr>(op->getPropertiesAsAttribute()))
    for (NamedAttribute property : properties) {
      append(key, property.getName().getAsOpaquePointer());
      if (!isKernelScalar(op, property))
        append(key, property.getValue().getAsOpaquePointer());
    }
  for (Type type : op->getResultTypes())
    append(key, type.getAsOpaquePointer());
  return key;
}

void KernelStructure::number(unsigned value) {
  key.append(reinterpret_cast<const char *>(&value), sizeof(value));
}
void KernelStructure::type(Type type) { append(key, type.getAsOpaquePointer()); }

void KernelStructure::addInput(Value value) {
  type(value.getType());
  numbers.insert({value, numbers.size()});
}
void KernelStructure::addOp(Operation *op, const std::string &own) {
  key += own;
  for (Value operand : op->getOperands())
    number(numbers.lookup(operand));
  for (Value result : op->getResults())
    numbers.insert({result, numbers.size()});
}
void KernelStructure::addResults(ValueRange values) {
  // No type: where the ops end.
  append(key, nullptr);
  for (Value value : values)
    number(numbers.lookup(value));
}

std::string plan::structureOf(Block &primitives) {
  KernelStructure structure;
  for (BlockArgument argument : primitives.getArguments())
    structure.addInput(argument);
  for (Operation &op : primitives.without_terminator())
    structure.addOp(&op, structureOf(&op));
  structure.addResults(primitives.getTerminator()->getOperands());
  return structure.take();
}
