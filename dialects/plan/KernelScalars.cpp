#include "dialects/plan/KernelScalars.h"

#include "dialects/rows/RowsDialect.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::hydra;
using namespace mlir::plan;

bool mlir::plan::isKernelScalar(Operation *op, NamedAttribute attribute) {
  // Discardable attributes are notes of other stages, whatever they hold.
  if (!op->getInherentAttr(attribute.getName()))
    return false;
  if ((isa<AdamWOp>(op) && attribute.getName() == "index") ||
      (isa<GroupedWeightGradOp>(op) && attribute.getName() == "group"))
    return true;
  return isa<FloatAttr>(attribute.getValue());
}

SmallVector<KernelScalar> mlir::plan::collectKernelScalars(Block &body) {
  SmallVector<KernelScalar> scalars;
  for (Operation &op : body) {
    if (auto program = dyn_cast<rows::ProgramOp>(op)) {
      for (auto scalar : program.getBody().getOps<rows::ScalarOp>())
        scalars.push_back({scalar, scalar.getValueAttrName()});
      continue;
    }
    // Inherent attributes live in properties; the dictionary view is sorted by name.
    for (NamedAttribute attribute : op.getAttrDictionary())
      if (isKernelScalar(&op, attribute))
        scalars.push_back({&op, attribute.getName()});
  }
  return scalars;
}

SmallVector<KernelScalar> mlir::plan::scalarsOfLaunch(Block &primitives, Block &kernelBody) {
  auto program = dyn_cast<rows::ProgramOp>(kernelBody.front());
  if (!program)
    return collectKernelScalars(primitives);
  SmallVector<Operation *> ops;
  for (Operation &op : primitives)
    ops.push_back(&op);
  SmallVector<KernelScalar> scalars;
  for (auto scalar : program.getBody().getOps<rows::ScalarOp>())
    scalars.push_back({ops[scalar.getSource()], scalar.getNameAttr()});
  return scalars;
}

int64_t mlir::plan::kernelScalarBits(const KernelScalar &scalar) {
  Attribute value = scalar.op->getAttr(scalar.attribute);
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return integer.getInt();
  return llvm::bit_cast<int64_t>(cast<FloatAttr>(value).getValueAsDouble());
}

void mlir::plan::neutralizeKernelScalars(Block &body) {
  for (const KernelScalar &scalar : collectKernelScalars(body)) {
    Attribute value = scalar.op->getAttr(scalar.attribute);
    Builder builder(scalar.op->getContext());
    if (auto integer = dyn_cast<IntegerAttr>(value))
      scalar.op->setAttr(scalar.attribute, builder.getIntegerAttr(integer.getType(), 0));
    else
      scalar.op->setAttr(scalar.attribute,
                         builder.getFloatAttr(cast<FloatAttr>(value).getType(), 1.0));
  }
}
