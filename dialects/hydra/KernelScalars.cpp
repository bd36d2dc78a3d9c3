#include "dialects/hydra/KernelScalars.h"

#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::hydra;

static bool isKernelScalar(Operation *op, NamedAttribute attribute) {
  if (isa<AdamWOp>(op) && attribute.getName() == "index")
    return true;
  return isa<FloatAttr>(attribute.getValue());
}

// The attributes that `op` declares and has, by name. Discardable ones (a scope, a note of some
// pass) say nothing about what a kernel computes and come and go.
static SmallVector<NamedAttribute> declaredAttributes(Operation *op) {
  SmallVector<NamedAttribute> attributes;
  for (StringAttr name : op->getName().getAttributeNames())
    if (std::optional<Attribute> value = op->getInherentAttr(name); value && *value)
      attributes.emplace_back(name, *value);
  llvm::sort(attributes);
  return attributes;
}

SmallVector<KernelScalar> mlir::hydra::collectKernelScalars(Block &body) {
  SmallVector<KernelScalar> scalars;
  for (Operation &op : body)
    for (NamedAttribute attribute : declaredAttributes(&op))
      if (isKernelScalar(&op, attribute))
        scalars.push_back({&op, attribute.getName()});
  return scalars;
}

int64_t mlir::hydra::kernelScalarBits(const KernelScalar &scalar) {
  Attribute value = scalar.op->getAttr(scalar.attribute);
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return integer.getInt();
  return llvm::bit_cast<int64_t>(cast<FloatAttr>(value).getValueAsDouble());
}

void mlir::hydra::neutralizeKernelScalars(Block &body) {
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
