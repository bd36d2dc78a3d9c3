// Places of everything that outlives an entry or is seen by the host.
#ifndef HYDRA_PASSES_PLAN_REGIONLAYOUT_H
#define HYDRA_PASSES_PLAN_REGIONLAYOUT_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::plan {

// Bytes of a tensor of static shape, without padding.
int64_t bytesOf(Type type);

// The binding of an argument or result; input `argN` or output `resultN` if it has none.
hydra::BindingAttr argumentBinding(func::FuncOp function, unsigned index);
hydra::BindingAttr resultBinding(func::FuncOp function, unsigned index);

// A buffer that the host can name.
struct NamedPlace {
  hydra::BindingAttr binding;
  RankedTensorType type;
  RefAttr place;
  FloatAttr initial;      // of control and control state; may be null
  ReduceAttr reduce = {}; // of record fields
};

// Sizes of the regions while they are being filled.
class RegionSizes {
public:
  int64_t get(Region region) const { return sizes[static_cast<size_t>(region)]; }
  // Appends an aligned buffer and returns its place.
  RefAttr append(MLIRContext *context, Region region, int64_t bytes);
  void atLeast(Region region, int64_t bytes);

private:
  static constexpr size_t kRegions = getMaxEnumValForRegion() + 1;
  int64_t sizes[kRegions] = {};
};

// Buffers shared by all entries: parameters, gradients, optimizer, control, control_state, cache.
class SharedLayout {
public:
  // Fails with a diagnostic if two functions disagree about the type or initial value of a binding,
  // or a binding names a parameter that the parameter table does not hold with this type.
  static FailureOr<SharedLayout> create(ModuleOp module, RegionSizes &sizes);

  // The place of a shared binding.
  RefAttr lookup(hydra::BindingAttr binding) const { return buffers.find(binding)->second.place; }
  void emit(OpBuilder &builder, Location location) const;

private:
  LogicalResult add(Location location, hydra::BindingAttr binding, Type type, FloatAttr initial);
  void place(MLIRContext *context, ModuleOp module, RegionSizes &sizes);

  llvm::MapVector<hydra::BindingAttr, NamedPlace> buffers;
};

// Read-only data, one copy of equal contents.
class ConstantPool {
public:
  explicit ConstantPool(RegionSizes &sizes) : sizes(sizes) {}
  RefAttr add(ElementsAttr value);
  void emit(OpBuilder &builder, Location location) const;

private:
  RegionSizes &sizes;
  DenseMap<Attribute, RefAttr> byAttribute;
  llvm::StringMap<RefAttr> byContent;
  SmallVector<std::pair<RefAttr, ElementsAttr>> constants;
};

} // namespace mlir::plan

#endif // HYDRA_PASSES_PLAN_REGIONLAYOUT_H
