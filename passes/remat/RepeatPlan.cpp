#include "passes/remat/RepeatPlan.h"

#include "passes/autodiff/AdjointBuilder.h"

using namespace mlir;
using namespace mlir::hydra;

static int64_t bytesOf(Value value) {
  RankedTensorType type = tensorType(value);
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
}

static StringAttr scopeOf(Operation *op) { return op->getAttrOfType<StringAttr>(kScopeAttrName); }

namespace {

class CheapPlan {
public:
  explicit CheapPlan(const Carried &carried) : carried(carried) {}

  llvm::DenseSet<Operation *> run() {
    for (const auto &[value, entry] : carried.values()) {
      Operation *maker = value.getDefiningOp();
      int64_t first = carried.positionOf(entry.readers.front());
      if (entry.isResult || entry.bytes < kLeastRecomputedBytes ||
          first - entry.lastEarly < kLeastDistance || !carried.isCheap(maker))
        continue;
      llvm::DenseSet<Operation *> chain;
      if (canRepeat(maker, first, chain))
        repeated.insert(chain.begin(), chain.end());
    }
    return std::move(repeated);
  }

private:
  // Whether all that `op` reads is there at `position`, or can be made of what is.
  bool canRepeat(Operation *op, int64_t position, llvm::DenseSet<Operation *> &chain) {
    chain.insert(op);
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      Value owner = bytesOwner(operand);
      Operation *maker = owner.getDefiningOp();
      if (!maker || isa<ConstantOp>(maker) || bytesOf(owner) < kLeastRecomputedBytes ||
          chain.contains(maker))
        return true;
      const CarriedValue *entry = carried.find(owner);
      bool isKept = entry && !repeated.contains(maker) &&
                    (entry->isResult || carried.positionOf(entry->readers.back()) >= position);
      return isKept || (carried.isCheap(maker) && canRepeat(maker, position, chain));
    });
  }

  const Carried &carried;
  llvm::DenseSet<Operation *> repeated;
};

} // namespace

llvm::DenseSet<Operation *> hydra::repeatCheap(const Carried &carried) {
  return CheapPlan(carried).run();
}

namespace {

class ScopePlan {
public:
  ScopePlan(const Carried &carried, const llvm::DenseSet<Operation *> &cheap)
      : carried(carried), cheap(cheap) {}

  SmallVector<RepeatedScope> run() {
    llvm::MapVector<StringAttr, SmallVector<const CarriedValue *>> byScope;
    for (const auto &[value, entry] : carried.values()) {
      Operation *maker = value.getDefiningOp();
      StringAttr scope = scopeOf(maker);
      bool isOwn = scope && llvm::all_of(entry.readers, [&](Operation *reader) {
                     return scopeOf(reader) == scope;
                   });
      if (isOwn && !entry.isResult && !cheap.contains(maker) && carried.isRepeatable(maker))
        byScope[scope].push_back(&entry);
    }
    SmallVector<RepeatedScope> scopes;
    for (const auto &[name, values] : byScope)
      if (RepeatedScope scope = plan(name, values); scope.bytes > 0)
        scopes.push_back(std::move(scope));
    // Bytes for each operation; the order of the program among equals.
    llvm::sort(scopes, [&](const RepeatedScope &a, const RepeatedScope &b) {
      double first = static_cast<double>(a.bytes) * static_cast<double>(b.flops);
      double second = static_cast<double>(b.bytes) * static_cast<double>(a.flops);
      if (first != second)
        return first > second;
      return carried.positionOf(a.largest) < carried.positionOf(b.largest);
    });
    return scopes;
  }

private:
  RepeatedScope plan(StringAttr name, ArrayRef<const CarriedValue *> values) {
    RepeatedScope scope;
    scope.name = name;
    inside.clear();
    leaves.clear();
    int64_t largest = 0;
    for (const CarriedValue *value : values)
      inside.insert(value->value.getDefiningOp());
    for (const CarriedValue *value : values) {
      scope.bytes += value->bytes;
      if (value->bytes > largest) {
        largest = value->bytes;
        scope.largest = value->value.getDefiningOp();
      }
      require(value->value.getDefiningOp(), name, scope);
    }
    for (Value leaf : leaves)
      scope.bytes -= bytesOf(leaf);
    return scope;
  }

  void require(Operation *op, StringAttr name, RepeatedScope &scope) {
    if (llvm::is_contained(scope.ops, op))
      return;
    scope.ops.push_back(op);
    if (auto cost = dyn_cast<CostOpInterface>(op))
      scope.flops += cost.getFlops();
    for (Value operand : op->getOperands()) {
      Value owner = bytesOwner(operand);
      Operation *maker = owner.getDefiningOp();
      if (!maker || isa<ConstantOp>(maker) || cheap.contains(maker))
        continue;
      const CarriedValue *entry = carried.find(owner);
      bool isRepeated = inside.contains(maker) || (!entry && carried.isRepeatable(maker) &&
                                                   (scopeOf(maker) == name || isRowOfKept(maker)));
      if (isRepeated)
        require(maker, name, scope);
      else if (!entry)
        leaves.insert(owner);
    }
  }

  // A row program of another scope, such as the norm in front, of what is carried.
  bool isRowOfKept(Operation *op) const {
    return carried.isCheap(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
             Value owner = bytesOwner(operand);
             Operation *maker = owner.getDefiningOp();
             return !maker || isa<ConstantOp>(maker) || cheap.contains(maker) ||
                    carried.find(owner);
           });
  }

  const Carried &carried;
  const llvm::DenseSet<Operation *> &cheap;
  llvm::DenseSet<Operation *> inside;
  llvm::SmallSetVector<Value, 4> leaves;
};

} // namespace

SmallVector<RepeatedScope> hydra::repeatableScopes(const Carried &carried,
                                                   const llvm::DenseSet<Operation *> &cheap) {
  return ScopePlan(carried, cheap).run();
}
